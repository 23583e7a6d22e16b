# shellcheck shell=bash
# For benchmarks (source it): many network namespaces, each with an interface on a bridge of the host.

# Runs the script again in a mount and a network namespace of its own, where /run/netns is private: when that process
# ends, for whatever reason, the kernel removes all of them. The last argument of the second run is --inside.
inside_own_host() { # ARGUMENTS...: of the script
  [[ ${*: -1} != --inside ]] || return 0
  [[ $EUID -eq 0 ]] || {
    echo "$(basename "$0"): needs root, to make namespaces" >&2
    exit 1
  }
  exec unshare --mount --net --propagation private "$0" "$@" --inside
}

# n0, n1, ...: 10.BRIDGE.X.Y/16 each, with a default route to the host, which is 10.BRIDGE.255.254.
make_namespaces() { # COUNT
  local -r all=$1 per_bridge=250
  local bridge i at
  mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
  ip link set lo up
  for ((bridge = 0; bridge * per_bridge < all; ++bridge)); do
    ip link add "br$bridge" type bridge
    ip addr add "10.$bridge.255.254/16" dev "br$bridge"
    ip link set "br$bridge" up
  done
  for ((i = 0; i < all; ++i)); do echo "netns add n$i"; done | ip -batch -
  for ((i = 0; i < all; ++i)); do
    echo "link add v$i master br$((i / per_bridge)) up type veth peer name eth0 netns n$i"
  done | ip -batch -
  for ((i = 0; i < all; ++i)); do
    bridge=$((i / per_bridge)) at=$((i % per_bridge))
    ip -netns "n$i" -batch - <<END
link set lo up
addr add 10.$bridge.$((at / 200)).$((at % 200 + 1))/16 dev eth0
link set eth0 up
route add default via 10.$bridge.255.254
END
  done
}

# Sets the neighbours of these namespaces and of their bridges by hand. Such entries do not count against what the kernel's
# table holds (gc_thresh3), as it is raised on hosts with so many containers.
know_neighbours() { # COUNT
  local -r all=$1 per_bridge=250
  local bridge i at mac own
  for ((bridge = 0; bridge * per_bridge < all; ++bridge)); do
    ip link set "br$bridge" address "02:00:00:01:00:0$bridge"
  done
  for ((i = 0; i < all; ++i)); do
    bridge=$((i / per_bridge)) at=$((i % per_bridge))
    mac=$(printf '02:00:00:00:%02x:%02x' $((i / 256)) $((i % 256)))
    own=10.$bridge.$((at / 200)).$((at % 200 + 1))
    echo "neigh replace $own lladdr $mac dev br$bridge nud permanent"
    ip -netns "n$i" -batch - <<END
link set eth0 address $mac
neigh replace 10.$bridge.255.254 lladdr 02:00:00:01:00:0$bridge dev eth0 nud permanent
END
  done | ip -batch -
}
