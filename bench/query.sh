#!/bin/bash
# How many questions a second does `bulkhead query` answer, reading a snapshot and JSON Lines?
#
#   query.sh BULKHEAD
#
# The network is a host with three bridges of four containers each, published ports and rules as Docker
# writes them, and a listener in each container. All of it lives in namespaces of this process and ends
# with it. At least a fifth of the answers must be open, and none may be missing.
set -euo pipefail

readonly questions=200000 target=100000
here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")

if [[ ${2:-} != --inside ]]; then
  [[ $EUID -eq 0 ]] || {
    echo "query.sh: needs root, to make namespaces" >&2
    exit 1
  }
  exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
    "$0" "$bulkhead" --inside
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1

{
  echo '*filter'
  echo ':FORWARD DROP [0:0]'
  for chain in DOCKER-USER DOCKER DOCKER-ISOLATION-1 DOCKER-ISOLATION-2; do echo ":$chain - [0:0]"; done
  echo '-A FORWARD -j DOCKER-USER'
  echo '-A FORWARD -j DOCKER-ISOLATION-1'
  for bridge in 0 1 2; do
    echo "-A FORWARD -o br$bridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    echo "-A FORWARD -o br$bridge -j DOCKER"
    echo "-A FORWARD -i br$bridge ! -o br$bridge -j ACCEPT"
    echo "-A FORWARD -i br$bridge -o br$bridge -j ACCEPT"
    echo "-A DOCKER-ISOLATION-1 -i br$bridge ! -o br$bridge -j DOCKER-ISOLATION-2"
    echo "-A DOCKER-ISOLATION-2 -o br$bridge -j DROP"
    echo "-A DOCKER -d 10.$bridge.0.1/32 ! -i br$bridge -o br$bridge -p tcp -m tcp --dport 8000 -j ACCEPT"
  done
  echo '-A DOCKER-USER -j RETURN'
  echo COMMIT
  echo '*nat'
  echo ':DOCKER - [0:0]'
  echo '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER'
  echo '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER'
  for bridge in 0 1 2; do
    echo "-A POSTROUTING -s 10.$bridge.0.0/16 ! -o br$bridge -j MASQUERADE"
    echo "-A DOCKER ! -i br$bridge -p tcp -m tcp --dport 808$bridge -j DNAT --to-destination 10.$bridge.0.1:8000"
  done
  echo COMMIT
} | iptables-nft-restore

for bridge in 0 1 2; do
  ip link add "br$bridge" type bridge
  ip addr add "10.$bridge.255.254/16" dev "br$bridge"
  ip link set "br$bridge" up
  for at in 1 2 3 4; do
    name=c$bridge$at
    ip netns add "$name"
    ip link add "v$bridge$at" master "br$bridge" up type veth peer name eth0 netns "$name"
    ip -netns "$name" link set lo up
    ip -netns "$name" addr add "10.$bridge.0.$at/16" dev eth0
    ip -netns "$name" link set eth0 up
    ip -netns "$name" route add default via "10.$bridge.255.254"
    exec {ready}< <(exec nsenter --net="/run/netns/$name" "$here/listen.py" 8000)
    read -r _ <&"$ready"  # it says when it listens
  done
done

"$bulkhead" snapshot --output "$work/snapshot.json" || [[ $? -eq 3 ]]
python3 - "$questions" >"$work/questions" <<'END'
import itertools, json, sys
places = [f"netns:/run/netns/c{b}{a}" for b in range(3) for a in range(1, 5)] + ["host"]
goals = [(f"10.{b}.0.{a}", 8000) for b in range(3) for a in range(1, 5)]
goals += [(f"10.{b}.255.254", port) for b in range(3) for port in (8080, 8081, 8082, 8083)]
asked = itertools.islice(itertools.cycle(itertools.product(places, goals)), int(sys.argv[1]))
for number, (place, (address, port)) in enumerate(asked):
    print(json.dumps({"id": number, "from": place, "to": address, "port": port, "proto": "tcp"}))
END
"$bulkhead" query --snapshot "$work/snapshot.json" "$work/questions" >"$work/answers" || [[ $? -eq 3 ]]
open=$(grep -c '"verdict":"open"' "$work/answers" || true)
answers=$(grep -c '"verdict":"\(open\|closed\)"' "$work/answers" || true)
if [[ $answers -ne $questions || $((open * 5)) -lt $questions || $open -eq $answers ]]; then
  echo "query.sh: $questions questions, $answers answers, $open open" >&2
  exit 1
fi
"$here/measure.py" --rate query_lines "$questions" "$target" --ok 0,3 -- \
  "$bulkhead" query --snapshot "$work/snapshot.json" "$work/questions"
