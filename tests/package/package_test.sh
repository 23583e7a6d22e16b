#!/bin/bash
# The package installs, runs and purges cleanly, tried with the real apt on the real system, whose files
# stay as they are: all of it happens in a mount namespace on an overlay of /, and what the overlay holds
# afterwards is what the package left behind.
#
#   package_test.sh BUILD_FOLDER
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

if [[ ${2:-} != --inside ]]; then
  [[ $EUID -eq 0 ]] || fail "needs root, to install a package"
  exec unshare --mount --propagation private "$0" "$build" --inside
fi

# From here on nothing outlives this process: the mounts belong to its namespace, the files are in memory.
scratch=/mnt
mount -t tmpfs -o size=1g tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root}
deb=$("$root/scripts/make-deb" "$build" "$scratch")
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
for folder in proc sys dev run; do mount --rbind "/$folder" "$scratch/root/$folder"; done
cp "$deb" "$scratch/root/tmp/bulkhead.deb"

inside() {
  chroot "$scratch/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# Files that the overlay changed, without the records of dpkg and apt themselves.
changed() {
  (cd "$scratch/upper" && find . \( -type f -o -type l -o -type c \) -printf '%P\n') |
    grep -vE '^(tmp/bulkhead\.deb$|var/(lib/(dpkg|apt)|cache|log)/|root/\.)' || true
}

# Triggers of man-db build its index anew, for seconds, whatever the package holds.
rm -f "$scratch/root/var/lib/man-db/auto-update"
dpkg-query -W bulkhead >/dev/null 2>&1 && inside dpkg --purge bulkhead >/dev/null
before=$(changed)

inside apt-get -qq -y --no-install-recommends install /tmp/bulkhead.deb >/dev/null ||
  fail "apt-get install: are the libraries in Depends not those that it was built with?"
# shellcheck disable=SC2016  # a format of dpkg-query
[[ $(inside dpkg-query -W -f '${db:Status-Abbrev}' bulkhead) == "ii " ]] || fail "not installed"
[[ $(inside dpkg --verify bulkhead) == "" ]] || fail "checksums differ"

inside bulkhead version | grep -q '^bulkhead [0-9]' || fail "bulkhead version"
inside bulkhead-scan 127.0.0.1 --ports 1-9 --no-identify >/dev/null || fail "bulkhead-scan"
inside ldd /usr/bin/bulkhead-scan 2>&1 | grep -qE 'statically linked|not a dynamic executable' ||
  fail "bulkhead-scan needs libraries"
[[ $(inside sh -c 'command -v bulkhead') == /usr/bin/bulkhead ]] || fail "not in PATH"
inside ldd /usr/bin/bulkhead | grep 'not found' && fail "a library is missing"
code=0
inside bulkhead audit --no-probe >"$scratch/report" || code=$?
[[ $code -eq 0 || $code -eq 1 || $code -eq 3 ]] || fail "bulkhead audit ended $code"
[[ -s $scratch/report ]] || fail "bulkhead audit printed nothing"
for file in man/man1/bulkhead.1.gz man/man1/bulkhead-scan.1.gz bash-completion/completions/bulkhead \
  zsh/vendor-completions/_bulkhead fish/vendor_completions.d/bulkhead.fish \
  bash-completion/completions/bulkhead-scan zsh/vendor-completions/_bulkhead-scan \
  fish/vendor_completions.d/bulkhead-scan.fish doc/bulkhead/copyright \
  doc/bulkhead/changelog.gz; do
  [[ -s $scratch/upper/usr/share/$file ]] || fail "no /usr/share/$file"
done
compgen -G "$scratch/upper/usr/share/bulkhead/schemas/*.json" >/dev/null || fail "no schemas"
inside bash -n /usr/share/bash-completion/completions/bulkhead || fail "completion for bash"
grep -qaF "$root" "$scratch/upper/usr/bin/bulkhead" && fail "the program holds the path of its source"

inside apt-get -qq -y purge bulkhead >/dev/null || fail "apt-get purge"
inside dpkg-query -W bulkhead >/dev/null 2>&1 && fail "still known to dpkg"
left=$(comm -13 <(sort <<<"$before") <(changed | sort))
[[ -z $left ]] || fail "left behind: $left"
echo "installed, ran (audit ended $code) and purged: $(basename "$deb")"
