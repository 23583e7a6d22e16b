"""The labs: each shows traps that a model of a Docker host can fall into. Adding one is a dozen lines.

The host is 192.168.50.10 and 2001:db8:50::10 on its uplink up0, 10.99.0.1 on mgmt0 (see lab.py for the world around
it); user networks get the bridge br-NAME; $VETH_name is the host's end of a container's first interface.
"""

import dataclasses

from lab import USUAL, Box, Lab, Net, Phase, Pod

BLUE = Net('blue', '10.1.1.0/24')
RED = Net('red', '10.1.2.0/24')
BLUE6 = Net('blue', '10.1.1.0/24', 'fd00:1:1::/64')
RED6 = Net('red', '10.1.2.0/24', 'fd00:1:2::/64')
INNER = Net('inner', '10.1.3.0/24', 'fd00:1:3::/64', internal=True)

FORWARD6 = 'host: sysctl -qw net.ipv6.conf.all.forwarding=1'
CALL = 'host: sysctl -qw net.bridge.bridge-nf-call-iptables=%d net.bridge.bridge-nf-call-ip6tables=%d'


def calls(*rules):
    """Bridged traffic passes the ip hooks, with rules for it, and then does not: the same rules, another answer."""
    return [Phase('call-on', [CALL % (1, 1), *rules]), Phase('call-off', [CALL % (0, 0)])]


def rp(name, value):
    return Phase(name, ['host: sysctl -qw net.ipv4.conf.all.rp_filter=%d' % value])


def nft(space, text):
    return '%s: nft %r' % (space, text)


LABS = [
    Lab('bridges', 'two user networks, all kinds of published ports; bridged traffic filtered or not; rp_filter',
        nets=[BLUE, RED],
        boxes=[
            Box('web', 'blue', 'tcp,::,80-82 tcp,::,443 tcp,::,9000-9003 tcp,127.0.0.1,6379 udp,::,514',
                '8080:80 192.168.50.10:8081:81 127.0.0.1:8082:82 9000-9003:9000-9003'),
            Box('db', 'blue', 'tcp,0.0.0.0,6379 tcp,0.0.0.0,443 udp,::,5353', '5353:5353/udp'),
            Box('api', 'red'),
            Box('both', 'red blue'),  # answers lan's packets to its red address through blue: rp_filter decides
        ],
        phases=[
            *calls('host: iptables -I DOCKER-USER -i br-blue -o br-blue -p tcp --dport 443 -j DROP'),
            Phase('asymmetric', ['host: iptables -I DOCKER-USER -i up0 -o br-red -j ACCEPT']),
            rp('rp-strict', 1), rp('rp-loose', 2)]),
    Lab('internal', 'internal networks still reach the host; a port published there is translated, then dropped',
        nets=[INNER, BLUE],
        boxes=[Box('inside', 'inner', publish='8080:80'), Box('peer', 'inner'), Box('outer', 'blue', publish='8081:80'),
               Box('both', 'blue inner', publish='8082:443')],
        phases=calls('host: iptables -I DOCKER-USER -m physdev --physdev-is-bridged -i br-inner -p tcp --dport 80 -j REJECT')),
    Lab('noproxy', 'no docker-proxy: translation alone, route_localnet and hairpin',
        engine='--userland-proxy=false', nets=[BLUE, RED],
        boxes=[Box('web', 'blue', publish='8080:80 127.0.0.1:8082:443 192.168.50.10:8081:6379'),
               Box('db', 'blue'), Box('api', 'red', publish='8083:80'), Box('plain', publish='8084:80 5514:514/udp')],
        phases=calls()),
    Lab('noicc', 'containers kept apart: on the default bridge by --icc=false, on a user network by enable_icc',
        engine='--icc=false',
        nets=[Net('quiet', '10.1.4.0/24', options={'com.docker.network.bridge.enable_icc': 'false'})],
        boxes=[Box('one', publish='8080:80'), Box('two'), Box('three', 'quiet', publish='8081:80'), Box('four', 'quiet')],
        phases=calls()),
    Lab('noiptables', 'an engine that writes no rules: every port of every container is open to who has a route',
        engine='--iptables=false', nets=[BLUE6, RED],
        boxes=[Box('web', 'blue', publish='8080:80'), Box('api', 'red', publish='127.0.0.1:8081:443'), Box('plain')],
        before=[FORWARD6]),
    Lab('v6plain', 'IPv6 without ip6tables: not filtered at all, published by docker-proxy only',
        engine='--ipv6 --fixed-cidr-v6 fd00:1:0::/64', nets=[BLUE6, RED6],
        boxes=[Box('web', 'blue', publish='8080:80 [::1]:8081:443'), Box('api', 'red'), Box('plain', publish='8082:80')],
        before=[FORWARD6],
        phases=[Phase('up'), Phase('user-v4', ['host: iptables -I DOCKER-USER -i up0 -j DROP'])]),
    Lab('v6fw', 'IPv6 with ip6tables; then rules that the administrator wrote for IPv4 alone',
        engine='--experimental --ip6tables --ipv6 --fixed-cidr-v6 fd00:1:0::/64', nets=[BLUE6, RED6, INNER],
        boxes=[Box('web', 'blue', publish='8080:80 5514:514/udp'), Box('api', 'red', publish='8081:443'),
               Box('inside', 'inner'), Box('peer', 'blue'), Box('plain')],
        before=[FORWARD6],
        phases=[*calls('host: ip6tables -I FORWARD -i br-blue -o br-blue -p tcp --dport 443 -j REJECT --reject-with tcp-reset'), Phase('user-v4', ['host: iptables -I DOCKER-USER -i up0 -j DROP'])]),
    Lab('modes', 'containers in the host\'s namespace, in none, and in another container\'s',
        nets=[BLUE],
        boxes=[Box('onhost', mode='host', listen='tcp,::,9100 tcp,127.0.0.1,9101 udp,::,9102'), Box('alone', mode='none'),
               Box('web', 'blue', publish='8080:80'), Box('side', mode='container:web', listen='tcp,::,9200 tcp,127.0.0.1,9201')],
        extra='0.0.0.0 127.9.9.9 172.17.255.255 255.255.255.255 240.0.0.1 ::'),
    Lab('macvlan', 'children of the uplink: on the LAN, cut off from the host, free of its rules',
        nets=[Net('lanside', '192.168.50.0/24', '2001:db8:50::/64', driver='macvlan', options={'parent': 'up0'},
                  gateway='192.168.50.1'), BLUE],
        boxes=[Box('mac1', 'lanside=192.168.50.60'), Box('mac2', 'lanside=192.168.50.61', publish='8081:80'),
               Box('web', 'blue', publish='8080:80'), Box('both', 'blue lanside=192.168.50.62')]),
    Lab('macmodes', 'macvlan networks in private and vepa mode: guests of one network that do not hear each other',
        nets=[Net('apart', '192.168.50.0/24', '2001:db8:50::/64', driver='macvlan', options={'parent': 'up0', 'macvlan_mode': 'private'},
                  gateway='192.168.50.1'),
              Net('around', '10.99.0.0/24', driver='macvlan', options={'parent': 'mgmt0', 'macvlan_mode': 'vepa'}, gateway='10.99.0.2'), BLUE],
        boxes=[Box('one', 'apart=192.168.50.60'), Box('two', 'apart=192.168.50.61'), Box('three', 'around=10.99.0.60'),
               Box('four', 'around=10.99.0.61'), Box('across', 'blue apart=192.168.50.62', publish='8080:80')]),
    Lab('liverestore', 'the engine dies, its containers stay: docker-proxy is gone, translation stays',
        engine='--live-restore', nets=[BLUE],
        boxes=[Box('web', 'blue', publish='8080:80 127.0.0.1:8081:443'), Box('db', 'blue'), Box('plain', publish='8082:80')],
        phases=[Phase('up'), Phase('dead', kill=True)]),
    Lab('nftbeside', 'native nftables beside the engine: policies, sets, verdict maps, netdev ingress and egress',
        nets=[BLUE, RED],
        boxes=[Box('web', 'blue', publish='8080:80 8443:443'), Box('api', 'red', publish='8081:80')],
        phases=[
            Phase('input-drop', [nft('host', 'table inet own { chain in { type filter hook input priority 0; policy drop; '
                                     'ct state established,related accept; iifname "lo" accept; meta l4proto ipv6-icmp accept; '
                                     'tcp dport { 22, 8443 } accept; iifname "mgmt0" tcp dport 1-1024 accept; }; }')]),
            Phase('forward', [nft('host', 'table ip route4 { set admins { type ipv4_addr; flags interval; elements = { 192.168.50.16/28, '
                                  '10.99.0.2 }; }; chain forw { type filter hook forward priority -5; oifname "br-blue" ip saddr '
                                  '!= @admins tcp dport 80 drop; oifname vmap { "br-red" : jump red }; }; chain red { tcp dport '
                                  '{ 443 } reject with tcp reset; ip saddr 198.51.100.0/24 reject with icmp type admin-prohibited; }; }')]),
            Phase('netdev', [nft('host', 'table netdev edge { chain in { type filter hook ingress device "up0" priority 0; '
                                 'tcp dport 8080 drop; ip saddr 198.51.100.2 tcp dport 443 drop; ip6 saddr 2001:db8:100::2 tcp dport 6379 drop; }; '
                                 'chain out { type filter hook egress device "mgmt0" priority 0; tcp sport 22 drop; }; }')]),
        ]),
    Lab('ufw', 'a host firewall that says closed while the engine opened it: INPUT chains as ufw and firewalld write them',
        nets=[BLUE6],
        boxes=[Box('web', 'blue', publish='8080:80 5514:514/udp'), Box('db', 'blue')],
        before=[FORWARD6],
        phases=[
            Phase('ufw', ['host: for t in iptables ip6tables; do $t -N ufw-before; $t -N ufw-user; $t -N ufw-log; $t -A INPUT -j ufw-before; '
                          '$t -A INPUT -j ufw-user; $t -A INPUT -j ufw-log; $t -A ufw-before -i lo -j ACCEPT; '
                          '$t -A ufw-before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; '
                          '$t -A ufw-before -m conntrack --ctstate INVALID -j DROP; $t -A ufw-user -p tcp --dport 22 -j ACCEPT; '
                          '$t -A ufw-user -p tcp -m multiport --dports 443,6000:6400 -m comment --comment "dapp_Web%20Secure" -j ACCEPT; '
                          '$t -A ufw-log -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "; '
                          '$t -P INPUT DROP; $t -P FORWARD DROP; done; ip6tables -I INPUT -p ipv6-icmp -j ACCEPT']),
            Phase('reject', ['host: iptables -A INPUT -s 192.168.50.0/24 -p tcp -j REJECT --reject-with tcp-reset; '
                             'iptables -A INPUT -s 198.51.100.0/24 -j REJECT --reject-with icmp-admin-prohibited; '
                             'iptables -A INPUT -i br-blue -j REJECT; '
                             'ip6tables -A INPUT -s 2001:db8:50::/64 -j REJECT --reject-with icmp6-adm-prohibited; '
                             'ip6tables -A INPUT -i mgmt0 -p tcp -j REJECT --reject-with tcp-reset; '
                             'iptables -A INPUT -m addrtype --dst-type LOCAL -m iprange --src-range 10.99.0.2-10.99.0.9 -j ACCEPT']),
            Phase('output', ['host: iptables -A OUTPUT -d 192.168.50.20 -p tcp --dport 443 -j DROP; '
                             'iptables -A OUTPUT -d 10.1.1.0/24 -p tcp --dport 6379 -j REJECT; '
                             'ip6tables -A OUTPUT -d 2001:db8:50::20 -p tcp --dport 80 -j REJECT --reject-with tcp-reset; '
                             'ip6tables -A OUTPUT -p tcp --sport 443 -o up0 -j DROP']),
        ]),
    Lab('legacy', 'an engine that writes legacy rules, with native and nft-written rules beside them',
        legacy=True, nets=[BLUE, RED],
        boxes=[Box('web', 'blue', publish='8080:80'), Box('api', 'red', publish='8081:80'), Box('plain')],
        phases=[
            Phase('legacy', []),
            Phase('user', ['host: iptables-legacy -I DOCKER-USER -i up0 -s 198.51.100.0/24 -j DROP; '
                           'iptables-legacy -A INPUT -i mgmt0 -p tcp --dport 22 -j REJECT']),
            Phase('mixed', ['host: iptables-nft -A INPUT -p tcp --dport 443 -i up0 -j DROP; '
                            'iptables-nft -A FORWARD -i br-red -o up0 -j DROP',
                            nft('host', 'table inet own { chain f { type filter hook forward priority 10; iifname "mgmt0" tcp dport 80 drop; }; }')]),
        ]),
    Lab('policy', 'policy routing: by source, by mark, refused and thrown away',
        nets=[BLUE6, RED6],
        boxes=[Box('web', 'blue', publish='8080:80'), Box('api', 'red', publish='8081:80')],
        before=[FORWARD6, 'lan: ip addr add 192.168.50.21/24 dev eth0'], few='198.51.100.1 198.51.100.2 198.51.100.3 2001:db8:100::1 2001:db8:100::2 192.168.50.21',
        phases=[
            Phase('by-source', ['lan: sysctl -qw net.ipv4.ip_forward=1',
                                'host: ip route add default via 192.168.50.20 table 100; ip rule add from 10.1.1.0/24 lookup 100 '
                                'pref 100; ip route add 10.1.0.0/16 dev br-red table 101; ip route add unreachable '
                                'default table 101 metric 9; ip rule add from 10.1.2.0/24 to 192.168.50.21 lookup 101 pref 90']),
            Phase('by-mark', [nft('host', 'table ip marks { chain pre { type filter hook prerouting priority -150; ip daddr != 192.168.50.10 tcp dport 443 '
                                  'meta mark set 7; }; chain out { type route hook output priority -150; tcp dport 6379 ip daddr '
                                  '192.168.50.20 meta mark set 7; }; }'),
                              'host: ip route add blackhole default table 102; ip rule add fwmark 7 lookup 102 pref 80']),
            Phase('prohibit', ['host: ip rule add from 10.1.1.0/24 to 198.51.100.2/32 pref 70 prohibit; '
                               'ip -6 rule add from fd00:1:1::/64 to 2001:db8:100::/64 pref 70 unreachable; '
                               'ip -6 route add prohibit 2001:db8:50::20/128; ip route add blackhole 198.51.100.1/32; ip route add unreachable 198.51.100.3/32']),
        ]),
    Lab('localnet', 'route_localnet: a rule leads from the LAN to a service on the loopback address',
        engine='--userland-proxy=false', nets=[BLUE],
        boxes=[Box('web', 'blue', publish='127.0.0.1:8082:80 8083:443')],
        phases=[
            Phase('off', ['host: iptables -t nat -A PREROUTING -i up0 -p tcp --dport 8600 -j DNAT --to-destination 127.0.0.1:631; '
                          'iptables -t nat -A PREROUTING -p tcp --dport 8601 -j REDIRECT --to-ports 631; '
                          'iptables -t nat -A PREROUTING -p tcp --dport 8602 -j REDIRECT --to-ports 22; '
                          'iptables -t nat -A OUTPUT -p tcp --dport 8603 -j REDIRECT --to-ports 631']),
            Phase('on', ['host: sysctl -qw net.ipv4.conf.up0.route_localnet=1']),
        ]),
    Lab('addresses', 'secondary addresses, addresses on lo, on-link routes: which of them ARP, and who is answered',
        nets=[BLUE, RED],
        boxes=[Box('web', 'blue red', publish='192.168.50.11:8081:80 203.0.113.5:8082:443', caps=('ALL',)),
               Box('api', 'red', publish='8080:80')],
        before=['host: ip addr add 192.168.50.11/24 dev up0; ip addr add 203.0.113.5/32 dev lo; ip -6 addr add 2001:db8:50::11/64 dev up0 nodad',
                'rtr: ip route add 203.0.113.5/32 via 192.168.50.10',
                'lan: ip route add 10.99.0.1/32 dev eth0; ip addr add 192.168.50.21/24 dev eth0'],
        phases=[
            Phase('weak', ['web: ip addr add 10.1.1.77/24 dev eth0; ip addr add 127.0.0.2/8 dev lo || true']),
            Phase('arp-ignore', ['host: sysctl -qw net.ipv4.conf.all.arp_ignore=1']),
            Phase('proxy-arp', ['host: sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.up0.proxy_arp=1',
                                'lan: ip route replace 10.1.1.0/24 dev eth0']),
            Phase('source', ['lan: ip route replace 10.1.1.0/24 via 192.168.50.10 src 192.168.50.21; '
                             'ip route replace 10.99.0.1/32 via 192.168.50.10 src 192.168.50.21',
                             'host: iptables -I DOCKER-USER -s 192.168.50.21 -j DROP; iptables -I INPUT -s 192.168.50.21 -j DROP']),
        ]),
    Lab('isolated', 'ports of a bridge that may not talk to each other; rules of the bridge family',
        nets=[BLUE6, RED6],
        boxes=[Box('one', 'blue'), Box('two', 'blue', publish='8080:80'), Box('three', 'blue'), Box('four', 'red')],
        before=[FORWARD6],
        phases=[
            Phase('two-isolated', ['host: bridge link set dev $VETH_one isolated on; bridge link set dev $VETH_two isolated on']),
            Phase('bridge-family', ['host: bridge link set dev $VETH_one isolated off',
                                    nft('host', 'table bridge own { chain f { type filter hook forward priority 0; ip daddr 10.1.1.4 tcp dport 80 drop; '
                                        'ip6 daddr fd00:1:1::2 tcp dport 443 drop; }; chain i { type filter hook input priority 0; ip protocol tcp tcp dport 22 drop; }; }')]),
            *calls('host: iptables -I DOCKER-USER -i br-blue -o br-blue -d 10.1.1.4 -j REJECT; '
                   'ip6tables -I FORWARD -i br-blue -o br-blue -d fd00:1:1::3 -p tcp --dport 6379 -j DROP'),
        ]),
    Lab('dockeruser', 'DOCKER-USER as administrators write it: by origin, original port, sets, ranges; the metadata address',
        nets=[BLUE],
        boxes=[Box('web', 'blue', publish='8080:80 8443:443 7000-7003:7000-7003', listen=USUAL + ' tcp,::,7000-7003'), Box('db', 'blue')],
        before=['inet: ip addr add 169.254.169.254/32 dev lo', 'rtr: ip route add 169.254.169.254 via 198.51.100.2'],
        phases=[
            Phase('origin', ['host: iptables -I DOCKER-USER -i up0 ! -s 192.168.50.20 -j DROP; iptables -I DOCKER-USER -i up0 -s 192.168.50.20 '
                             '-m conntrack --ctorigdstport 8443 --ctdir ORIGINAL -j REJECT']),
            Phase('sets', ['host: iptables -F DOCKER-USER; ipset create trusted hash:net; ipset add trusted 198.51.100.0/24; '
                           'ipset create ports bitmap:port range 7000-7100; ipset add ports 7001-7002; '
                           'iptables -A DOCKER-USER -i up0 -m set ! --match-set trusted src -p tcp --dport 80 -j DROP; '
                           'iptables -A DOCKER-USER -m set --match-set ports dst -j DROP; iptables -A DOCKER-USER -j RETURN']),
            Phase('metadata', ['host: iptables -I DOCKER-USER -d 169.254.169.254 -p tcp --dport 80 -j DROP; '
                               'iptables -I DOCKER-USER -s 10.1.1.3 -d 169.254.169.254 -j REJECT']),
            Phase('original', ['host: iptables -F DOCKER-USER; iptables -A DOCKER-USER -m conntrack --ctorigdst 192.168.50.10 --ctstate NEW -i mgmt0 -j DROP; '
                               'iptables -A DOCKER-USER -m conntrack --ctstate DNAT -p tcp -m tcp --dport 7002:7003 -i up0 -j DROP; '
                               'iptables -A DOCKER-USER -p tcp -m multiport --dports 443,6000:6400 -i br-blue -o up0 -j REJECT --reject-with tcp-reset; '
                               'iptables -A DOCKER-USER -o br-blue -m mark ! --mark 0x0/0xff -j DROP; '
                               'iptables -t mangle -A PREROUTING -i up0 -s 198.51.100.2 -p tcp --dport 8080 -j MARK --set-xmark 0x1/0xff']),
        ]),
    Lab('routed', 'a router in front that forwards ports and hides the LAN; forwarding was on before the engine came',
        nets=[BLUE6, RED], router=True,
        boxes=[Box('web', 'blue', publish='8080:80'), Box('api', 'red')],
        before=['host: sysctl -qw net.ipv4.ip_forward=1', FORWARD6,
                'rtr: ip route add 10.1.0.0/16 via 192.168.50.10; '
                'ip -6 route add fd00::/16 via 2001:db8:50::10'],
        phases=[
            Phase('routes', []),
            Phase('nat', [nft('rtr', 'table ip nat { chain pre { type nat hook prerouting priority -100; iifname "wan0" tcp dport { 8443, 8080 } '
                              'dnat to 192.168.50.10; iifname "wan0" tcp dport 2222 dnat to 192.168.50.10:22; }; chain post { type nat hook '
                              'postrouting priority 100; oifname "wan0" masquerade; }; }')]),
        ]),
    Lab('stateful', 'states, status and original tuples in native rules; packets that are not tracked',
        nets=[BLUE],
        boxes=[Box('web', 'blue', publish='8080:80 8443:443'), Box('db', 'blue')],
        phases=[
            Phase('status', [nft('host', 'table inet own { map kinds { type inet_service : verdict; elements = { 80 : accept, 443 : jump tls }; }; '
                                 'chain tls { ip saddr 10.99.0.0/24 drop; iifname "up0" ct status dnat accept; }; chain f { type filter hook forward priority -1; '
                                 'policy drop; ct state established,related accept; ct state invalid drop; '
                                 'meta l4proto tcp ct original proto-dst 8443 ip saddr 198.51.100.2 reject; tcp dport vmap @kinds; iifname "br-blue" accept; }; }')]),
            Phase('concat', [nft('host', 'table inet two { set pairs { type ipv4_addr . inet_service; flags interval; elements = { 192.168.50.0/24 . 22, '
                                 '10.99.0.0-10.99.0.5 . 6370-6380, 10.1.1.0/24 . 443 }; }; chain i { type filter hook input priority 5; '
                                 'ct state new tcp dport { 22, 443, 6379 } ip saddr . tcp dport != @pairs drop; }; }')]),
            Phase('notrack', [nft('host', 'table inet raw { chain p { type filter hook prerouting priority -300; iifname "mgmt0" tcp dport 8080 notrack; '
                                  'ip saddr 198.51.100.2 tcp dport 22 notrack; }; }')]),
        ]),
    Lab('inbox', 'rules inside containers: what the host\'s rules do not show',
        nets=[BLUE6],
        boxes=[Box('web', 'blue', publish='8080:80 8443:443'), Box('db', 'blue'), Box('bad', 'blue')],
        before=[FORWARD6],
        phases=[
            Phase('input', [nft('web', 'table inet own { chain i { type filter hook input priority 0; policy drop; ct state established accept; '
                                'meta l4proto ipv6-icmp accept; tcp dport 80 accept; ip saddr 10.1.1.1 tcp dport 443 accept; }; }'),
                            'db: iptables -A INPUT -p tcp --dport 6379 -s 10.1.1.2 -j ACCEPT; iptables -A INPUT -p tcp --dport 6379 -j REJECT']),
            Phase('output', ['bad: iptables -A OUTPUT -d 10.1.1.0/24 -j REJECT; iptables -A OUTPUT -d 198.51.100.0/24 -j DROP; '
                             'ip6tables -A OUTPUT -p tcp --dport 443 -j DROP; iptables -t nat -A OUTPUT -d 192.168.50.20 -p tcp --dport 80 -j DNAT --to-destination 192.168.50.10:8080',
                             nft('db', 'table netdev n { chain e { type filter hook ingress device "eth0" priority 0; ip saddr 10.1.1.4 drop; }; }')]),
        ]),
    Lab('nativenat', 'native translation before and after the engine\'s own',
        nets=[BLUE, RED],
        boxes=[Box('web', 'blue', publish='8080:80'), Box('api', 'red')],
        phases=[
            Phase('dnat', [nft('host', 'table ip early { chain p { type nat hook prerouting priority -110; iifname "up0" tcp dport 8080 dnat to 10.1.2.2:443; '
                               'tcp dport 2022 redirect to :22; ip daddr 192.168.50.10 tcp dport 9000-9002 dnat to 10.1.1.2:80; }; '
                               'chain o { type nat hook output priority -110; ip daddr 192.168.50.99 tcp dport 80 dnat to 10.1.1.2; '
                               'tcp dport 2023 redirect to :22; }; }')]),
            Phase('maps', [nft('host', 'table ip vips { chain p { type nat hook prerouting priority -120; ip daddr 192.168.50.10 dnat to tcp dport map '
                               '{ 7001 : 10.1.1.2, 7002 : 192.168.50.20, 443 : 10.1.2.2 }; }; chain s { type nat hook postrouting priority 90; '
                               'oifname "up0" ip saddr 10.1.2.0/24 snat to 192.168.50.10; }; }'),
                           'host: iptables -t nat -A POSTROUTING -o up0 -s 198.51.100.2 -d 192.168.50.20 -j MASQUERADE']),
            Phase('accepted', ['host: iptables -I DOCKER-USER -d 10.1.2.2 -p tcp --dport 443 -j ACCEPT; iptables -I DOCKER-USER -d 192.168.50.20 -j ACCEPT; '
                               'iptables -I DOCKER-USER -s 192.168.50.20 -j ACCEPT']),
        ]),
    Lab('bindings', 'networks with options: no masquerading, ports bound to one address by default, an engine told the same',
        engine='--ip 10.99.0.1', nets=[
            Net('plainly', '10.1.5.0/24', options={'com.docker.network.bridge.enable_ip_masquerade': 'false'}),
            Net('bound', '10.1.6.0/24', options={'com.docker.network.bridge.host_binding_ipv4': '192.168.50.10'}), BLUE6],
        boxes=[Box('straight', 'plainly', publish='8080:80'), Box('fixed', 'bound', publish='8081:80'),
               Box('plain', publish='8082:80'), Box('web', 'blue', publish='8083:443')],
        before=[FORWARD6],
        phases=[
            Phase('up', []),
            Phase('proxy-ndp', ['host: sysctl -qw net.ipv6.conf.up0.proxy_ndp=1; ip -6 neigh add proxy fd00:1:1::2 dev up0',
                                'lan: ip -6 route replace fd00:1:1::/64 dev eth0']),
            Phase('default-drop', ['host: iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT; '
                                   'iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -t raw -A PREROUTING -i mgmt0 -p tcp '
                                   '--dport 8082 -j DROP; iptables -t mangle -A FORWARD -o br-bound -s 198.51.100.0/24 -j DROP; '
                                   'iptables -P OUTPUT DROP; iptables -A OUTPUT -o lo -j ACCEPT; iptables -A OUTPUT -d 192.168.50.0/24 -j ACCEPT']),
        ]),
    Lab('gateway', 'a container that forwards for its neighbours, past what the host\'s rules see',
        nets=[BLUE, RED],
        boxes=[Box('gate', 'blue=10.1.1.2 red=10.1.2.2', sysctls={'net.ipv4.ip_forward': '1'}), Box('web', 'blue', publish='8080:80'), Box('api', 'red')],
        phases=[
            Phase('isolated', []),
            Phase('around', ['web: ip route add 10.1.2.0/24 via 10.1.1.2', 'api: ip route add 10.1.1.0/24 via 10.1.2.2']),
            Phase('masked', ['gate: iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE; iptables -A FORWARD -p tcp --dport 443 -j REJECT',
                             'api: ip route del 10.1.1.0/24']),
        ]),
    Lab('podman', 'no daemon: default, dual-stack and internal networks, a pod, shared namespaces; then without the service',
        podman=True, nets=[BLUE6, RED, INNER], pods=[Pod('shop', 'blue', '8090:80 127.0.0.1:8091:443')],
        boxes=[
            Box('plain', publish='8080:80'),
            Box('web', 'blue', publish='8081:80 127.0.0.1:8082:443 192.168.50.10:8083:6379 5514:514/udp'),
            Box('api', 'red'), Box('inside', 'inner'), Box('both', 'red inner'),
            Box('front', mode='pod:shop', listen='tcp,::,80 tcp,::,443'), Box('till', mode='pod:shop', listen='tcp,::,6379 tcp,127.0.0.1,5432'),
            Box('onhost', mode='host', listen='tcp,::,9100 tcp,127.0.0.1,9101'), Box('alone', mode='none'),
            Box('side', mode='container:web', listen='tcp,::,9200'),
        ],
        before=[FORWARD6, 'lan: ip route add 10.88.0.0/16 via 192.168.50.10'],
        phases=[
            Phase('up', []),
            Phase('unserved', [CALL % (1, 1), 'host: iptables -I FORWARD -i podman1 -o podman1 -p tcp --dport 443 -j DROP'], kill=True),
            Phase('call-off', [CALL % (0, 0)]),
        ]),
    Lab('netavark', 'networks that netavark keeps apart, and the administrator\'s rules beside its own',
        podman=True, nets=[dataclasses.replace(BLUE6, options={'isolate': 'true'}), dataclasses.replace(RED6, options={'isolate': 'true'}),
                           Net('open', '10.1.4.0/24')],
        boxes=[Box('web', 'blue', publish='8080:80 8443:443'), Box('api', 'red', publish='8081:80'), Box('free', 'open', publish='8082:80')],
        before=[FORWARD6],
        phases=[
            Phase('apart', []),
            Phase('forward-drop', ['host: iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; iptables -I FORWARD -i up0 -s 198.51.100.0/24 -j DROP']),
            Phase('input-drop', ['host: iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT; '
                                 'iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -A INPUT -p tcp -m multiport --dports 22,8080 -j ACCEPT; '
                                 'iptables -t nat -F NETAVARK-HOSTPORT-DNAT']),
        ]),
]


def by_name(name):
    return next(lab for lab in LABS if lab.name == name)
