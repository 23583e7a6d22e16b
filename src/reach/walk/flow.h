// A set of packets on its way: all of them are at the same place and have been treated alike, so
// each header field is one constant or still the field that they were sent with.
//
// `set` lies in the space of the packets as they were sent; what they have become is `p`. Inside
// reach/walk.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "reach/chain/fields.h"
#include "reach/route/routes.h"
#include "topology/topology.h"

namespace bulkhead::reach::walks {

using routes::ChosenHops;
using routes::Dst;
using routes::NetError;
using topology::Device;
using topology::DeviceKind;
using topology::Machine;

// include/uapi/linux/if_packet.h
enum class PacketType : std::uint8_t { kHost = 0, kBroadcast = 1, kMulticast = 2, kOtherHost = 3 };

namespace tcp {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
}

struct Tuple {
  AddressOperand source, destination;
  NumberOperand source_port, destination_port;
  IpProtocol protocol = IpProtocol::kTcp;
  friend bool operator==(const Tuple&, const Tuple&) = default;

  [[nodiscard]] Tuple inverted() const {
    return {destination, source, destination_port, source_port, protocol};
  }
};

// An ARP message, or what a neighbour solicitation or advertisement says.
struct NeighbourMessage {
  bool request = true;
  MacAddress sender_mac;
  IpAddress sender, target;
};

struct Header {
  MacAddress source_mac, destination_mac;
  bool any_source_mac = false;  // as it was sent: kSourceMac varies
  bool tagged = false;          // with a VLAN tag
  std::uint16_t vlan = 0;       // its number; receivers ignore 0
  Tuple t;
  bool is_arp = false;  // no IP header at all
  std::optional<NeighbourMessage> neighbour;
  std::optional<Tuple> quoted;  // of an ICMP error
  std::uint8_t icmp_type = 0, icmp_code = 0, tcp_flags = 0, hop_limit = 64, tos = 0;
  std::uint16_t length = 60;
  // What travels beside the bytes
  std::uint32_t mark = 0;
  PacketType type = PacketType::kHost;
  bool has_socket = false;
  std::uint32_t uid = 0, gid = 0;

  [[nodiscard]] bool is_icmp() const {
    return t.protocol == IpProtocol::kIcmp || t.protocol == IpProtocol::kIcmpV6;
  }
};

// A tracked connection in one machine.
struct Connection {
  const Machine* machine = nullptr;
  Tuple original, reply;
  bool snat = false, dnat = false;            // IPS_SRC_NAT, IPS_DST_NAT
  bool snat_done = false, dnat_done = false;  // NAT of that kind was decided
  bool seen_reply = false, confirmed = false;
  std::uint32_t mark = 0;
};

// A machine that heard a question knows the asker from then on.
struct Learned {
  const Device* device = nullptr;
  IpAddress address;
  MacAddress mac;
  friend bool operator==(const Learned&, const Learned&) = default;
};

enum class Leg : std::uint8_t { kRequest, kReply };

// The asking process's end, as its packets were sent.
struct Client {
  Machine* machine = nullptr;
  Tuple sent;     // source: the client
  Header header;  // how it sends
  Dst dst;
};

struct Flow {
  explicit Flow(packet::PacketSet packets) : set(std::move(packets)) {}

  packet::PacketSet set;
  Header p;
  // Connection tracking
  std::vector<Connection> connections;  // that this walk has made
  std::optional<std::size_t> entry;     // the packet's
  CtInfo info = CtInfo::kNone;
  // Where it is
  Dst dst;
  Device* dev = nullptr;
  IfIndex bound_to;             // SO_BINDTODEVICE of the sending socket
  Device* received6 = nullptr;  // whose forwarding switch counts for IPv6
  // br_netfilter's nf_bridge_info
  bool bridge_info = false, in_prerouting = false, prerouting_done = false;
  Device *physical_in = nullptr, *physical_out = nullptr;
  bool from_isolated_port = false;
  // The walk's own memory
  bool ours = false;  // belongs to the connection in question (not ARP or ND)
  Leg leg = Leg::kRequest;
  bool about_reset = false;  // an ICMP error about a reset made in the client's name
  bool sending = false;      // within send(), which would report a drop
  bool send_failed = false;
  bool in_doubt = false;           // these packets may as well go another way
  bool if_it_asked = false;        // this way only if a neighbour had made itself known before
  bool established = false;        // the client has heard the SYN/ACK
  bool from_own = false;           // each comes from the address to which it was sent
  std::vector<MacAddress> passed;  // bridges, before the attacker could mislead them
  ChosenHops chosen;
  std::vector<Learned> learned;
  Client client;
  const Machine* server = nullptr;  // who accepted, and as which connection it knows it
  Tuple server_tuple;
  const model::Socket* socket = nullptr;
  std::string first_loss;
  std::uint32_t hops = 0;

  // The packet's tracked connection; to be asked only where `entry` is set.
  [[nodiscard]] Connection& connection() {
    if (!entry) std::abort();
    return connections[*entry];
  }
  [[nodiscard]] const Connection& connection() const {
    if (!entry) std::abort();
    return connections[*entry];
  }
  // What a machine's stack has noted about a packet and does not hold for the next one: its tracked
  // connection, br_netfilter's notes, the bridge port by which it came.
  void forget_stack() {
    entry.reset();
    info = CtInfo::kNone;
    bridge_info = in_prerouting = prerouting_done = false;
    physical_in = physical_out = nullptr;
    from_isolated_port = false;
    received6 = nullptr;
  }
  [[nodiscard]] bool is_reply() const {
    return info == CtInfo::kEstablishedReply || info == CtInfo::kRelatedReply;
  }
  [[nodiscard]] bool is_related() const {
    return info == CtInfo::kRelated || info == CtInfo::kRelatedReply;
  }
};

}  // namespace bulkhead::reach::walks
