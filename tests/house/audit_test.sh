#!/bin/bash
# `make audit` ends 0 once a report was printed, unless its flags hold --fail-on; other failures stay.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/scripts" "$scratch/build"
cp "$root/scripts/audit" "$scratch/scripts/"

# A program that ends with the code in CODE and prints its arguments, one a line.
# shellcheck disable=SC2016  # expanded when it runs
printf '#!/bin/sh\nprintf "%%s\\n" "$@"\nexit "$CODE"\n' >"$scratch/build/bulkhead"
chmod +x "$scratch/build/bulkhead"

expect() {
  local code=$1 expected=$2 got=0
  shift 2
  CODE=$code "$scratch/scripts/audit" "$@" >"$scratch/out" 2>/dev/null || got=$?
  if [[ $got -ne $expected ]]; then
    echo "FAILED: the program ended $code with '$*': expected $expected, got $got" >&2
    exit 1
  fi
}

expect 0 0
expect 1 0
expect 3 0
expect 2 2
expect 4 4
expect 70 70
expect 1 1 --fail-on high
expect 3 3 --fail-on=low
expect 0 0 --fail-on high
expect 1 0 --config '--fail-on is not here'
[[ $(cat "$scratch/out") == $'audit\n--config\n--fail-on is not here' ]] || {
  echo "FAILED: flags do not arrive as they were given" >&2
  exit 1
}
echo "each exit code is passed on as it must be"
