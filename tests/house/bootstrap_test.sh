#!/bin/bash
# scripts/bootstrap asks apt once, for what is missing only, and is quick and silent when nothing is. Tried
# with stand-ins for dpkg-query and apt-get, so nothing is installed.
# shellcheck disable=SC2016  # the stand-ins expand when they run
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

# Knows every package but those in MISSING; the real one also fails when a name is unknown to it.
stand_in dpkg-query 'for name in "${@:4}"; do
  if [[ " $MISSING " != *" $name "* ]]; then echo "installed $name"; fi
done
[[ -z $MISSING ]]'
stand_in apt-get 'echo "$*" >>"$APT_LOG"; [[ " $* " != *" install "* || -z ${APT_FAILS:-} ]] || { echo "E: no such package"; exit 100; }'
stand_in sudo 'exec "$@"'

export APT_LOG=$scratch/apt.log PATH=$scratch/bin:$PATH

bootstrap() {
  : >"$APT_LOG"
  "$root/scripts/bootstrap" "$@" >"$scratch/out" 2>"$scratch/err"
}

MISSING='' bootstrap build lab test lint deb || fail "nothing is missing, and it fails"
[[ ! -s $APT_LOG && ! -s $scratch/out && ! -s $scratch/err ]] || fail "nothing is missing, and it speaks"

MISSING='libmnl-dev libfmt-dev' bootstrap build || fail "cannot install"
[[ $(grep -c ' install ' "$APT_LOG") -eq 1 ]] || fail "apt-get install ran other than once"
grep -q ' install libfmt-dev libmnl-dev$' "$APT_LOG" || fail "asks for other than what is missing: $(cat "$APT_LOG")"

MISSING='libmnl-dev' APT_FAILS=1 bootstrap build && fail "apt fails, and nobody hears"
grep -q 'E: no such package' "$scratch/err" || fail "what apt said is not shown"

bootstrap nonsense && fail "an unknown group is accepted"
bootstrap && fail "no group is accepted"

for group in build lab services more-services test lint deb; do
  MISSING='' bootstrap --list "$group" || fail "--list $group"
  [[ -s $scratch/out ]] || fail "--list $group is empty"
done
echo "asks once, for what is missing"
