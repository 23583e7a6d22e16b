#!/bin/bash
# Are thirty open ports among all 65,535 found in each of a hundred scans: where closed ports answer with a reset, where
# the rest is dropped, and where one packet in twenty is lost in each direction (fifteen scans, which take longer)? And
# what does that take? Each answer is checked: which ports are open, and that none is called closed where nothing answers.
#
#   scan_often.sh BULKHEAD [RUNS]
#
# By bulkhead-scan, which lies beside BULKHEAD and has the same engine. Two namespaces joined by a veth pair, removed at
# the end.
set -euo pipefail

scanner=$(dirname "$(realpath "$1")")/bulkhead-scan
readonly runs=${2:-100} lossy=15
prefix=bkoften$$
readonly seat=$prefix-s target=$prefix-t address=10.77.8.2
work=$(mktemp -d)
[[ -x $scanner ]] || {
  echo "scan_often.sh: $scanner is not there" >&2
  exit 1
}
# shellcheck disable=SC1091  # it lies beside this one
source "$(dirname "$(realpath "$0")")/pair.bash"
ports=()
make_pair 10.77.8.1

# Prints the other state's name and whether the answer is right.
check() { # SILENT: nothing but the listeners answers
  python3 - "$work/out" "$1" "${ports[@]}" <<'END'
import json, sys
[target] = json.load(open(sys.argv[1]))["seats"][0]["targets"]
states = {"open": set(), "closed": 0, "filtered": 0, "unknown": 0}
for run in target["runs"]:
    first, last = run["ports"]
    if run["state"] == "open":
        states["open"].update(range(first, last + 1))
    else:
        states[run["state"]] += last - first + 1
silent = sys.argv[2] == "silent"
right = states["open"] == {int(port) for port in sys.argv[3:]}
right = right and states["unknown"] == 0 and states["closed" if silent else "filtered"] == 0
sys.exit(0 if right else f"open {sorted(states['open'])}, {states}")
END
}

often() { # CASE RUNS SILENT SECONDS_AT_MOST
  local case=$1 count=$2 silent=$3 most=$4 right=0 begin end
  begin=$(date +%s%N)
  for ((i = 0; i < count; ++i)); do
    nsenter --net="/run/netns/$seat" "$scanner" "$address" --ports all --rate 200000 --no-identify --json >"$work/out" || true
    if check "$silent"; then right=$((right + 1)); fi
  done
  end=$(date +%s%N)
  echo "scans_that_find_all_30_of_${count}_$case $right runs at_least $count"
  awk -v ns=$((end - begin)) -v n="$count" -v c="$case" -v most="$most" \
    'BEGIN { printf "one_such_scan_%s %.3f s at_most %s\n", c, ns / 1e9 / n, most }'
}
rules() { nsenter --net="/run/netns/$target" nft "$1"; }

often reset "$runs" answers 5
drop_the_rest
often drop "$runs" silent 8
rules "delete table inet f"
rules "table inet f {
  chain i {
    type filter hook input priority 0
    meta l4proto tcp numgen random mod 100 < 5 drop
  }
  chain o {
    type filter hook output priority 0
    meta l4proto tcp numgen random mod 100 < 5 drop
  }
}"
often lossy $((runs < lossy ? runs : lossy)) answers 30
