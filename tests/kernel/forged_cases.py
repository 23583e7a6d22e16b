"""The host's rules and settings in which forged packets are tried, and how they are set and undone.

$g3 is that machine's IPv4 address, $g3_6 its IPv6 address, $g3_mac its MAC; so for g1, g2, h1 and lan1, and for the
host's br0, br1 and up0. Ports of br0 are p1, p2 and p3.
"""

import dataclasses
import string

from forged_net import HOST, PLACES
from spaces import inside, run, sysctl

ND = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'
PLAIN = {  # of the host, before each case
    'net.bridge.bridge-nf-call-iptables': 1, 'net.bridge.bridge-nf-call-ip6tables': 1,
    'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.br0.rp_filter': 0, 'net.ipv4.conf.br0.proxy_arp': 0,
}
UNSEEN = {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0}


@dataclasses.dataclass
class Case:
    name: str
    why: str
    nft: str = ''
    sysctls: dict = dataclasses.field(default_factory=dict)  # of the host, until the next case
    do: tuple = ()  # 'SPACE: command', undone by |undo|
    undo: tuple = ()
    source: str = ''  # one more to try, in IPv4 and IPv6, while these are claimed as well
    source6: str = ''
    claims: tuple = ()
    attackers: tuple = ('g1', 'lan1')


def chain(hook, *rules, policy='drop', family='inet', priority='0'):
    return 'table %s lab_%s { chain c { type filter hook %s priority %s; policy %s;\n%s\n}\n}\n' % (
        family, hook, hook, priority, policy, '\n'.join(rules))


ONE_PAIR = ('ip saddr $g3 ip daddr $g2 tcp dport 5432 accept', 'ip6 saddr $g3_6 ip6 daddr $g2_6 tcp dport 5432 accept',
            'ct state established accept')


def ssh_from(name):
    return chain('input', ND, 'ip saddr $%s tcp dport 22 accept' % name, 'ip6 saddr $%s_6 tcp dport 22 accept' % name,
                 'ip saddr $%s udp dport 22 accept' % name, 'ip6 saddr $%s_6 udp dport 22 accept' % name)


NO_ANSWERS = chain('prerouting', 'iifname p1 arp operation reply arp saddr ip != $g1 drop',
                   'iifname p1 icmpv6 type nd-neighbor-advert drop', policy='accept', family='bridge', priority='-300')
PUBLISHED = chain('forward', ND, 'ct status dnat accept', 'ct state established accept') + '''
    table inet nat { chain pre { type nat hook prerouting priority -100;
                                 ip daddr $up0 tcp dport 8080 dnat ip to $g2:80
                                 ip6 daddr $up0_6 tcp dport 8080 dnat ip6 to [$g2_6]:80; }; }'''
MASQUERADED = '''
    table inet nat { chain post { type nat hook postrouting priority 100;
                                  oifname br0 ct status dnat masquerade; }; }'''
FDB = 'host: bridge fdb %s $g3_mac dev p3 master %s'


def by_hand(verb):
    state = 'nud permanent' if verb == 'replace' else ''
    return tuple('%s: ip neigh %s $g3%s lladdr $g3_mac dev %s %s' % (space, verb, six, device, state)
                 for space, device in (('host', 'br0'), ('g2', 'eth0')) for six in ('', '_6'))


CASES = [
    Case('plain', 'no rules: who can be reached at all'),
    Case('one-pair', 'only g3 may ask g2:5432, by address; bridged packets are seen', chain('forward', ND, *ONE_PAIR)),
    Case('one-pair-unseen', 'the same, but the bridge does not show its packets',
         chain('forward', ND, *ONE_PAIR), UNSEEN),
    Case('one-pair-no-nd', 'the same, seen, and neighbour discovery is dropped between the guests',
         chain('forward', *ONE_PAIR)),
    Case('one-pair-mac', 'only g3 by address and MAC',
         chain('forward', ND, *('ether saddr $g3_mac ' + r for r in ONE_PAIR[:2]), ONE_PAIR[2])),
    Case('ssh-from-lan1', 'the answer goes to lan1, not to g1', ssh_from('lan1')),
    Case('ssh-from-g3', 'the answer goes where ARP says', ssh_from('g3')),
    Case('ssh-from-g3-no-nd', 'the host takes no neighbour advertisement', ssh_from('g3').replace(ND, '')),
    Case('ssh-from-h1-rp', 'no packet of h1 comes by br0', ssh_from('h1'), {'net.ipv4.conf.br0.rp_filter': 1}),
    Case('isolated', 'ports of g1 and g2 do not speak to each other', '', {},
         tuple('host: bridge link set dev %s isolated on' % p for p in ('p1', 'p2')),
         tuple('host: bridge link set dev %s isolated off' % p for p in ('p1', 'p2'))),
    Case('by-hand', 'neighbours of g3 were set by hand, but bridges learn', chain('forward', ND, *ONE_PAIR), {},
         by_hand('replace'), by_hand('del')),
    Case('by-hand-deaf', 'the bridge learns nothing from g1', chain('forward', ND, *ONE_PAIR), {},
         by_hand('replace') + ('host: bridge link set dev p1 learning off',),
         by_hand('del') + ('host: bridge link set dev p1 learning on',)),
    Case('by-hand-static', 'the bridge was told where g3 is, and believes another port all the same',
         chain('forward', ND, *ONE_PAIR), {}, by_hand('replace') + (FDB % ('replace', 'static'),),
         by_hand('del') + (FDB % ('del', ''),)),
    Case('by-hand-sticky', 'the bridge was told where g3 is, for ever',
         chain('forward', ND, *ONE_PAIR), {}, by_hand('replace') + (FDB % ('replace', 'static sticky'),),
         by_hand('del') + (FDB % ('del', ''),)),
    Case('stolen-mac', 'a frame that is dropped has told the bridge where g3 is',
         chain('forward', 'iifname p1 ether type { ip, ip6 } ether saddr != $g1_mac drop', policy='accept',
               family='bridge')
         + chain('forward', ND, *ONE_PAIR), {}, by_hand('replace'), by_hand('del')),
    Case('no-lies', 'the bridge drops false answers of g1, not its false frames', NO_ANSWERS + chain(
        'forward', ND, *ONE_PAIR)),
    Case('no-lies-deaf', 'the same, and it learns nothing from g1: false questions are left', NO_ANSWERS + chain(
        'forward', ND, *ONE_PAIR), {}, ('host: bridge link set dev p1 learning off',),
         ('host: bridge link set dev p1 learning on',)),
    Case('foreign-route', 'g3 is the way to a network that is allowed', chain(
        'input', ND, 'ip saddr 10.99.0.0/24 tcp dport 22 accept', 'ip6 saddr fd99::/64 tcp dport 22 accept'), {},
         ('host: ip route add 10.99.0.0/24 via $g3', 'host: ip route add fd99::/64 via $g3_6'),
         ('host: ip route del 10.99.0.0/24', 'host: ip route del fd99::/64'),
         '10.99.0.5', 'fd99::5', ('10.9.0.13', 'fd09::13')),
    Case('dnat', 'a published port', PUBLISHED + MASQUERADED),
    Case('dnat-direct', 'the same without masquerade: on one bridge the answer goes past the translation',
         PUBLISHED, UNSEEN),
    Case('dnat-seen', 'the same, but the bridge shows the answer', PUBLISHED),
    Case('raw-direct', 'who is not on the bridge may not ask it directly',
         chain('prerouting', 'iifname != br0 ip daddr 10.9.0.0/24 drop', 'iifname != br0 ip6 daddr fd09::/64 drop',
               policy='accept', priority='-300')),
    Case('hairpin', 'the port of g1 sends back what came by it', chain('forward', ND, *ONE_PAIR), {},
         ('host: bridge link set dev p1 hairpin on',), ('host: bridge link set dev p1 hairpin off',)),
    Case('sport-53', 'a rule that trusts the source port',
         chain('forward', ND, 'meta l4proto { tcp, udp } th sport 53 accept')),
    Case('own-only', 'frames of g1 must bear its MAC and its addresses', chain(
        'prerouting', 'iifname p1 ether saddr != $g1_mac drop', 'iifname p1 ip saddr != $g1 drop',
        'iifname p1 ip6 saddr != $g1_6 drop', policy='accept', family='bridge', priority='-300')),
    Case('typed', 'rules ask for the type of a frame, which with a tag is another', chain(
        'prerouting', 'iifname p1 ether type { ip, ip6 } drop', policy='accept', family='bridge', priority='-300'), UNSEEN),
    Case('typed-too', 'they look behind the tag as well', chain(
        'prerouting', 'iifname p1 ether type { ip, ip6 } drop', 'iifname p1 ether type 8021q vlan type { ip, ip6 } drop',
        policy='accept', family='bridge', priority='-300'), UNSEEN),
    Case('by-protocol', 'what the packet is, with a tag or without, and the number of the tag', chain(
        'forward', 'iifname p1 meta protocol ip udp dport 1-65535 drop', 'iifname p1 ether type 8021q vlan id 0 drop',
        policy='accept', family='bridge', priority='-200'), UNSEEN),
    Case('reject', 'refusals instead of silence, by address',
         chain('forward', 'ip saddr { $g1, $g2 } reject',
               'ip6 saddr { $g1_6, $g2_6 } tcp dport 1-65535 reject with tcp reset', policy='accept')
         + chain('input', 'ip saddr 10.9.0.0/24 reject', 'ip6 saddr fd09::/64 meta l4proto { tcp, udp } reject',
                 policy='accept')),
    Case('raw-fib', 'the reverse path by a rule, both families', chain(
        'prerouting', ND, 'fib saddr . iif oif missing drop', policy='accept', priority='-300')),
    Case('by-g3', 'g3 passes on what the bridge does not', chain(
        'forward', 'iifname p1 oifname p2 ether type { ip, ip6 } drop', policy='accept', family='bridge')
         + chain('forward', 'iifname br0 oifname br0 drop', policy='accept'), UNSEEN,
         ('g3: echo 1 > /proc/sys/net/ipv4/ip_forward', 'g3: echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'),
         ('g3: echo 0 > /proc/sys/net/ipv4/ip_forward', 'g3: echo 0 > /proc/sys/net/ipv6/conf/all/forwarding')),
    Case('two-legs', 'a question by one bridge, its answer by the other, both heard by g4', chain(
        'input', ND, 'iifname br0 ip saddr $h1 tcp dport 22 accept', 'iifname br0 ip6 saddr $h1_6 tcp dport 22 accept')
         + chain('forward', ND, *ONE_PAIR), attackers=('g4',)),
    Case('proxy-arp', 'g2 asks for h1 on its own wire and the host answers', ssh_from('h1'),
         {'net.ipv4.conf.br0.proxy_arp': 1},
         ('g2: ip route add 10.9.0.0/16 dev eth0', 'host: ip route add default via $lan1'),
         ('g2: ip route del 10.9.0.0/16 dev eth0', 'host: ip route del default via $lan1')),
]


def names(network):
    """What the $names of the cases stand for."""
    places = {device: (addresses, ('host', device)) for device, addresses in HOST.items()}
    places.update({name: (addresses, (name, device)) for name, (addresses, device, _) in PLACES.items()})
    found = {}
    for name, (addresses, where) in places.items():
        found.update({name: addresses[0], name + '_6': addresses[1], name + '_mac': network.mac(*where)})
    return found


def enter(network, case, known):
    sysctl(network.path('host'), {**PLAIN, **case.sysctls})
    with inside(network.path('host')):
        run('nft', '-f', '-', text='flush ruleset\n' + string.Template(case.nft).substitute(known))
    _do(network, case.do, known)


def leave(network, case, known):
    _do(network, case.undo, known)


def _do(network, lines, known):
    for line in lines:
        space, _, command = string.Template(line).substitute(known).partition(': ')
        with inside(network.path(space)):
            run('sh', '-ec', command)
