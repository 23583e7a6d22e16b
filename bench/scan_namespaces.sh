#!/bin/bash
# A thousand network namespaces scanned by one process: what memory and time does that take? Each namespace asks one
# address for its listener; that each found it, and called a port beside it closed, is checked. Twice: with the kernel's table
# of neighbours as it comes, which has no room for all of them (1,024, and not to be changed from here), so that answers are
# dropped until there is; and with neighbours that are set by hand, which do not count.
#
#   scan_namespaces.sh BULKHEAD [COUNT]
#
# The namespaces are real and named in a private /run/netns: when this process ends, the kernel removes all of them.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")
readonly count=${2:-1000}
# shellcheck disable=SC1091  # it lies beside this one
source "$here/namespaces.bash"

inside_own_host "$bulkhead" "$count" "${@:3}"
make_namespaces "$count"
work=$(mktemp -d)
mkfifo "$work/said"
"$here/listen.py" 7070 >"$work/said" &
listener=$!
trap 'kill "$listener" 2>/dev/null || true; rm -rf "$work"' EXIT
read -r _ <"$work/said"

from=()
for ((i = 0; i < count; ++i)); do from+=(--from "netns:/run/netns/n$i"); done
scan=("$bulkhead" scan --json --no-identify --engine unix:///nowhere "${from[@]}" --to 10.0.255.254 --ports 7070-7071)
measure() { # NAME SECONDS_AT_MOST
  python3 - "$work/out" "$count" "$1" "$2" "${scan[@]}" <<'END'
import json, os, subprocess, sys, time
path, count, name, most, command = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
begin = time.monotonic()
with open(path, "wb") as out, subprocess.Popen(command, stdout=out) as process:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
took = time.monotonic() - begin
with open(path, encoding="utf-8") as file:
    answer = json.load(file)
seats = [s for s in answer["seats"]
         if [(r["ports"], r["state"]) for t in s["targets"] for r in t["runs"]] == [([7070, 7070], "open"), ([7071, 7071], "closed")]]
if len(seats) != count or answer["disagreements"] or not answer["finished"]:
    sys.exit(f"scan_namespaces.sh: {name}: {len(seats)} of {count} seats saw what is there; {len(answer['disagreements'])} disagreements")
print(f"{name} {took:.3f} s at_most {most}")
print(f"{name}_memory {usage.ru_maxrss / 1024:.0f} MB at_most 200")
END
}
measure "scan_from_${count}_namespaces_crowded" 150
know_neighbours "$count"
measure "scan_from_${count}_namespaces" 30
