#!/bin/bash
# How long does reading a thousand network namespaces take, warm, by the whole program?
#
#   namespaces.sh BULKHEAD
#
# The namespaces are real, each with an interface on a bridge of a host of their own, and are named in a
# private /run/netns: when this process ends, for whatever reason, the kernel removes all of them.
set -euo pipefail

readonly count=1000 per_bridge=250
here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")

if [[ ${2:-} != --inside ]]; then
  [[ $EUID -eq 0 ]] || {
    echo "namespaces.sh: needs root, to make namespaces" >&2
    exit 1
  }
  exec unshare --mount --net --propagation private "$0" "$bulkhead" --inside
fi

mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
ip link set lo up
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

snapshot=$(mktemp)
trap 'rm -f "$snapshot"' EXIT
"$bulkhead" snapshot --output "$snapshot" || [[ $? -eq 3 ]]
seen=$(grep -o '10\.[0-3]\.[01]\.[0-9]*' "$snapshot" | sort -u | wc -l)
[[ $seen -ge $count ]] || {
  echo "namespaces.sh: the snapshot holds $seen of $count addresses" >&2
  exit 1
}
"$here/measure.py" --seconds read_1000_namespaces 1.5 --runs 3 --ok 0,3 -- "$bulkhead" snapshot
