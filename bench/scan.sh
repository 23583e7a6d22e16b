#!/bin/bash
# How fast is `bulkhead scan` beside nmap and masscan, over all 65,535 TCP ports of one address of which 30
# are open: where closed ports answer with a reset, and where the rest is dropped? Each answer is checked.
# The time of `scan` holds its reading of the whole host; services are not asked what they are. Tools that
# are missing are said to be missing.
#
#   scan.sh BULKHEAD
#
# Two namespaces joined by a veth pair, removed at the end.
set -euo pipefail

bulkhead=$(realpath "$1")
prefix=bkbench$$
readonly seat=$prefix-s target=$prefix-t address=10.77.9.2
work=$(mktemp -d)
# shellcheck disable=SC1091  # it lies beside this one
source "$(dirname "$(realpath "$0")")/pair.bash"
ports=() open=
make_pair 10.77.9.1

inside() { nsenter --net="/run/netns/$seat" "$@"; }
seconds() { # NAME COMMAND...: runs it, its output in $work/out
  local begin end
  begin=$(date +%s%N)
  shift
  "$@" >"$work/out" 2>"$work/err" || [[ $? -eq 1 ]]
  end=$(date +%s%N)
  awk -v ns=$((end - begin)) 'BEGIN { printf "%.3f", ns / 1e9 }'
}
check() { # NAME: the open ports in standard input are those that listen
  local found
  found=$(sort -n)
  [[ $found == "$open" ]] || {
    echo "scan.sh: $1 found $(wc -w <<<"$found") of ${#ports[@]} open ports" >&2
    return 1
  }
}
of_bulkhead() {
  python3 -c 'import json, sys
for port in json.load(open(sys.argv[1]))["seats"][0]["targets"][0]["open"]: print(port["port"])' "$work/out"
}
of_nmap() { grep -oE '[0-9]+/open' "$work/out" | cut -d/ -f1; }
of_masscan() { grep -oE 'port [0-9]+/tcp' "$work/out" | grep -oE '[0-9]+'; }

run_bulkhead() {
  seconds bulkhead "$bulkhead" scan --json --no-identify --engine unix:///nowhere --from "netns:/run/netns/$seat" \
    --to "$address" --full "$@"
}
compare() { # CASE
  local case=$1 took other
  took=$(run_bulkhead)
  of_bulkhead | check "bulkhead, $case"
  echo "scan_65535_ports_$case $took s at_most $2"
  other=$(run_bulkhead --connect)
  of_bulkhead | check "bulkhead --connect, $case"
  echo "scan_65535_ports_${case}_connect $other s at_most $3"
  if command -v nmap >/dev/null; then
    other=$(seconds nmap inside nmap -n -Pn -sS -T4 -p1-65535 -oG - "$address")
    of_nmap | check "nmap -sS -T4, $case"
    awk -v a="$other" -v b="$took" -v c="$case" \
      'BEGIN { printf "nmap_sS_T4_over_scan_%s %.2f times at_least 0.5\n", c, a / b }'
  else
    echo "scan.sh: nmap is missing: no comparison" >&2
  fi
  if command -v masscan >/dev/null; then
    # A trickle of packets: on a quiet interface masscan 1.3.2 does not end.
    inside bash -c 'while sleep 0.2; do echo >/dev/udp/10.77.9.2/9; done' 2>/dev/null &
    local trickle=$!
    other=$(seconds masscan inside timeout 60 masscan --interface eth0 --wait 1 --rate 100000 \
      -p1-65535 "$address" --router-mac "$(ip -n "$target" -br link show eth0 | awk '{print $3}')") || true
    kill "$trickle" 2>/dev/null || true
    # What it lost itself is no answer of ours: then there is nothing to compare.
    if of_masscan | check "masscan, $case"; then
      awk -v a="$other" -v b="$took" -v c="$case" \
        'BEGIN { printf "masscan_100k_over_scan_%s %.2f times at_least 0.5\n", c, a / b }'
    fi
  else
    echo "scan.sh: masscan is missing: no comparison" >&2
  fi
}

compare reset 4 8
drop_the_rest
compare drop 6 30
