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
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
over() { # NAME OTHERS OURS AT_LEAST
  awk -v name="$1" -v a="$2" -v b="$3" -v least="$4" 'BEGIN { printf "%s %.2f times at_least %s\n", name, a / b, least }'
}

# The time of masscan at the highest rate at which it finds all that is open, as the others do. It sends each SYN once when
# nothing is said, which is its best where nothing is lost; where answers get lost in its own queue at every rate, it sends
# them again (--retries). --wait is how long it listens after the last one: 0 is tried first and 1 where that was too short (a
# number of seconds; 10 when nothing is said). Where it is never complete its shortest time is told, and holds nobody to
# anything: what it left out is no answer.
masscan_rate='' best='' complete='' # of the last run_masscan
run_masscan() { # CASE
  local how rate wait took trickle mac
  mac=$(ip -n "$target" -br link show eth0 | awk '{print $3}')
  # A trickle of packets: on a quiet interface masscan 1.3.2 does not end.
  (exec nsenter --net="/run/netns/$seat" bash -c \
    'for ((i = 0; i < 3000; ++i)); do sleep 0.2; echo >/dev/udp/10.77.9.2/9; done') >/dev/null 2>&1 &
  trickle=$!
  best='' masscan_rate='' complete=''
  for how in 1000000/0 300000/0 100000/0 100000/2 30000/0 30000/2 10000/0; do
    rate=${how%/*}
    for wait in 0 1; do
      took=$(seconds masscan inside timeout 60 masscan --interface eth0 --wait "$wait" --rate "$rate" --retries "${how#*/}" \
        -p1-65535 "$address" --router-mac "$mac") || continue
      if of_masscan | check "masscan --rate $rate --retries ${how#*/} --wait $wait, $1"; then
        best=$took masscan_rate=$rate complete=1
        break 2
      fi
      if [[ ! $best ]] || awk -v a="$took" -v b="$best" 'BEGIN { exit !(a < b) }'; then
        best=$took masscan_rate=${rate}_incomplete
      fi
    done
  done
  kill "$trickle" 2>/dev/null || true
}

# Ours and nmap in turn, so that other work on this machine meets both; the middle one of each counts.
compare() { # CASE OURS_AT_MOST CONNECT_AT_MOST RUNS NMAP_AT_LEAST MASSCAN_AT_LEAST
  local case=$1 took other i ours=() theirs=()
  for ((i = 0; i < 5; ++i)); do
    ours+=("$(run_bulkhead)")
    of_bulkhead | check "bulkhead, $case"
    if [[ $i -ge $4 ]] || ! command -v nmap >/dev/null; then continue; fi
    theirs+=("$(seconds nmap inside nmap -n -Pn -sS -T4 -p1-65535 -oG - "$address")")
    of_nmap | check "nmap -sS -T4, $case"
  done
  took=$(median "${ours[@]}")
  echo "scan_65535_ports_$case $took s at_most $2"
  other=$(run_bulkhead --connect)
  of_bulkhead | check "bulkhead --connect, $case"
  echo "scan_65535_ports_${case}_connect $other s at_most $3"
  if [[ ${#theirs[@]} -gt 0 ]]; then
    over "nmap_sS_T4_over_scan_$case" "$(median "${theirs[@]}")" "$took" "$5"
  else
    echo "scan.sh: nmap is missing: no comparison" >&2
  fi
  if command -v masscan >/dev/null; then
    run_masscan "$case"
    if [[ $best ]]; then # what is not complete is told alone
      over "masscan_${masscan_rate}_over_scan_$case" "$best" "$took" "$([[ $complete ]] && echo "$6" || echo 0)"
    else
      echo "scan.sh: masscan did not end: no comparison" >&2
    fi
  else
    echo "scan.sh: masscan is missing: no comparison" >&2
  fi
}

# What is asked for: twice the best of both where closed ports answer; 50 times nmap and twice masscan where they do not.
compare reset 4 8 5 2 2
drop_the_rest
compare drop 4 30 1 50 2
