#!/bin/bash
# How long does `bulkhead audit` take on a host with a dozen running containers, the whole program with
# its reading, and how much memory? The engine and the containers are real, in a namespace of their own,
# and are removed at the end.
#
#   audit.sh BULKHEAD
set -euo pipefail

readonly seconds=1 megabytes=100
here=$(cd "$(dirname "$0")" && pwd)
bulkhead=$(realpath "$1")
work=$(mktemp -d)

mkfifo "$work/ends"
exec 9<>"$work/ends"
"$here/../tests/engine/private-docker" <"$work/ends" >"$work/said" 9>&- &
engine=$!
trap 'exec 9>&-; kill "$engine" 2>/dev/null || true; wait "$engine" || true; rm -rf "$work"' EXIT
for ((try = 0; try < 1200; ++try)); do
  grep -q . "$work/said" && break
  sleep 0.1
done
read -r said dir <"$work/said"
[[ $said == ready ]] || {
  echo "audit.sh: the engine says: $said $dir" >&2
  exit 1
}
export DOCKER_HOST=unix://$dir/docker.sock
docker run -d --name another -p 8090:90 lab/busybox:1 nc -ll -p 90 -e cat >/dev/null
docker run -d --name neighbour lab/busybox:1 nc -ll -p 91 -e cat >/dev/null
docker exec -d web nc -ll -p 80 -e cat
namespace=/run/netns/bh-engine-$engine
ip -n "${namespace##*/}" addr add 198.51.100.2/24 dev uplink
ip -n "${namespace##*/}" link set beyond up
ip -n "${namespace##*/}" route add default via 198.51.100.1
for ((try = 0; try < 50; ++try)); do
  nsenter --net="$namespace" timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080' 2>/dev/null && break
  sleep 0.1
done

audit() { nsenter --net="$namespace" "$bulkhead" audit --fail-on never "$@"; }
audit --no-probe --json >"$work/report"
python3 - "$work/report" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
counts = report["counts"]
open_from_outside = {o["port"] for e in report["exposures"] for o in e["open_from"]}
if counts["containers"] != 12 or report["gaps"] or not {8080, 8090} <= open_from_outside:
    sys.exit(f"audit.sh: {counts}, gaps {report['gaps']}, open {report['exposures']}")
END
"$here/measure.py" --seconds audit_12_containers "$seconds" --megabytes audit_12_containers_memory \
  "$megabytes" -- nsenter --net="$namespace" "$bulkhead" audit --no-probe --fail-on never
"$here/measure.py" --seconds audit_12_containers_probed "$seconds" -- \
  nsenter --net="$namespace" "$bulkhead" audit --fail-on never
