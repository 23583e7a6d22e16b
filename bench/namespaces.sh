#!/bin/bash
# How long does reading a thousand network namespaces take, warm, by the whole program?
#
#   namespaces.sh BULKHEAD
#
# The namespaces are real, each with an interface on a bridge of a host of their own, and are named in a
# private /run/netns: when this process ends, for whatever reason, the kernel removes all of them.
set -euo pipefail

readonly count=1000
here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")
# shellcheck disable=SC1091  # it lies beside this one
source "$here/namespaces.bash"

inside_own_host "$bulkhead" "${@:2}"
make_namespaces "$count"

snapshot=$(mktemp)
trap 'rm -f "$snapshot"' EXIT
"$bulkhead" snapshot --output "$snapshot" || [[ $? -eq 3 ]]
seen=$(grep -o '10\.[0-3]\.[01]\.[0-9]*' "$snapshot" | sort -u | wc -l)
[[ $seen -ge $count ]] || {
  echo "namespaces.sh: the snapshot holds $seen of $count addresses" >&2
  exit 1
}
"$here/measure.py" --seconds read_1000_namespaces 1.5 --runs 3 --ok 0,3 -- "$bulkhead" snapshot
