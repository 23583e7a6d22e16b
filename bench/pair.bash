# shellcheck shell=bash disable=SC2154,SC2034
# For benchmarks (source it): a scanner and a target, two namespaces joined by a veth pair, and thirty listeners all over
# the range. `seat`, `target`, `address` (of the target) and `work` (a folder) are set before.

listener=
clean_pair() {
  [[ -z $listener ]] || kill "$listener" 2>/dev/null || true
  ip netns del "$seat" 2>/dev/null || true
  ip netns del "$target" 2>/dev/null || true
  rm -rf "$work"
}

# Sets `ports` and `open`, the same as lines.
make_pair() { # ADDRESS_OF_SEAT: in the same /24
  [[ $EUID -eq 0 ]] || {
    echo "$(basename "$0"): needs root, to make namespaces" >&2
    exit 1
  }
  trap clean_pair EXIT
  local name i
  for name in "$seat" "$target"; do
    ip netns add "$name"
    ip -n "$name" link set lo up
  done
  ip -n "$seat" link add eth0 type veth peer name eth0 netns "$target"
  ip -n "$seat" addr add "$1/24" dev eth0
  ip -n "$target" addr add "$address/24" dev eth0
  ip -n "$seat" link set eth0 up
  ip -n "$target" link set eth0 up
  ports=()
  for ((i = 0; i < 30; ++i)); do ports+=($((22 + i * 2179))); done
  open=$(printf '%s\n' "${ports[@]}")
  mkfifo "$work/said"
  nsenter --net="/run/netns/$target" "$(dirname "$(realpath "$0")")/listen.py" "${ports[@]}" >"$work/said" &
  listener=$!
  read -r _ <"$work/said"
}

# Everything but the listeners is dropped.
drop_the_rest() {
  nsenter --net="/run/netns/$target" nft "table inet f {
  chain i {
    type filter hook input priority 0
    tcp dport != { $(IFS=,; echo "${ports[*]}") } drop
  }
}"
}
