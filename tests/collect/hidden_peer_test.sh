#!/bin/bash
# A host in a container of its own (LXC, nspawn): the other end of its uplink is in a namespace that
# cannot be seen from it. That is no gap in what was read: the link leads outside, and whoever is
# there is asked about as on any uplink. A bridge's hidden member, on the other hand, is named.
#
#   hidden_peer_test.sh BULKHEAD
set -euo pipefail

bulkhead=$1
inner=hidden$$-in outer=hidden$$-out
scratch=$(mktemp -d)
cleanup() {
  ip netns del "$inner" 2>/dev/null || true
  ip netns del "$outer" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

ip netns add "$inner"
ip netns add "$outer"
ip -n "$inner" link add eth0 type veth peer name eth0 netns "$outer"
ip -n "$inner" addr add 192.168.7.2/24 dev eth0
ip -n "$inner" link set eth0 up
ip -n "$inner" link set lo up
ip -n "$outer" link set eth0 up
ip -n "$inner" route add default via 192.168.7.1

# Neither /run/netns nor the processes of other namespaces are seen in there.
seen_from_inside() {
  ip netns exec "$inner" unshare --pid --fork --mount --mount-proc sh -c '
    umount -R -l /run/netns && "$@"' sh "$@"
}

cat >"$scratch/questions" <<'QUESTIONS'
{"id": "in", "from": "internet", "to": "192.168.7.2", "port": 1, "expect": "closed"}
{"id": "near", "from": "lan", "to": "192.168.7.2", "port": 1, "expect": "closed"}
{"id": "out", "from": "host", "to": "192.0.2.1", "port": 1}
QUESTIONS
cp "$bulkhead" "$scratch/bulkhead"
code=0
seen_from_inside "$scratch/bulkhead" audit --no-probe --json >"$scratch/report" || code=$?
[[ $code -eq 0 ]] || {
  echo "FAILED: the audit ended $code" >&2
  cat "$scratch/report" >&2
  exit 1
}
grep -q '"gaps": *\[\]' "$scratch/report" || {
  echo "FAILED: the uplink is told as a gap" >&2
  exit 1
}
seen_from_inside "$scratch/bulkhead" query "$scratch/questions" >"$scratch/answers" || {
  echo "FAILED: an expectation is not met" >&2
  cat "$scratch/answers" >&2
  exit 1
}
grep -q '"id": "out".*"verdict":"unknown".*leaves what is known by eth0' "$scratch/answers" || {
  echo "FAILED: what is beyond the uplink must stay unknown" >&2
  cat "$scratch/answers" >&2
  exit 1
}

ip -n "$inner" link add br0 type bridge
ip -n "$inner" link add member type veth peer name eth1 netns "$outer"
ip -n "$inner" link set member master br0 up
code=0
seen_from_inside "$scratch/bulkhead" audit --no-probe >"$scratch/report" || code=$?
if [[ $code -ne 3 ]] || ! grep -q 'link member of a bridge' "$scratch/report"; then
  echo "FAILED: the bridge's hidden member is not named (exit $code)" >&2
  cat "$scratch/report" >&2
  exit 1
fi
echo "a hidden uplink is outside, a hidden member is named"
