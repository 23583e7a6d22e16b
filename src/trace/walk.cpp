// The client's side of a walk, and the answer that all possible runs make together.
#include <algorithm>

#include "base/text.h"
#include "topology/exit_text.h"
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

constexpr std::size_t kMostSteps = 4000;  // frames in one walk
constexpr int kMostRuns = 128;            // combinations of choices

std::string join_reasons(const Choices& choices) {
  std::string out;
  for (const std::string& r : choices.reasons()) {
    if (out.find(r) != std::string::npos) continue;
    if (!out.empty()) out += "; ";
    out += r;
  }
  return out;
}

}  // namespace

WorldState::~WorldState() = default;

Run::Run(const WorldState& world, const Question& question, Choices& choices, Scratch& scratch,
         Answer& answer)
    : world_(world),
      question_(question),
      choices_(choices),
      scratch_(scratch),
      answer_(answer),
      explain_(question.explain) {
  scratch_.queue.cut(0);
  scratch_.tracked.clear();
  scratch_.tracked.reserve(Scratch::kMostTracked);
  scratch_.learned.clear();
  scratch_.held.clear();
  scratch_.carried.clear();
}

void Run::go() {
  server_address_ = question_.to.unmapped();
  server_port_ = question_.port;
  if (question_.reads != nullptr && world_.source_routes) question_.reads->unclear();
  if (question_.to_reads != nullptr) question_.to_reads->follow(server_address_, server_port_);
  if (const auto* local = std::get_if<LocalOrigin>(&question_.from))
    start_local(*local);
  else if (const auto* outside = std::get_if<OutsideOrigin>(&question_.from))
    start_outside(*outside);
  else if (const auto* forged = std::get_if<ForgedOrigin>(&question_.from))
    start_forged(*forged);
  if (!stopped_) run_queue(0);
  finish();
}

void Run::run_queue(std::size_t from) {
  for (std::size_t at = from; at < scratch_.queue.size() && !stopped_; ++at) {
    if (++steps_ > kMostSteps) {
      stop_unknown("the walk did not end (a loop of bridges or routes)");
      break;
    }
    FrameQueue::Frame& frame = scratch_.queue[at];
    receive(*frame.dev, frame.skb);
  }
  scratch_.queue.cut(from);
}

void Run::finish() {
  if (settled_) return;
  if (answer_.how != How::kUnknown || answer_.verdict != Verdict::kUnknown ||
      !answer_.reason.empty())
    return;
  answer_.verdict = Verdict::kClosed;
  answer_.how = How::kDropped;
  if (first_loss_.empty())
    answer_.reason = "nothing came back";
  else if (first_loss_ == last_loss_)
    answer_.reason = first_loss_;
  else
    answer_.reason = first_loss_ + "; then: " + last_loss_;
  if (reached_socket_ && first_loss_ == last_loss_)
    answer_.reason = "the answer is lost: " + first_loss_;
  if (send_fails_) {
    answer_.how = How::kUnreachable;
    answer_.reason += " (send() fails: EPERM)";
  }
}

void Run::stop_unknown(std::string why) {
  if (stopped_) return;
  stopped_ = settled_ = true;
  answer_.verdict = Verdict::kUnknown;
  answer_.how = How::kUnknown;
  answer_.reason = std::move(why);
}

void Run::local_error(NetError error, std::string_view why) {
  stopped_ = settled_ = true;
  answer_.verdict = Verdict::kClosed;
  answer_.how = How::kUnreachable;
  answer_.reason = std::string(why) + " (" + std::string(to_string(error)) + ")";
}

void Run::lost(const Skb& skb, std::string_view why) {
  if (!skb.ours) return;
  if (first_loss_.empty()) first_loss_ = why;
  last_loss_ = why;
  if (explain_ && skb.dev != nullptr)
    step(skb, *skb.dev->machine, "lost", skb.dev, std::string(why));
}

void Run::lost(const Skb& skb, std::string_view why, std::string_view detail) {
  if (!skb.ours) return;
  std::string text(why);
  text += escape_text(detail);
  lost(skb, text);
}

void Run::decided(const Skb& skb, const RuleRef& rule) {
  if (rule.chain == nullptr) return;
  if (!skb.ours) {
    if (asking_ != nullptr && asking_->rules.size() < 8) {
      asking_->rules.push_back(rule);
      if (asking_->why.empty())
        asking_->why = "the question or its answer is stopped by " + describe(rule);
    }
    return;
  }
  if (answer_.rules.size() >= 32) return;
  answer_.rules.push_back(rule);
  if (!answer_.rules_ns && skb.dev != nullptr)
    answer_.rules_ns = skb.dev->machine->id;
  else if (!answer_.rules_ns && skb.dst.device != nullptr)
    answer_.rules_ns = skb.dst.device->machine->id;
}

void Run::step(const Skb& skb, const Machine& m, std::string_view stage, const Device* at,
               std::string detail) {
  if (!explain_ || answer_.steps.size() >= 512) return;
  Step s;
  s.leg = skb.leg;
  s.ns = m.id;
  s.stage = stage;
  if (at != nullptr) s.interface = escape_text(at->name());
  s.detail = std::move(detail);
  answer_.steps.push_back(std::move(s));
}

void Run::accepted_by(const Machine& m, const model::Socket& socket) {
  reached_socket_ = true;
  if (question_.reads != nullptr) question_.reads->reached_socket();
  if (question_.to_reads != nullptr) question_.to_reads->reached_socket();
  answer_.socket = &socket;
  answer_.socket_ns = m.id;
}

// ------------------------------------------------------------------------ a client in the model

void Run::start_local(const LocalOrigin& origin) {
  client_ = world_.topology.machine(origin.ns);
  if (client_ == nullptr || client_->loopback == nullptr || client_->routes_unknown) {
    stop_unknown(client_ != nullptr && !client_->unknown_why.empty()
                     ? client_->unknown_why
                     : "the namespace could not be read");
    return;
  }
  client_uid_ = origin.uid;
  const bool v4 = server_address_.is_v4();
  client_port_ = question_.source_port.value_or(client_->ephemeral);
  Skb skb;
  skb.ours = true;
  Packet& p = skb.p;
  p.ether_type = v4 ? EtherType::kIpv4 : EtherType::kIpv6;
  p.protocol = question_.protocol;
  p.source_port = client_port_;
  p.destination_port = server_port_;
  p.tcp_flags = question_.protocol == IpProtocol::kTcp ? tcp::kSyn : 0;
  p.length = question_.protocol == IpProtocol::kTcp ? (v4 ? 60 : 80) : (v4 ? 29 : 49);
  p.mark = question_.mark;
  p.has_socket = true;
  p.socket_uid = origin.uid;
  p.socket_gid = origin.gid;
  Flow flow;
  flow.destination = server_address_;
  flow.source = question_.source.value_or(IpAddress::any(server_address_.family()));
  if (flow.source.family() != server_address_.family()) {
    local_error(NetError::kInvalid, "the source is of another address family");
    return;
  }
  flow.source_known = !flow.source.is_unspecified();
  flow.mark = question_.mark;
  flow.uid = origin.uid;
  flow.protocol = question_.protocol;
  flow.source_port = question_.source_port.value_or(Port{});
  flow.destination_port = server_port_;
  if (!(v4 ? connect4(*client_, flow, skb) : connect6(*client_, flow, skb))) return;
  p.source = client_address_;
  p.destination = server_address_;
  if (acknowledges()) client_template_ = skb;
  answer_.source = client_address_;
  answer_.source_port = client_port_;
  if (question_.reads != nullptr) question_.reads->follow(client_address_, client_port_);
  if (explain_) {
    step(skb, *client_, "route", skb.dst.device,
         (skb.dst.route != nullptr ? "route " + skb.dst.route->destination.to_string()
                                   : std::string("on link")) +
             " dev " + skb.dst.device->name() +
             (skb.dst.gateway ? " via " + skb.dst.gateway->to_string() : "") + " source " +
             client_address_.to_string());
  }
  ip_local_out(skb);
}

// tcp_v4_connect(): a lookup without a source chooses it; a second one, with source and ports, is
// used.
bool Run::connect4(Machine& m, Flow flow, Skb& skb) {
  if (flow.source_known && !m.nonlocal_bind4 &&
      address_type4(world_.stack(m), flow.source, nullptr) != rtn::kLocal) {
    local_error(NetError::kAddressNotAvailable, "the source address is not one of this machine");
    return false;
  }
  Output o;
  if (!flow.source_known) {
    o = route_output4(world_.stack(m), flow, false, &choices_);
    if (o.error != NetError::kNone) {
      routed_by_destination(m, skb);
      local_error(o.error, "no way out of the client: connect() fails");
      return false;
    }
    flow.source = o.source;
    flow.source_known = true;
  }
  if (server_address_.is_unspecified()) server_address_ = flow.destination = flow.source;
  flow.source_port = client_port_;
  // Without rules neither the source nor the ports choose the way: the second lookup finds the
  // same.
  if (world_.stack(m).fib4().custom_rules() || o.dst.device == nullptr)
    o = route_output4(world_.stack(m), flow, m.nonlocal_bind4, &choices_);
  routed_by_destination(m, skb);
  if (o.error != NetError::kNone) {
    local_error(o.error, "no way out of the client: connect() fails");
    return false;
  }
  if (o.dst.group) {
    local_error(NetError::kNetUnreachable, "a broadcast or multicast address");
    return false;
  }
  client_address_ = flow.source.is_unspecified() ? o.source : flow.source;
  skb.dst = o.dst;
  return true;
}

// tcp_v6_connect(): ip6_dst_lookup_flow(); the route found without a source is kept.
bool Run::connect6(Machine& m, Flow flow, Skb& skb) {
  if (server_address_.is_multicast()) {
    local_error(NetError::kNetUnreachable, "a multicast address");
    return false;
  }
  if (server_address_.is_unspecified()) {
    server_address_ = flow.destination =
        IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  }
  if (server_address_.is_link_local()) {
    if (!question_.scope) {
      local_error(NetError::kInvalid, "a link-local address needs an interface");
      return false;
    }
    if (m.device(question_.scope) == nullptr) {
      local_error(NetError::kNoDevice, "the interface of the link-local address is not there");
      return false;
    }
    flow.oif = skb.bound_to = question_.scope;
  }
  if (flow.source_known && !m.nonlocal_bind6 && !m.has_address(flow.source)) {
    local_error(NetError::kAddressNotAvailable, "the source address is not one of this machine");
    return false;
  }
  const Output o = route_lookup6(world_.stack(m), flow, static_cast<bool>(flow.oif), &choices_);
  if (o.error != NetError::kNone) {
    local_error(o.error, "no way out of the client: connect() fails");
    return false;
  }
  client_address_ = o.source;
  skb.dst = o.dst;
  return true;
}

// ------------------------------------------------------------------------- a client outside it

// The connection's first packet, sent by nobody in the model; the frame is the caller's.
Skb Run::packet_from(IpAddress source) {
  const bool v4 = server_address_.is_v4();
  client_address_ = question_.source.value_or(source);
  client_port_ = question_.source_port.value_or(Port{49152});
  answer_.source = client_address_;
  answer_.source_port = client_port_;
  if (question_.reads != nullptr) question_.reads->follow(client_address_, client_port_);
  Skb skb;
  skb.ours = true;
  Packet& p = skb.p;
  p.ether_type = v4 ? EtherType::kIpv4 : EtherType::kIpv6;
  p.protocol = question_.protocol;
  p.source = client_address_;
  p.destination = server_address_;
  p.source_port = client_port_;
  p.destination_port = server_port_;
  p.tcp_flags = question_.protocol == IpProtocol::kTcp ? tcp::kSyn : 0;
  p.length = v4 ? 60 : 80;
  return skb;
}

void Run::start_outside(const OutsideOrigin& origin) {
  Machine* m = world_.topology.machine(origin.ns);
  Device* link = m != nullptr ? m->device(origin.link) : nullptr;
  if (link == nullptr || m->loopback == nullptr) {
    stop_unknown("the link of the vantage is not in the snapshot");
    return;
  }
  outsider_ = &origin;
  outsider_link_ = link;
  if (origin.source.family() != server_address_.family()) {
    local_error(NetError::kInvalid, "the source is of another address family");
    return;
  }
  Skb skb = packet_from(origin.source);
  unclear_destination(skb);
  Packet& p = skb.p;
  p.source_mac = origin.mac;
  p.destination_mac = link->bridge != nullptr ? link->bridge->mac : link->mac;
  // Who else on that wire has the address? A machine switched to it, or a macvlan on top.
  for (const Device* d : world_.owners_of(server_address_)) {
    const bool on_top =
        d->kind == DeviceKind::kMacvlan && (d->parent == link || d->parent == link->bridge);
    const topology::Topology::Place behind = link->bridge != nullptr
                                                 ? world_.topology.find_mac(*link->bridge, d->mac)
                                                 : topology::Topology::Place{};
    if (on_top || (behind.known && behind.port != link)) p.destination_mac = d->mac;
  }
  if (acknowledges()) client_template_ = skb;
  enqueue(*link, skb);
}

// ------------------------------------------------------------------------ what comes back

bool Run::answers_client(const Packet& p) const {
  return p.protocol == question_.protocol && p.source == server_address_ &&
         p.source_port == server_port_ && p.destination == client_address_ &&
         p.destination_port == client_port_ && (p.tcp_flags & (tcp::kAck | tcp::kRst)) != 0;
}

void Run::client_hears(const Skb& skb, std::string_view where) {
  if (stopped_) return;
  static_cast<void>(where);
  const Packet& p = skb.p;
  if (p.protocol == IpProtocol::kTcp) {
    if ((p.tcp_flags & tcp::kRst) != 0) {
      settled_ = stopped_ = true;
      answer_.verdict = Verdict::kClosed;
      answer_.how = How::kRefused;
      answer_.reason = first_loss_.empty() ? "refused" : first_loss_;
    } else if (!established_) {
      settled_ = established_ = true;
      answer_.verdict = Verdict::kOpen;
      answer_.how = How::kAccepted;
      first_loss_.clear();
      acknowledge();
    }
    return;
  }
  const Quoted& q = *p.quoted;
  const bool mine =
      forgery_ || (q.source == client_address_ && q.destination == server_address_ &&
                   q.source_port == client_port_ && q.destination_port == server_port_ &&
                   q.protocol == question_.protocol);
  const bool v4 = p.protocol == IpProtocol::kIcmp;
  if (!mine) {
    lost(skb, "the ICMP error does not name the client's connection");
    return;
  }
  if (v4 && p.icmp_type == 3 && p.icmp_code == 4) return;  // fragmentation needed
  if (!v4 && p.icmp_type == 2) return;
  settled_ = stopped_ = true;
  const bool port =
      v4 ? p.icmp_type == 3 && p.icmp_code == 3 : p.icmp_type == 1 && p.icmp_code == 4;
  answer_.verdict = Verdict::kClosed;
  answer_.how = port ? How::kRefused : How::kUnreachable;
  answer_.reason = first_loss_.empty() ? "ICMP error" : first_loss_;
  // tcp_v4_err() takes it only when the sequence number is within what was sent, and that of a
  // reset made from the SYN/ACK is not while connect() is still sending: silence until the SYN is
  // sent again.
  if (skb.about_reset) answer_.how = How::kUnknown;
}

// The client's ACK ends the handshake. When a rule answers it with a reset or an ICMP error, the
// connection is gone again before a byte was sent (and SO_ERROR says so); when it is lost in
// silence, the client stays connected.
void Run::acknowledge() {
  if (forgery_) return;  // who forges may end it in many ways
  if (!acknowledges()) return;
  Skb ack = client_template_;
  ack.p.source = client_address_;
  ack.p.destination = server_address_;
  ack.p.tcp_flags = tcp::kAck;
  ack.p.length = client_address_.is_v4() ? 52 : 72;
  ack.ours = true;
  ack.leg = Leg::kRequest;
  if (client_ != nullptr)
    ip_local_out(ack);
  else
    enqueue(*outsider_link_, ack);
}

// What leaves the model.
void Run::outsider_hears(const Device& device, const Skb& skb) {
  const Packet& p = skb.p;
  if (p.arp) {
    const bool request = p.arp->operation == 1;
    if (request && outsider_answers(device, p.arp->target_ip)) {
      enqueue(*const_cast<Device*>(&device), neighbour_answer(p, *p.arp, outsider_->mac));
      return;
    }
    if (request && asking_ != nullptr && p.arp->target_ip == asking_->target)
      asking_->exit = &device;
    return;
  }
  if (!skb.ours) return;
  const bool to_client =
      outsider_ != nullptr && &device == outsider_link_ && p.destination == client_address_;
  if (!to_client) {
    leave_model(skb, device, std::nullopt);
    return;
  }
  if (answers_client(p) || p.quoted)
    client_hears(skb, device.name());
  else
    lost(skb, "the answer does not belong to the client's connection (other addresses)");
}

void Run::leave_model(const Skb& skb, const Device& device, std::optional<IpAddress> next_hop) {
  if (!skb.ours) return;
  if (stopped_) return;
  if (carrying_ && skb.leg == Leg::kRequest) {
    carrying_->result.outside = true;
    if (explain_) step(skb, *device.machine, "exit", &device, "leaves what is known");
    return;
  }
  if (forgery_ && skb.leg == Leg::kReply)  // what goes to somebody else is not heard
    return lost(skb, "the answer goes to somebody else, by ", device.name());
  Exit exit;
  exit.ns = device.machine->id;
  exit.link = device.index();
  exit.next_hop = next_hop;
  exit.source = skb.p.source;
  exit.destination = skb.p.destination;
  exit.source_port = skb.p.source_port;
  exit.destination_port = skb.p.destination_port;
  if (!next_hop && skb.dst.gateway) exit.next_hop = skb.dst.gateway;
  if (explain_) step(skb, *device.machine, "exit", &device, "leaves what is known");
  stop_unknown(skb.leg == Leg::kRequest
                   ? "leaves what is known by " + topology::exit_text(device)
                   : "the answer leaves what is known by " + topology::exit_text(device));
  answer_.exit = exit;
}

// ---------------------------------------------------------------------------------- World::ask

namespace {

class Borrowed {  // a Scratch from the World's store
 public:
  explicit Borrowed(const WorldState& world) : world_(world) {
    const std::lock_guard guard(world.scratch_lock);
    if (!world.scratches.empty()) {
      mine_ = std::move(world.scratches.back());
      world.scratches.pop_back();
    } else {
      mine_ = std::make_unique<Scratch>();
    }
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    const std::lock_guard guard(world_.scratch_lock);
    world_.scratches.push_back(std::move(mine_));
  }
  Scratch& operator*() { return *mine_; }

 private:
  const WorldState& world_;
  std::unique_ptr<Scratch> mine_;
};

bool only_asked_first(const Choices& choices) {
  return std::ranges::all_of(choices.reasons(),
                             [](const std::string& r) { return r.ends_with(kAskedFirst); });
}

// `keep_how`: of different ways to be closed the first one stays.
void combine(Answer& all, Answer&& one, bool keep_how) {
  all.seen.add(one.seen);
  if (all.verdict != one.verdict) {
    if (!all.exit) all.exit = one.exit;
    if (all.verdict != Verdict::kUnknown && one.verdict == Verdict::kUnknown)
      all.reason = one.reason;
    all.verdict = Verdict::kUnknown;
    all.how = How::kUnknown;
    return;
  }
  if (all.how != one.how && !keep_how) all.how = How::kUnknown;
  if (all.reason.empty()) all.reason = one.reason;
}

}  // namespace

Answer World::ask(const Question& question) const {
  Borrowed scratch(*state_);
  Choices choices;
  Answer all;
  Run(*state_, question, choices, *scratch, all).go();
  if (!choices.any()) return all;
  std::string why = join_reasons(choices);
  bool bounded = choices.exhausted();
  bool keep_how = only_asked_first(choices);
  int runs = 1;
  for (; runs < kMostRuns && choices.next(); ++runs) {
    Answer one;
    Run(*state_, question, choices, *scratch, one).go();
    bounded = bounded || choices.exhausted();
    if (why.size() < 200) {
      const std::string more = join_reasons(choices);
      if (!more.empty() && why.find(more) == std::string::npos) why += "; " + more;
    }
    keep_how = keep_how && only_asked_first(choices);
    combine(all, std::move(one), keep_how);
  }
  if (runs == kMostRuns || bounded) {
    all.verdict = Verdict::kUnknown;
    all.how = How::kUnknown;
    why = "too many choices: " + why;
  }
  if (all.verdict == Verdict::kUnknown && !all.exit) all.reason = "depends on: " + why;
  return all;
}

}  // namespace bulkhead::trace
