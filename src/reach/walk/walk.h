// The symbolic walk: what becomes of every packet that a seat can send, as the kernel would treat
// it, there and back. Sets of packets are followed from wire to wire and split only where they are
// treated differently.
//
// One Walk serves one address family and one space. Not for two threads at once. Cost: one route
// lookup, one intersection with a rule diagram and one neighbour question for each class of packets
// that is told apart, on each machine passed; bounded by kMostSteps, beyond which the rest is
// unknown.
//
// Only the walk's own connections exist in connection tracking: entries of the snapshot's moment do
// not decide about a new connection from a free port.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "reach/walk/flow.h"
#include "reach/walk/hooks.h"
#include "reach/walk/outcome.h"
#include "topology/stacked.h"
#include "topology/vxlan.h"

namespace bulkhead::reach::walks {

class Underlay;

class Walk {
 public:
  // All must outlive it. Without an underlay it is not known where packets around frames get to.
  Walk(const topology::Topology& topology, Algebra& algebra, Hooks& hooks,
       Underlay* underlay = nullptr);

  // Everything that a process may ask for with connect() (TCP) or send() (UDP): packets whose
  // kDestination and kDestinationPort vary; the source is chosen by the route, the source port is
  // `request.source_port`, the mark 0.
  [[nodiscard]] std::vector<Outcome> from(const LocalRequest& request);
  // The same from a machine that is not in the model, on the wire of a link that leads out of it.
  [[nodiscard]] std::vector<Outcome> from(const OutsideRequest& request);
  [[nodiscard]] std::vector<Outcome> from(const ForgedRequest& request);
  // Where a packet around a frame gets to, of this Walk's family.
  [[nodiscard]] topology::VxlanCarried from(const topology::VxlanPacket& packet);

 private:
  using Next = std::function<void(Flow)>;
  void leave_out(const auto& request);
  [[nodiscard]] std::vector<Outcome> walked(const auto& request);
  static constexpr std::uint32_t kMostHops = 600;
  static constexpr std::size_t kMostSteps = 400'000;
  static constexpr std::size_t kMostRemembered = 100'000;  // questions for neighbours

  // ---- client.cpp
  // The packets of one protocol that are asked about.
  [[nodiscard]] static Tuple asked_tuple(const AddressOperand& source,
                                         const NumberOperand& source_port, IpProtocol protocol,
                                         const Asked& asked);
  [[nodiscard]] packet::PacketSet asked_set(IpProtocol protocol, const Asked& asked);
  void start(const LocalRequest& request);
  void start(const OutsideRequest& request);
  void connect4(const Flow& flow, IpAddress source, bool fixed);
  void connect6(const Flow& flow, IpAddress source, bool fixed);
  void send(Flow flow, const Dst& dst, const AddressOperand& source);
  void join_own(std::vector<routes::Way>& ways, const Machine& m);
  void part_own(const Flow& flow, const Next& next);
  [[nodiscard]] packet::PacketSet to_themselves();
  void client_hears(Flow flow);
  void acknowledge(Flow flow);
  void outsider_hears(Device& dev, Flow flow);
  void client_has(Flow flow, const Tuple& tuple, const Next& yes, const Next& no);

  // ---- forged.cpp: an attacker on a wire
  [[nodiscard]] bool claiming() const { return forgery_ && forgery_->claiming; }
  void start(const ForgedRequest& request);
  [[nodiscard]] bool forger_takes(Device& dev, const Flow& flow, bool leaving);
  void by_claim(Device& dev, Flow flow, const AddressOperand& next_hop,
                const std::function<void(Flow, MacAddress)>& believed, const Next& usual);
  [[nodiscard]] std::optional<MacAddress> claimed(Device& dev, const Flow& flow,
                                                  const AddressOperand& next_hop);
  [[nodiscard]] std::optional<MacAddress> insinuated(Device& dev, IpAddress target);
  static void note_passage(Flow& flow);
  // Sends what the attacker has drawn to its port there, and the rest the usual way.
  void drawn(const Device& bridge, Flow flow, const std::function<void(Flow, Device&)>& drawn_to,
             const Next& usual);
  // True when it was told and nothing else is to be done.
  bool told_forger(const Flow& flow);

  // ---- walk.cpp: what ends
  void run_queue(std::size_t from);
  void enqueue(Device& dev, Flow flow);
  [[nodiscard]] bool has_to_stop(const Flow& flow);
  void lose(Flow& flow, std::string_view why);
  void end(Flow flow);
  void drop(Flow flow, std::string_view why);
  void fails(Flow flow, NetError error, std::string_view why);
  void settle(Flow flow, Verdict verdict, How how, std::string reason);
  void unknown(Flow flow, std::string_view why);
  void leave(Flow flow, const Device& device, std::optional<IpAddress> next_hop);
  // Splits a flow by a condition; a branch without packets is not taken.
  void split(Flow flow, const packet::PacketSet& condition, const Next& yes, const Next& no);
  void split(Flow flow, const std::optional<packet::PacketSet>& condition, const Next& yes,
             const Next& no);
  void same(Flow flow, const Tuple& a, const Tuple& b, const Next& yes, const Next& no);
  [[nodiscard]] const routes::Routes& routes(const Machine& m) const;
  // Those of the addresses that the field takes in the set; of IPv6 perhaps more.
  [[nodiscard]] std::vector<IpAddress> held(const packet::PacketSet& set, Quantity field,
                                            std::span<const IpAddress> addresses) const;
  [[nodiscard]] routes::Ask ask_of(const Flow& flow) const;
  [[nodiscard]] std::vector<routes::Way> merged(std::vector<routes::Way> ways);
  void by_ways(const Flow& flow, std::vector<routes::Way> ways,
               const std::function<void(Flow, const routes::Way&)>& next);

  // ---- device.cpp
  void transmit(Device& dev, Flow flow);
  void put_on_wire(Device& dev, Flow flow);
  void receive(Device& dev, Flow flow);
  void receive_unfiltered(Device& dev, Flow flow);
  void deliver(Device& dev, Flow flow);
  void receive_typed(Device& dev, Flow flow);  // its packet type is known
  void device_hooks(Device& dev, Flow flow, const Next& next);

  // ---- stacked.cpp: devices that stand on others
  // What none of them takes goes to `rest`.
  void receive_vlan(Device& dev, Flow flow, const Next& rest);
  void receive_stacked(Device& dev, Flow flow, const Next& rest);
  void receive_macvlan(Device& dev, Flow flow, const Next& rest);
  void receive_ipvlan(Device& dev, Flow flow, const Next& rest);
  void rise(Device& to, const Device& from, Flow flow);
  void transmit_vlan(Device& dev, Flow flow);
  void transmit_macvlan(Device& dev, Flow flow);
  void transmit_ipvlan(Device& dev, Flow flow);
  void transmit_ipvlan2(Device& dev, Flow flow);
  void transmit_ipvlan3(Device& dev, Flow flow);
  void route_below(Device& below, Flow flow);
  void by_ipvlans(const Device& below, Flow flow, const std::function<void(Flow, Device&)>& one,
                  const Next& none);
  void forward_to(Device& to, const Device& from, Flow flow);
  void route_l3s(Flow flow, const Next& usual);

  // ---- vxlan.cpp
  void transmit_vxlan(Device& dev, Flow flow);
  void send_vxlan(Device& dev, const Flow& flow, const std::vector<topology::VxlanRemote>& remotes);
  [[nodiscard]] bool keep_one(const Device& dev, const Flow& flow,
                              std::vector<topology::VxlanTaker>& copies) const;
  void come_out(const Flow& flow, const topology::VxlanTaker& at);
  void proxied(Device& dev, const Flow& flow);
  [[nodiscard]] bool may_be_drawn(const Device& vxlan, const Flow& flow) const;
  void start(const topology::VxlanPacket& packet);
  [[nodiscard]] topology::VxlanCarried carried(const std::vector<Outcome>& outcomes);
  [[nodiscard]] bool carries(const Flow& flow) const;
  void arrived(Flow flow, const model::Socket* socket);
  // A packet to a group that `dev` has joined, for VXLAN.
  [[nodiscard]] bool hears_group(const Device& dev, const Flow& flow) const;

  // ---- bridge.cpp
  void bridge_receive(Device& port, Flow flow);
  void bridge_prerouting(Device& port, Flow flow, const Next& next);
  void bridge_rerouted(Device& port, const Flow& flow);
  void bridged_dnat(Device& port, Flow flow);
  void bridged_dnat_to(Device& port, Flow f, const AddressOperand& hop);
  void bridge_finish(Device& port, Flow flow);
  void bridge_transmit(Device& bridge, Flow flow);
  void bridge_send(Device& bridge, Flow flow, Device* from);
  void bridge_send_to(Device& bridge, Device* to, Flow flow, Device* from);
  void bridge_forward(Device& to, Flow flow, Device* from);
  void bridge_flood(Device& bridge, const Flow& flow, Device* from);
  void bridge_up(Device& bridge, Flow flow, Device& port);
  [[nodiscard]] bool bridge_calls_ip(const Device& bridge, const Flow& flow) const;

  // ---- ip_in.cpp
  void ip_receive(Device& dev, Flow flow);
  void ip_prerouting(Flow flow, Device& in, const Next& next);
  void group_in(Flow flow);
  void route_in(Flow flow);
  void routed_in(Flow flow);
  void ip_error(Flow flow);
  void local_deliver(Flow flow);
  void to_ipvlan(const Device& dev, Flow flow);
  void delivered(Flow flow);
  void forward(Flow flow);
  [[nodiscard]] bool leads_out(const Device& out, const Flow& flow) const;

  // ---- ip_out.cpp
  void local_out(Flow flow);
  void pass_output(Flow flow);
  void route_again(Flow flow, const Next& next, const Next& none);
  void output(Flow flow, Device* in);
  void postrouting(Flow flow, Device* in, Device* out, const Next& next);
  void finish_output(Flow flow);

  // ---- rules.cpp
  void hook(HookPoint point, std::int32_t from, std::int32_t to, Flow flow, Device* in, Device* out,
            const Next& next);
  struct Stages {
    std::vector<Hooks::Stage> first;
    std::vector<Hooks::Stage> other;  // in the other order that is possible; empty: there is none
  };
  void run_stages(HookPoint point, const Stages& stages, std::size_t at, Flow flow, Device* in,
                  Device* out, const Next& next);
  [[nodiscard]] Image image_of(const Flow& flow, const Device* in, const Device* out) const;
  [[nodiscard]] bool adopt(const Image& image, Flow& flow) const;
  [[nodiscard]] Image image_of_arp(const Flow& flow, const Device* in, const Device* out) const;
  bool adopt_arp(const Image& before, const Image& image, Flow& flow) const;
  void reject(HookPoint point, Flow flow, Device* in, Device* out, const RejectAnswer& how);
  void reset(Flow flow, Device* in);
  void reject_on_link(Flow flow, Device& in, const RejectAnswer& how);

  // ---- tracking.cpp, nat.cpp
  void track(Flow flow, const Machine& m, const Next& next);
  void find_entry(Flow flow, const Machine& m, const Tuple& tuple, std::size_t at,
                  const std::function<void(Flow, std::size_t, bool)>& found, const Next& none);
  void tracked(Flow flow, std::size_t entry, bool reply, const Next& next);
  void confirm(Flow flow, const Machine& m, std::size_t at, const Next& next);
  static void attach(Flow& answer, const Flow& cause);
  void translate(HookPoint point, Flow flow, Device* in, Device* out, const Next& next);
  void translate_error(Flow& flow, bool source_side) const;
  void set_up_nat(Flow flow, HookPoint point, const std::optional<NatRequest>& request,
                  bool source_side, Device* in, Device* out, const Next& next);
  void nat_address(Flow flow, const NatRequest& request, HookPoint point, bool source_side,
                   Device* in, Device* out,
                   const std::function<void(Flow, const AddressOperand&)>& next);
  void masquerade4(Flow flow, const Device& out,
                   const std::function<void(Flow, const AddressOperand&)>& next);
  void nat_port(Flow flow, const NatRequest& request, Tuple wanted, bool source_side,
                const std::function<void(Flow, const Tuple&)>& next);
  void free_port(Flow flow, const Machine& m, Tuple wanted, int tries,
                 const std::function<void(Flow, const Tuple&)>& next);
  void tuple_used(Flow flow, const Machine& m, const Tuple& reply, std::size_t at, const Next& used,
                  const Next& unused);
  static void apply_nat(Flow& flow, bool source_side);

  // ---- icmp.cpp
  void icmp_error(Flow cause, std::uint8_t type, std::uint8_t code);
  void icmp_error4(Flow cause, const Flow& error);
  void icmp_error6(Flow cause, Flow error);
  void icmp_deliver(Flow flow);

  // ---- neighbour.cpp
  struct Resolution {
    enum class How : std::uint8_t { kFound, kFailed, kOutside, kUnknown };
    How how = How::kFailed;
    MacAddress mac;
    const Device* exit = nullptr;
    std::string why;
    std::vector<Learned> learned;
    std::optional<MacAddress> if_it_asks;  // kFailed, but it would make itself known by asking
    bool in_doubt = false;
    bool if_it_asked = false;
    friend bool operator==(const Resolution&, const Resolution&) = default;
  };
  struct Asking {
    const Device* device = nullptr;
    IpAddress target;
    std::vector<Resolution> answers;
    const Device* exit = nullptr;
    std::string why, unknown;
    std::vector<Learned> learned;
  };
  void neighbour_output(Device& dev, Flow flow, const AddressOperand& next_hop);
  void neighbour_output(Device& dev, Flow flow, IpAddress next_hop);
  void by_neighbours(Device& dev, Flow flow, const AddressOperand& next_hop);
  void by_sources(Device& dev, Flow flow, IpAddress next_hop);
  void answer_together(Device& dev, Flow& flow, IpAddress next_hop);
  void resolved(Device& dev, const Flow& flow, IpAddress next_hop,
                const std::vector<Resolution>& ways);
  // `own`: the source of the packets that wait, or any one that is not the machine's own.
  [[nodiscard]] std::vector<Resolution> resolve(Device& dev, IpAddress target, const Flow& cause,
                                                const AddressOperand& own);
  [[nodiscard]] std::vector<Resolution> ask_for(Device& dev, IpAddress target, IpAddress source);
  [[nodiscard]] std::optional<MacAddress> known_by_its_question(Device& dev, IpAddress target,
                                                                IpAddress source);
  [[nodiscard]] IpAddress asking_address(const Device& dev, IpAddress target, IpAddress own);
  void arp_receive(Device& dev, Flow flow);
  void arp_process(Device& dev, Flow flow);
  void arp_routed(Device& dev, Flow flow, const NeighbourMessage& question, const routes::Way& way);
  void arp_send(Device& dev, Flow flow, const NeighbourMessage& message, MacAddress to);
  [[nodiscard]] bool arp_refuses(const Device& dev, IpAddress asker, IpAddress target) const;
  void nd_receive(Flow flow);
  void answered(const Flow& flow, const NeighbourMessage& message);
  [[nodiscard]] static Flow neighbour_answer(const Flow& question, const NeighbourMessage& message,
                                             MacAddress mac);
  void learn(Flow& flow, const Device& dev, IpAddress address, MacAddress mac);
  [[nodiscard]] bool outsider_answers(const Device& dev, IpAddress target) const;
  [[nodiscard]] bool meant_for_outsider(const Device& dev, const Flow& flow) const;

  // ---- dead_end.cpp: what need not be followed
  void cut_off(const Device& dev, Flow& flow);
  [[nodiscard]] bool meets_ip_hooks(const Device& from) const;
  [[nodiscard]] bool is_deaf(const Device& port, const Flow& flow);
  [[nodiscard]] bool hears_for_itself(const Device& port) const;

  // ---- one_by_one.cpp
  void walk_one_by_one(Flow& flow);
  [[nodiscard]] std::vector<packet::Packet> each_of(const packet::Product& product) const;
  [[nodiscard]] packet::PacketSet like(const packet::Packet& packet);

  // ---- sockets.cpp
  void socket_receive(Flow flow);
  void new_connection(Flow flow);
  void heard_by(Flow flow, const model::Socket& socket);
  void answer_syn(const Flow& flow, const Machine& m, const model::Socket& socket);
  void refuse(Flow flow);

  const topology::Topology& topology_;
  Algebra& algebra_;
  Hooks& hooks_;
  std::vector<std::unique_ptr<routes::Routes>> routes_;  // by NsId; null: could not be read

  struct Residents {  // who may answer to an address
    Residents(const topology::Topology& topology, IpFamily family);
    std::vector<IpAddress> addresses;  // that somebody has or is told to have, ascending
    std::vector<Prefix> ranges;        // that are local somewhere by a route of their own
    // Such a route: one that somebody made, or that of an address of lo, whose whole network is the
    // machine's own (fib_add_ifaddr).
    [[nodiscard]] static bool is_range(const model::Route& route);
    bool proxies = false;  // somebody answers for others
  };
  Residents residents_;
  bool acks_matter_ = false;                    // there are rules
  bool verdicts_alone_ = false;                 // LocalRequest
  const OneByOne* one_by_one_ = nullptr;        // the request's
  const packet::PacketSet* named_ = nullptr;    // the same
  bool asked_for_verdicts_ = false;             // so was what stands in asked_
  bool joins_own_ = false;                      // packets to one's own addresses go together
  bool lost_own_ = false;                       // and it is not known what becomes of some
  std::vector<std::pair<IpAddress, Dst>> own_;  // of those that do
  std::map<const Device*, bool> meets_ip_hooks_, hears_for_itself_;  // what was found

  struct Event {
    Device* dev;
    Flow flow;
  };
  std::vector<Event> queue_;
  std::vector<Outcome> outcomes_;
  std::size_t steps_ = 0;
  std::uint64_t last_work_ = std::numeric_limits<std::uint64_t>::max();  // Algebra::work()
  unsigned nested_ = 0;                                                  // see topology::Nesting
  unsigned depth_ = 0;
  Asking* asking_ = nullptr;
  const OutsideRequest* outsider_ = nullptr;
  Device* outsider_link_ = nullptr;
  std::vector<IpAddress> outsider_gateways_;
  struct Forgery {  // of an attacker
    explicit Forgery(const ForgedRequest& of) : request(&of) {}
    const ForgedRequest* request;
    Device* link = nullptr;           // null: not found
    std::vector<Device*> entrances;   // of its frames into bridges
    std::vector<Device*> tunnels;     // vxlans out of which they come
    bool claiming = false;            // the question on its way is about an answer to it
    std::optional<MacAddress> claim;  // what it said
    bool insinuated = false;          // and was learned from a question of its own
    std::map<std::pair<const Device*, IpAddress>, std::optional<MacAddress>> claims;
  };
  std::unique_ptr<Forgery> forgery_;  // while forged packets are asked about
  Underlay* underlay_;                // null: there is none
  struct Carrying {
    explicit Carrying(const topology::VxlanPacket& of) : packet(&of) {}
    struct Part {
      packet::PacketSet set;
      std::optional<topology::VxlanArrival> arrival;  // none: outside
      bool in_doubt = false;
    };
    const topology::VxlanPacket* packet;
    std::optional<packet::PacketSet> asked;
    std::vector<Part> parts;
  };
  std::unique_ptr<Carrying> carrying_;  // while a packet around a frame is asked about
  // The latter: on the outsider's wires, for this walk alone.
  std::map<std::tuple<const Device*, IpAddress, IpAddress>, std::vector<Resolution>> asked_,
      asked_of_outsider_;
};

}  // namespace bulkhead::reach::walks
