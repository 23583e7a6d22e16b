#!/bin/bash
# OWASP D03's own command, nmap -n -Pn -sTV -p1-65535, over twenty containers of a real engine, beside `bulkhead scan
# --full` with what answers identified: from the host, and from inside one container whose neighbours' networks drop. The
# open ports of both must be the same ones, and Bulkhead must name as many services; then the ratio is printed. nmap is ended
# after NMAP_SECONDS (default 600): the ratio is then a lower bound, and its ports are not compared.
#
#   scan_engine.sh BULKHEAD
#
# A private engine in a namespace of its own, with real servers (redis, memcached, nginx, sshd) in ten of its containers.
set -euo pipefail

bulkhead=$(realpath "$1")
readonly most=${NMAP_SECONDS:-600} ns=bkeng$$
dir=$(mktemp -d /tmp/bkeng.XXXXXX)
daemon=
export DOCKER_HOST=unix://$dir/docker.sock
docker() { timeout 60 /usr/bin/docker "$@" </dev/null; }
clean() {
  local all
  all=$(docker ps -aq 2>/dev/null || true)
  # shellcheck disable=SC2086  # a list of ids
  [[ -z $all ]] || docker rm -f $all >/dev/null 2>&1 || true
  if [[ -n $daemon ]]; then
    kill "$daemon" 2>/dev/null || true
    for ((i = 0; i < 150; ++i)); do
      if ! grep -q '^State:[^Z]*$' "/proc/$daemon/status" 2>/dev/null; then break; fi
      sleep 0.1
    done
    wait "$daemon" 2>/dev/null || true
  fi
  ip netns del "$ns" 2>/dev/null || true
  { grep -o " ${dir}[^ ]*" /proc/self/mounts || true; } | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf "$dir"
}
trap clean EXIT

[[ $EUID -eq 0 ]] || {
  echo "scan_engine.sh: needs root, to start an engine" >&2
  exit 1
}
for tool in nmap dockerd redis-server memcached nginx busybox; do
  command -v "$tool" >/dev/null || {
    echo "scan_engine.sh: $tool is missing: nothing to compare" >&2
    exit 1
  }
done

ip netns add "$ns"
ip -n "$ns" link set lo up
nsenter --net="/run/netns/$ns" dockerd -H "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" \
  --pidfile "$dir/pid" >"$dir/log" 2>&1 &
daemon=$!
for ((i = 0; i < 200; ++i)); do
  if docker version >/dev/null 2>&1; then break; fi
  sleep 0.1
done

root=$dir/root
mkdir -p "$root"/{bin,tmp,etc,var/log/nginx,var/lib/nginx/body,run,dev,proc,root}
cp /bin/busybox "$root/bin/"
for tool in sh sleep httpd; do ln -s busybox "$root/bin/$tool"; done
for tool in redis-server memcached nginx; do
  path=$(readlink -f "$(command -v "$tool")")
  cp "$path" "$root/bin/$tool"
  ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
done
echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
echo root:x:0: >"$root/etc/group"
cat >"$root/etc/nginx.conf" <<END
daemon off; user root; pid /run/nginx.pid; error_log /tmp/error.log;
events {}
http { access_log off; server { listen 8080; location / { return 200 'hello'; } } }
END
tar -C "$root" -c . | timeout 60 /usr/bin/docker import - lab/servers:1 >/dev/null
docker network create front >/dev/null
docker network create back >/dev/null
run() { docker run -d --name "$1" --network "$2" lab/servers:1 "${@:3}" >/dev/null; }
for ((i = 0; i < 20; ++i)); do
  net=$([[ $((i % 2)) -eq 0 ]] && echo front || echo back)
  case $((i % 8)) in
    0) run "c$i" "$net" /bin/redis-server --bind 0.0.0.0 --protected-mode no --save "" --dir /tmp ;;
    1) run "c$i" "$net" /bin/memcached -u root -l 0.0.0.0 -p $((11211 + i)) ;;
    2) run "c$i" "$net" /bin/nginx -c /etc/nginx.conf ;;
    3) run "c$i" "$net" /bin/httpd -f -p $((20000 + i)) -h /tmp ;;
    *) run "c$i" "$net" /bin/sleep 3600 ;;
  esac
done
sleep 2

addresses=()
for ((i = 0; i < 20; ++i)); do
  addresses+=("$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "c$i")")
done
to=()
for address in "${addresses[@]}"; do to+=(--to "$address"); done

timed() { # COMMAND...: its output in $dir/out, its seconds
  local begin end
  begin=$(date +%s%N)
  "$@" >"$dir/out" 2>"$dir/err" || true
  end=$(date +%s%N)
  awk -v ns=$((end - begin)) 'BEGIN { printf "%.3f", ns / 1e9 }'
}
compare() { # CASE VANTAGE COMMAND_OF_NMAP...
  local case=$1 vantage=$2 ours theirs whole=0
  ours=$(timed nsenter --net="/run/netns/$ns" "$bulkhead" scan --json --engine "$DOCKER_HOST" --from "$vantage" "${to[@]}" --full)
  cp "$dir/out" "$dir/ours.json"
  theirs=$(timed timeout "$most" "${@:3}" nmap -n -Pn -sTV -p1-65535 -oX "$dir/nmap.xml" "${addresses[@]}")
  if grep -q '<finished' "$dir/nmap.xml" 2>/dev/null; then whole=1; fi
  python3 - "$dir/ours.json" "$dir/nmap.xml" "$whole" "$case" <<'END'
import json, sys
import xml.etree.ElementTree as tree
answer = json.load(open(sys.argv[1]))
ours, named = set(), set()
for target in answer["seats"][0]["targets"]:
    for port in target["open"] if target["proto"] == "tcp" else []:
        ours.add((target["to"], port["port"]))
        if "service" in port:
            named.add((target["to"], port["port"]))
if not answer["finished"]:
    sys.exit("scan_engine.sh: bulkhead did not finish")
if answer["disagreements"]:
    sys.exit(f"scan_engine.sh: {len(answer['disagreements'])} disagreements")
rounds = [target["rounds"] for target in answer["seats"][0]["targets"]]
print(f"scan_engine.sh: from {sys.argv[4]}: {answer['elapsed_ms']} ms of packets, {min(rounds)} to {max(rounds)} rounds",
      file=sys.stderr)
print(f"open_ports_of_20_containers_from_{sys.argv[4]} {len(ours)} ports at_least 1")
if sys.argv[3] == "1":
    theirs, known = set(), set()
    for host in tree.parse(sys.argv[2]).getroot().iter("host"):
        at = host.find("address").get("addr")
        for port in host.iter("port"):
            if port.find("state").get("state") != "open":
                continue
            theirs.add((at, int(port.get("portid"))))
            service = port.find("service")
            if service is not None and service.get("method") == "probed":
                known.add((at, int(port.get("portid"))))
    if theirs - ours:
        sys.exit(f"scan_engine.sh: nmap found {sorted(theirs - ours)} beside")
    print(f"services_named_beside_nmap_from_{sys.argv[4]} {len(named) - len(known)} more at_least 0")
END
  [[ $whole -eq 1 ]] || echo "scan_engine.sh: nmap was ended after $most s: its ratio is a lower bound" >&2
  echo "scan_20_containers_from_$case $ours s at_most 60"
  awk -v a="$theirs" -v b="$ours" -v c="$case" 'BEGIN { printf "nmap_sTV_over_scan_from_%s %.1f times at_least 20\n", c, a / b }'
}
compare host host nsenter --net="/run/netns/$ns"
pid=$(docker inspect -f '{{.State.Pid}}' c4)
compare container container:c4 nsenter --target "$pid" --net
