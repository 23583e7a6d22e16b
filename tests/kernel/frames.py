"""Ethernet frames of one packet, made and read as bytes: ARP, neighbour discovery, TCP and UDP in IPv4 and IPv6.

Addresses are text outside and bytes inside; what does not parse is None.
"""

import collections
import socket
import struct

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86dd
EXPERIMENT = 0x88b5  # IEEE 802, for local experiments
TCP, UDP, ICMPV6 = 6, 17, 58
SYN, ACK = 2, 16
SOLICITATION, ADVERTISEMENT = 135, 136
BROADCAST = 'ff:ff:ff:ff:ff:ff'

# Who asked for whose address; |asker| is '::' when it checks for duplicates.
Request = collections.namedtuple('Request', 'asker asker_mac target')
# The acknowledged number names the SYN whose answer it is, whatever NAT did to addresses and ports.
SynAck = collections.namedtuple('SynAck', 'source destination acknowledged')


def mac_bytes(text):
    return bytes.fromhex(text.replace(':', ''))


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ':' in address else socket.AF_INET, address)


def text(address):
    return socket.inet_ntop(socket.AF_INET6 if len(address) == 16 else socket.AF_INET, address)


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def ethernet(to, source, kind, payload):
    return mac_bytes(to) + mac_bytes(source) + struct.pack('!H', kind) + payload


def hello(mac):
    """A frame that tells bridges where |mac| is and nobody anything else."""
    return ethernet(BROADCAST, mac, EXPERIMENT, bytes(46))


def tagged(frame):
    """As a frame of VLAN 0, which is of no VLAN but has a priority (IEEE 802.1Q, 6.9)."""
    return frame[:12] + b'\x81\0\0\0' + frame[12:]


def _ip(source, destination, protocol, payload, sum_at):
    """The packet whose payload has its checksum, two zero bytes so far, at |sum_at|."""
    s, d = packed(source), packed(destination)
    total = checksum(s + d + struct.pack('!II', len(payload), protocol) + payload) or 0xffff
    payload = payload[:sum_at] + struct.pack('!H', total) + payload[sum_at + 2:]
    if len(s) == 16:
        return IPV6, struct.pack('!IHBB', 6 << 28, len(payload), protocol, 255) + s + d + payload
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + s + d
    return IPV4, head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload


def syn(macs, source, destination, ports, number):
    """|macs| and |ports| are (source, destination); |number| is the sequence number."""
    segment = struct.pack('!HHIIBBHHHBBH', *ports, number, 0, 6 << 4, SYN, 64240, 0, 0, 2, 4, 1460)
    return ethernet(macs[1], macs[0], *_ip(source, destination, TCP, segment, 16))


def datagram(macs, source, destination, ports, payload):
    segment = struct.pack('!HHHH', *ports, 8 + len(payload), 0) + payload
    return ethernet(macs[1], macs[0], *_ip(source, destination, UDP, segment, 6))


def claim(request, mac, sender):
    """The answer '|mac| has the address' to a request; in IPv6 sent in the name of |sender|."""
    if ':' not in request.target:
        return ethernet(request.asker_mac, mac, ARP, struct.pack('!HHBBH', 1, IPV4, 6, 4, 2) + mac_bytes(mac)
                        + packed(request.target) + mac_bytes(request.asker_mac) + packed(request.asker))
    flags = 0x60000000  # solicited, override
    body = struct.pack('!BBHI', ADVERTISEMENT, 0, 0, flags) + packed(request.target) + b'\x02\x01' + mac_bytes(mac)
    return ethernet(request.asker_mac, mac, *_ip(sender, request.asker, ICMPV6, body, 2))


def question(mac, asker, target):
    """Who has |target|? Tell |asker|, who is at |mac|: whoever has it learns that (arp_process(), ndisc_recv_ns())."""
    if ':' not in target:
        return ethernet(BROADCAST, mac, ARP, struct.pack('!HHBBH', 1, IPV4, 6, 4, 1) + mac_bytes(mac)
                        + packed(asker) + bytes(6) + packed(target))
    body = struct.pack('!BBHI', SOLICITATION, 0, 0, 0) + packed(target) + b'\x01\x01' + mac_bytes(mac)
    group = text(packed('ff02::1:ff00:0')[:13] + packed(target)[13:])
    return ethernet('33:33:' + packed(group)[12:].hex(':'), mac, *_ip(asker, group, ICMPV6, body, 2))


def parse(frame):
    """A Request, a SynAck or None."""
    if len(frame) < 34:
        return None
    kind, = struct.unpack_from('!H', frame, 12)
    if kind == ARP:
        if len(frame) < 42 or frame[20:22] != b'\0\1':
            return None
        return Request(text(frame[28:32]), frame[22:28].hex(':'), text(frame[38:42]))
    if kind == IPV4:
        size, protocol, source, destination = (frame[14] & 15) * 4, frame[23], frame[26:30], frame[30:34]
    elif kind == IPV6 and len(frame) >= 54:
        size, protocol, source, destination = 40, frame[20], frame[22:38], frame[38:54]
    else:
        return None
    inner = frame[14 + size:]
    if protocol == TCP and len(inner) >= 20 and inner[13] & (SYN | ACK) == SYN | ACK:
        return SynAck(text(source), text(destination), struct.unpack_from('!I', inner, 8)[0])
    if protocol == ICMPV6 and kind == IPV6 and len(inner) >= 24 and inner[0] == SOLICITATION:
        return Request(text(source), frame[6:12].hex(':'), text(inner[8:24]))
    return None
