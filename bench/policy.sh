#!/bin/bash
# What do the rules of a policy cost? Packets and connections through a part of a Docker host in namespaces of its own: on one bridge
# and routed outward, IPv4 and IPv6; with the engine's rules alone, with those of a policy of ten entries and of ten thousand beside
# them, and with ten thousand linear rules of the same meaning, of iptables and of nft. All of one run; each the least of ROUNDS
# rounds that take turns. That each packet arrived is checked, and that what no line permits does not.
# Then seconds to compile and to prove a policy for hosts of 100 to 1,000 containers.
#
#   policy.sh BULKHEAD [--inside]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091  # it lies beside this one
source "$here/namespaces.bash"
inside_own_host "$@"
bulkhead=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }

python3 "$here/policy_world.py" "$work"
g++ -std=c++20 -O2 -o "$work/send" "$here/policy_send.cpp"

in_host() { # WORLD COMMAND...
  local -r name=$1
  shift
  nsenter --net="/run/netns/$name.host" "$@"
}

for name in engine small large iptables nft; do sh "$work/world.sh" "$name." "$work"; done
for name in small large; do
  "$bulkhead" compile --config "$work/$name.yaml" --snapshot "$work/snapshot.json" -o "$work/$name.nft"
  in_host "$name" nft -f "$work/$name.nft"
done
in_host iptables iptables-restore -n "$work/linear.v4"
in_host iptables ip6tables-restore -n "$work/linear.v6"
in_host nft nft -f "$work/linear.nft"

ROUNDS=${ROUNDS:-9} python3 "$here/policy_measure.py" "$work"

for containers in 100 300 1000; do
  "$here/host_snapshot.py" "$containers" >"$work/host.json" 2>/dev/null
  "$here/policy_world.py" --of-host "$containers" >"$work/host.yaml"
  "$here/measure.py" --runs 3 --seconds "policy_compile_$containers" 2 -- \
    "$bulkhead" compile --config "$work/host.yaml" --snapshot "$work/host.json"
  "$here/measure.py" --runs 1 --seconds "policy_plan_$containers" 2 -- \
    "$bulkhead" plan --config "$work/host.yaml" --snapshot "$work/host.json"
done
