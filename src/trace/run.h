// One walk: the packets of one connection, followed from wire to wire until nothing moves any more.
//
// Frames between machines wait in a queue, as the kernel's backlog does; within a machine the
// layers call each other as the kernel's do. Neighbour resolution runs in a queue of its own, to
// its end, before the packet that asked goes on. Internal to trace/.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/stacked.h"
#include "topology/vxlan.h"
#include "trace/choices.h"
#include "trace/nat_areas.h"
#include "trace/packet.h"
#include "trace/route.h"
#include "trace/trace.h"
#include "trace/world_state.h"

namespace bulkhead::trace {

// Types of ICMP and ICMPv6 errors (RFC 792, RFC 4443).
inline constexpr std::uint8_t kUnreachable4 = 3, kUnreachable6 = 1, kTimeExceeded4 = 11,
                              kTimeExceeded6 = 3;

inline constexpr std::int32_t kFirst = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();

// Ends the reason of the choice whether a neighbour that does not answer has made itself known. Its
// first way is how things stand, so `how` is taken from there.
inline constexpr std::string_view kAskedFirst = " does not answer, but is known if it asked first";

// A packet with what travels beside it (struct sk_buff).
struct Skb {
  Packet p;
  CtView ct;
  Dst dst;
  Device* dev = nullptr;
  // br_netfilter's nf_bridge_info
  bool bridge_info = false, in_prerouting = false, prerouting_done = false, was_other_host = false;
  Device* physical_in = nullptr;
  Device* physical_out = nullptr;
  bool from_isolated_port = false;
  Device* received6 = nullptr;  // IP6CB(skb)->iif: whose forwarding switch counts for IPv6
  IfIndex bound_to;             // SO_BINDTODEVICE of the socket that sends it
  bool about_reset = false;     // an ICMP error about a reset sent in the client's name
  bool ours = false;  // belongs to the connection in question (not ARP, ND or an error about those)
  Leg leg = Leg::kRequest;
};

// A tracked connection in one machine.
struct Tracked {
  const Machine* machine = nullptr;
  ConnTrack entry;
};

// Frames under way. One is handled where it lies while others are added behind it, so their places
// do not move; and they are kept for the next walk.
class FrameQueue {
 public:
  struct Frame {
    Device* dev = nullptr;
    Skb skb;
  };
  void push(Device& dev, const Skb& skb) {
    if (size_ == frames_.size()) frames_.push_back(std::make_unique<Frame>());
    Frame& frame = *frames_[size_++];
    frame.dev = &dev;
    frame.skb = skb;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Frame& operator[](std::size_t at) { return *frames_[at]; }
  void cut(std::size_t size) { size_ = size; }  // to at most what it is

 private:
  std::vector<std::unique_ptr<Frame>> frames_;
  std::size_t size_ = 0;
};

// Reused from walk to walk, so that a walk allocates nothing.
struct Scratch {
  FrameQueue queue;
  std::vector<Tracked> tracked;  // never grows past its capacity: pointers into it are kept
  std::vector<LearnedNeighbour> learned;
  std::vector<std::unique_ptr<const Resolved>>
      held;  // answers that are not for the World to remember
  std::vector<std::unique_ptr<const Carried>> carried;  // such of packets around frames
  static constexpr std::size_t kMostTracked = 64;
};

class Run {
 public:
  Run(const WorldState& world, const Question& question, Choices& choices, Scratch& scratch,
      Answer& answer);
  // Walks; fills `answer` but for what several runs make together.
  void go();
  // The same for a packet that the kernel sends around a frame: where it gets to.
  [[nodiscard]] topology::VxlanCarried carry(const topology::VxlanPacket& packet, Port source_port,
                                             unsigned within);

 private:
  // ---- walk.cpp: the client, and what the run comes to
  void start_local(const LocalOrigin& origin);
  void start_outside(const OutsideOrigin& origin);
  Skb packet_from(IpAddress source);
  bool connect4(Machine& m, Flow flow, Skb& skb);
  bool connect6(Machine& m, Flow flow, Skb& skb);
  void local_error(NetError error, std::string_view why);
  void run_queue(std::size_t from);
  void finish();
  [[nodiscard]] bool answers_client(const Packet& p) const;
  // Whether the handshake's last packet can change or tell anything.
  [[nodiscard]] bool acknowledges() const { return world_.acks_matter || explain_; }
  void acknowledge();
  void client_hears(const Skb& skb, std::string_view where);
  void accepted_by(const Machine& m, const model::Socket& socket);
  void stop_unknown(std::string why);
  void leave_model(const Skb& skb, const Device& device, std::optional<IpAddress> next_hop);
  void outsider_hears(const Device& device, const Skb& skb);

  // ---- forged.cpp: an attacker on a wire
  void start_forged(const ForgedOrigin& origin);
  bool forger_takes(Device& dev, Skb& skb, bool leaving);
  std::optional<MacAddress> claimed(Device& dev, IpAddress target, const Skb& cause);
  [[nodiscard]] bool claiming() const { return forgery_ && forgery_->claiming; }
  [[nodiscard]] bool believes(MacAddress sender) const;
  void insinuate(Device& dev, IpAddress target);
  void note_passage(const Device& port, const Skb& skb);
  enum class Draws : std::uint8_t { kNo, kYes, kUnknown };
  // Whether the attacker has drawn frames for the packet's destination to its own port, `to`.
  [[nodiscard]] Draws draws(const Device& bridge, const Skb& skb, Device*& to) const;

  // ---- link.cpp: devices
  void transmit(Device& dev, Skb& skb);  // dev_queue_xmit
  void put_on_wire(Device& dev, Skb& skb);
  void receive(Device& dev, Skb& skb);  // netif_receive_skb
  void deliver(Device& dev, Skb& skb);  // to the protocols above
  void enqueue(Device& dev, const Skb& skb);
  void receive_typed(Device& dev, Skb& skb);  // its packet type is known
  void receive_filtered(Device& dev, Skb& skb);

  // ---- stacked.cpp: devices that stand on others
  bool receive_stacked(Device& dev, Skb& skb);  // true when one of them took it
  bool receive_vlan(Device& dev, Skb& skb);
  bool receive_macvlan(Device& dev, Skb& skb);
  bool receive_ipvlan(Device& dev, Skb& skb);
  void rise(Device& to, const Device& from, Skb& skb);  // RX_HANDLER_ANOTHER
  void transmit_vlan(Device& dev, Skb& skb);
  void transmit_macvlan(Device& dev, Skb& skb);
  void transmit_ipvlan(Device& dev, Skb& skb);
  void transmit_ipvlan2(Device& dev, Skb& skb);
  void transmit_ipvlan3(Device& dev, Skb& skb);
  // The frame goes to what arrives at `to`, past its wire (dev_forward_skb).
  void forward_to(Device& to, const Device& from, Skb skb);
  // True when it was routed to an ipvlan in l3s mode that stands on where it came in.
  bool route_l3s(Skb& skb);

  // ---- vxlan.cpp
  void transmit_vxlan(Device& dev, Skb& skb);
  void send_vxlan(Device& dev, const Skb& skb, const topology::VxlanRemote& remote);
  void proxied(Device& dev, const Skb& skb);
  void not_known(const Skb& skb, std::string why);
  [[nodiscard]] bool may_be_drawn(const Device& vxlan, const Skb& skb) const;
  const Carried& carried(const topology::VxlanPacket& packet);
  void start_carrying(const topology::VxlanPacket& packet);
  void arrived(const Skb& skb, const Machine& m, const model::Socket* socket);
  // A packet to a group that `dev` has joined, for VXLAN.
  [[nodiscard]] bool hears_group(const Device& dev, const Skb& skb) const;

  // ---- bridge.cpp
  void bridge_receive(Device& port, Skb& skb);
  void bridge_finish(Device& port, Skb& skb);  // br_handle_frame_finish
  void bridge_send(Device& bridge, Skb& skb, Device* from);
  void bridge_transmit(Device& bridge, Skb& skb);
  void bridge_forward(Device& to, Skb& skb, Device* from);
  void bridge_flood(Device& bridge, const Skb& skb, Device* from);
  void bridge_up(Device& bridge, Skb& skb, Device& port);
  bool bridge_calls_ip(const Device& bridge, const Packet& p) const;
  bool bridge_ip_prerouting(Device& port, Skb& skb, bool& done);
  void bridged_dnat(Device& port, Skb& skb);

  // ---- ip_in.cpp
  void ip_receive(Device& dev, Skb& skb);
  void ip_route_in(Skb& skb);
  void ip_local_deliver(Skb& skb);
  void ip_forward(Skb& skb);
  void ip_error(Skb& skb);
  bool ip_prerouting(Skb& skb, Device* in);

  // ---- ip_out.cpp
  bool ip_local_out(Skb& skb);  // OUTPUT and on; false: dropped in OUTPUT
  bool ip_local_hooks(Skb& skb);
  bool ip_output(Skb& skb, Device* in);  // false: dropped by a rule         // POSTROUTING and on
  bool ip_postrouting(Skb& skb, Device* in, Device* out);
  void ip_finish_output(Skb& skb);
  bool route_again(Skb& skb);  // ip_route_me_harder
  Flow flow_of(const Skb& skb) const;

  // ---- hooks.cpp
  // The part of a hook between two priorities; false: the packet does not go on. Most parts of most
  // hooks are empty, so that is seen before anything is made ready for rules.
  bool hook(FilterPoint point, std::int32_t from, std::int32_t to, Skb& skb, Device* in,
            Device* out) {
    const Machine& m = *(in != nullptr ? in : out)->machine;
    const Stack& stack = world_.stack(m);
    if (skb.p.is_ip() && !forgery_ && m.id == world_.topology.snapshot().host) {
      answer_.seen.add(skb.p.source, skb.p.source_port);
      answer_.seen.add(skb.p.destination, skb.p.destination_port);
    }
    const bool chains = stack.chains[static_cast<std::size_t>(point)];
    if (chains && (skb.p.tagged || stack.filters(point, from, to)))
      return run_hook(point, from, to, skb, in, out);
    if (m.rules_unknown) stop_unknown(m.unknown_why);
    return !stopped_;
  }
  bool run_hook(FilterPoint point, std::int32_t from, std::int32_t to, Skb& skb, Device* in,
                Device* out);
  class RouteAgain;
  Context context_of(Skb& skb, Device* in, Device* out);
  HookResult run_filter(FilterPoint point, std::int32_t from, std::int32_t to, Context& context,
                        Skb& skb, const Machine& m);
  void reads_wish(const Skb& skb, FilterPoint point, const Machine& m, Context& context) const;
  HookResult run_nat(FilterPoint point, Context& context, const Machine& m,
                     std::optional<NatRequest>& request);
  void reject(FilterPoint point, Skb& skb, Device* in, Device* out, const RejectAnswer& how);
  void reset(FilterPoint point, Skb& skb, Device* in);
  void reject_on_link(Skb& skb, Device& in, const RejectAnswer& how);

  // ---- conntrack.cpp
  void track(Skb& skb, const Machine& m);
  bool confirm(Skb& skb, const Machine& m);
  bool translate(FilterPoint point, Skb& skb, Device* in, Device* out);
  bool ask_nat(Skb& skb, FilterPoint point, Device* in, Device* out,
               std::optional<NatRequest>& request);
  void translate_error(Skb& skb, bool source_side);
  bool set_up_nat(Skb& skb, FilterPoint point, const NatRequest* request, bool source_side,
                  Device* in, Device* out);
  void apply_nat(Skb& skb, bool source_side);
  std::optional<IpAddress> nat_address(const NatRequest& request, const Skb& skb, FilterPoint point,
                                       bool source_side, Device* in, Device* out);
  bool tuple_used(const Machine& m, const Tuple& reply, const ConnTrack* but) const;
  void attach(Skb& answer, const Skb& cause);

  // ---- icmp.cpp
  void icmp_error(Skb& cause, std::uint8_t type, std::uint8_t code);
  void icmp_error4(Skb& cause, std::uint8_t type, std::uint8_t code);
  void icmp_error6(Skb& cause, std::uint8_t type, std::uint8_t code);
  void icmp_deliver(Skb& skb);

  // ---- neighbour.cpp
  void neighbour_output(Device& dev, Skb& skb, IpAddress next_hop);
  struct Way {  // what resolve() came to
    Resolution how = Resolution::kFailed;
    MacAddress mac;
    const Resolved* asked = nullptr;  // when a question was asked; lives as long as the walk
  };
  Way resolve(Device& dev, IpAddress target, const Skb& cause);
  [[nodiscard]] bool rests_on_memory(const Device& dev, IpAddress target, const Resolved& asked,
                                     const Skb& cause) const;
  const Resolved& ask_for(Device& dev, IpAddress target, IpAddress source);
  std::optional<MacAddress> known_by_its_question(Device& dev, IpAddress target, IpAddress source);
  IpAddress asking_address(Device& dev, IpAddress target, const Skb& cause) const;
  void arp_receive(Device& dev, Skb& skb);
  void arp_send(Device& dev, const Arp& arp, MacAddress to);
  [[nodiscard]] static Skb neighbour_answer(const Packet& question, const Arp& q, MacAddress mac);
  bool may_answer(const Device& dev, IpAddress target) const;
  bool arp_refuses(const Device& dev, IpAddress asker, IpAddress target) const;
  void nd_receive(Skb& skb);
  void learn(const Device& dev, IpAddress address, MacAddress mac);
  const MacAddress* learned(const Device& dev, IpAddress address) const;
  bool outsider_answers(const Device& dev, IpAddress target) const;
  bool meant_for_outsider(const Device& dev, const Skb& skb) const;
  bool outsider_may_answer(IpAddress target) const;
  bool is_edge(const Device& dev) const;

  // ---- sockets.cpp
  void socket_receive(Skb& skb);
  const model::Socket* find_socket(const Machine& m, const Packet& p, IfIndex in) const;
  void answer_syn(Skb& skb, const Machine& m, const model::Socket& socket);
  void refuse(Skb& skb, const Machine& m);

  // For EndReads. Of the source: what happens to the packet rests on it in a way that cannot be
  // retold, or on its very address.
  void unclear_source(const Skb& skb) const {
    if (question_.reads != nullptr && skb.ours) question_.reads->unclear();
  }
  void singular_source(const Skb& skb) const {
    if (question_.reads != nullptr && skb.ours && question_.reads->follows(skb.p.source))
      question_.reads->singular();
  }
  // For a machine that has this address itself nothing is translated.
  void hidden_behind(const IpAddress& translated, const Skb& skb) const {
    if (question_.reads != nullptr && skb.ours && question_.reads->follows(skb.p.source))
      question_.reads->sent_to(translated);
  }
  // Of the destination: the packet is where it is known by it, or is sent to another.
  void unclear_destination(const Skb& skb) const {
    if (question_.to_reads != nullptr && skb.ours) question_.to_reads->unclear();
  }
  // The machine is about to ask its routes for the packet's destination.
  void routed_by_destination(const Machine& m, const Skb& skb) const {
    if (question_.to_reads != nullptr && skb.ours)
      question_.to_reads->routed(world_.stack(m).fib4(), skb.p.tos & 0x1c);
  }

  // ---- what is told
  void lost(const Skb& skb, std::string_view why);
  void lost(const Skb& skb, std::string_view why, std::string_view detail);
  void decided(const Skb& skb, const RuleRef& rule);
  void step(const Skb& skb, const Machine& m, std::string_view stage, const Device* at,
            std::string detail);

  struct Asking {  // the question that the neighbour queue is about
    const Device* device = nullptr;
    IpAddress target;
    bool answered = false;
    MacAddress mac;
    const Device* exit = nullptr;
    std::string why, unknown;
    std::vector<RuleRef> rules;
  };

  const WorldState& world_;
  const Question& question_;
  Choices& choices_;
  Scratch& scratch_;
  Answer& answer_;
  bool explain_ = false;
  bool stopped_ = false;  // the answer is known, or the walk went on for too long
  bool settled_ = false;  // the client has its answer
  std::size_t steps_ = 0;
  std::size_t head_ = 0;
  unsigned nested_ = 0;  // see Nesting
  unsigned depth_ = 0;   // of questions for neighbours within each other
  Asking* asking_ = nullptr;
  std::vector<RuleRef> seen_;  // filled by the filter when explaining

  // The client's end of the connection.
  Machine* client_ = nullptr;  // LocalOrigin
  bool send_fails_ = false;    // a datagram was dropped within send(), which reports it
  const OutsideOrigin* outsider_ = nullptr;
  Device* outsider_link_ = nullptr;
  struct Forgery {  // of an attacker
    Forgery(const ForgedOrigin& of, Device& sends_by, const ForgerWires& reached)
        : origin(&of), link(&sends_by), wires(&reached) {}
    const ForgedOrigin* origin;
    Device* link;
    const ForgerWires* wires;
    std::vector<MacAddress> passed;   // bridges, before they could be misled
    bool claiming = false;            // the question on its way is about an answer to it
    std::optional<MacAddress> claim;  // what it said
    bool insinuated = false;          // and was learned from a question of its own
  };
  std::unique_ptr<Forgery> forgery_;  // of a question about a forged packet
  struct Carrying {
    const topology::VxlanPacket* packet;
    topology::VxlanCarried result;
  };
  std::unique_ptr<Carrying> carrying_;  // of a packet around a frame
  unsigned within_ = 0;                 // how many such packets are around this one
  IpAddress client_address_, server_address_;
  Port client_port_, server_port_;
  std::uint32_t client_uid_ = 0;
  std::string first_loss_, last_loss_;
  bool reached_socket_ = false;
  bool established_ = false;         // the client has heard the SYN/ACK
  Skb client_template_;              // how the client sends; when it acknowledges()
  const Machine* server_ = nullptr;  // who accepted, and as which connection it knows it
  Tuple server_tuple_;
};

// "rule 7 of chain FORWARD in table ip filter", escaped.
[[nodiscard]] std::string describe(const RuleRef& rule);

}  // namespace bulkhead::trace
