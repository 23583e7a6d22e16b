#!/bin/bash
# What does `bulkhead audit --no-probe` cost on a large host, and how does that grow? Synthetic snapshots
# of 100, 200, 500, 1,000 and 2,000 containers, twenty to a network, with five rules for each
# (host_snapshot.py); the answers are compared with what was built into them. Lines: seconds and megabytes
# by size, and the exponent of growth in seconds from 100 to the largest.
#
#   host.sh BULKHEAD [SIZE...]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")
shift
sizes=("$@")
[[ ${#sizes[@]} -gt 0 ]] || sizes=(100 200 500 1000 2000)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Targets: those of 1,000 containers for all up to that, linear beyond.
for size in "${sizes[@]}"; do
  seconds=1.5 megabytes=160
  if ((size > 1000)); then
    seconds=$((size * 15 / 10000)) megabytes=250
  fi
  "$here/host_snapshot.py" "$size" >"$work/snapshot" 2>"$work/expected"
  "$bulkhead" audit --no-probe --fail-on never --json --snapshot "$work/snapshot" >"$work/report"
  python3 - "$work/report" "$work/expected" <<'END'
import json, sys
report, expected = (json.load(open(path)) for path in sys.argv[1:])
found = {
    "containers": report["counts"]["containers"],
    "services": report["counts"]["services"],
    "open_between_containers": sum(
        o["from"].startswith("container:") and o["as"] == "ordinary"  # what is forged is not what was built
        for e in report["exposures"]
        for o in e["open_from"]
    ),
}
wrong = {name: (count, expected[name]) for name, count in found.items() if count != expected[name]}
if wrong or report["counts"]["unknown"]:
    sys.exit(f"host.sh: found and expected differ: {wrong}; unknown: {report['counts']['unknown']}")
END
  "$here/measure.py" --runs 1 --seconds "host_${size}_containers" "${seconds_at_most:-$seconds}" \
    --megabytes "host_${size}_containers_memory" "${megabytes_at_most:-$megabytes}" -- \
    "$bulkhead" audit --no-probe --fail-on never --snapshot "$work/snapshot" | tee -a "$work/lines"
done
python3 - "$work/lines" <<'END'
import math, re, sys
took = {}
for line in open(sys.argv[1]):
    if found := re.match(r"host_(\d+)_containers (\S+) s", line):
        took[int(found[1])] = float(found[2])
small, large = min(took), max(took)
if small < large:
    print(f"host_growth {math.log(took[large] / took[small]) / math.log(large / small):.2f} power at_most 1.0")
END
