#!/bin/bash
# A thousand network namespaces scanned by one process: what memory and time does that take? Each namespace asks one
# address for its listener; that each found it, and called a port beside it closed, is checked.
#
#   scan_namespaces.sh BULKHEAD [COUNT]
#
# The namespaces are real and named in a private /run/netns: when this process ends, the kernel removes all of them.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")
readonly count=${2:-1000} per_bridge=250

if [[ ${3:-} != --inside ]]; then
  [[ $EUID -eq 0 ]] || {
    echo "scan_namespaces.sh: needs root, to make namespaces" >&2
    exit 1
  }
  exec unshare --mount --net --propagation private "$0" "$bulkhead" "$count" --inside
fi

mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
ip link set lo up
sysctl -qw net.ipv4.neigh.default.gc_thresh3=8192 net.ipv4.neigh.default.gc_thresh2=8192 2>/dev/null || true
for ((bridge = 0; bridge * per_bridge < count; ++bridge)); do
  ip link add "br$bridge" type bridge
  ip addr add "10.$bridge.255.254/16" dev "br$bridge"
  ip link set "br$bridge" up
done
for ((i = 0; i < count; ++i)); do echo "netns add n$i"; done | ip -batch -
for ((i = 0; i < count; ++i)); do
  echo "link add v$i master br$((i / per_bridge)) up type veth peer name eth0 netns n$i"
done | ip -batch -
for ((i = 0; i < count; ++i)); do
  bridge=$((i / per_bridge)) at=$((i % per_bridge))
  ip -netns "n$i" -batch - <<END
link set lo up
addr add 10.$bridge.$((at / 200)).$((at % 200 + 1))/16 dev eth0
link set eth0 up
route add default via 10.$bridge.255.254
END
done
work=$(mktemp -d)
mkfifo "$work/said"
"$here/listen.py" 7070 >"$work/said" &
listener=$!
trap 'kill "$listener" 2>/dev/null || true; rm -rf "$work"' EXIT
read -r _ <"$work/said"

from=()
for ((i = 0; i < count; ++i)); do from+=(--from "netns:/run/netns/n$i"); done
scan=("$bulkhead" scan --json --no-identify --engine unix:///nowhere "${from[@]}" --to 10.0.255.254 --ports 7070-7071)
"${scan[@]}" >"$work/out" || true
python3 - "$work/out" "$count" <<'END'
import json, sys
answer = json.load(open(sys.argv[1]))
seats = [s for s in answer["seats"]
         if [(r["ports"], r["state"]) for t in s["targets"] for r in t["runs"]] == [([7070, 7070], "open"), ([7071, 7071], "closed")]]
if len(seats) != int(sys.argv[2]) or answer["disagreements"] or not answer["finished"]:
    sys.exit(f"scan_namespaces.sh: {len(seats)} of {sys.argv[2]} seats saw what is there; {len(answer['disagreements'])} disagreements")
END
"$here/measure.py" --seconds "scan_from_${count}_namespaces" 60 --megabytes "scan_from_${count}_namespaces_memory" 200 --runs 1 \
  -- "${scan[@]}"
