#!/bin/bash
# Compares `bulkhead query` with the kernel's own answers on random container hosts, by a tool that shares
# no code with the product (it is not part of this repository: BULKHEAD_RANDNET is its folder).
#
#   randnet.sh BULKHEAD SEEDS [FIRST|fresh]      FIRST is 1 by default; fresh takes another range each time
#
# Networks with a mismatch are kept in build/randnet, and tried again pair by pair: what a pair gets may depend on
# which neighbours earlier probes made known (asked_first.py). Ends 0 only when all seeds ran without a mismatch that
# is there in a first connection, too, and at most 20 % of the answers were unknown.
set -euo pipefail

readonly most_unknown_percent=20
bulkhead=$(realpath "$1")
seeds=$2
first=${3:-1}
here=$(cd "$(dirname "$0")/../.." && pwd)
tool=${BULKHEAD_RANDNET:-$here/../shared/tools/randnet}/randnet.py

[[ -f $tool ]] || {
  echo "randnet.sh: no $tool: set BULKHEAD_RANDNET to the folder of randnet.py" >&2
  exit 1
}
if [[ $first == fresh ]]; then
  first=$(($(date +%s) % 1000000 * 1000))
fi
last=$((first + seeds - 1))
echo "seeds $first-$last"
ended=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
mkdir -p "$here/build/randnet"
python3 "$tool" run --seeds "$first-$last" --bulkhead "$bulkhead" \
  --keep-fail "$here/build/randnet" | tee "$out" || ended=$?

mapfile -t mismatched < <(sed -n 's/^seed \([0-9]*\): mismatches [1-9].*/\1/p' "$out")
((ended == 0 || ${#mismatched[@]} > 0)) || exit "$ended"
for seed in "${mismatched[@]}"; do
  echo "seed $seed: each pair as the first of all"
  python3 "$here/tests/oracle/asked_first.py" "$tool" "$here/build/randnet/seed$seed.json" | tee -a "$out"
done

# seeds N connections M open O mismatches X how-mismatches Y unknown U
awk -v wanted="$seeds" -v most="$most_unknown_percent" '
  /^seeds [0-9]+ connections / {
    for (i = 1; i < NF; i += 2) value[$i] = $(i + 1)
    found = 1
  }
  /^pairs [0-9]+ of seed / { excused += $2 }
  END {
    if (!found) { print "no closing line"; exit 1 }
    if (value["seeds"] != wanted) { print "only " value["seeds"] " seeds ran"; exit 1 }
    if (value["mismatches"] != excused) { print "mismatches that were not tried again"; exit 1 }
    if (value["open"] == 0) { print "nothing was open: the truth is not worth comparing with"; exit 1 }
    unknown = 100 * value["unknown"] / value["connections"]
    printf "unknown %.1f %%\n", unknown
    exit unknown > most
  }' "$out"
