// What all parts of a walk share: the queue of frames on wires, how flows split, and how they end.
#include "reach/walk/walk.h"

#include <algorithm>

#include "base/text.h"
#include "topology/exit_text.h"

namespace bulkhead::reach {

namespace walks {

Walk::Walk(const topology::Topology& topology, Algebra& algebra, Hooks& hooks, Underlay* underlay)
    : topology_(topology),
      algebra_(algebra),
      hooks_(hooks),
      residents_(topology, algebra.family()),
      underlay_(underlay) {
  for (const auto& m : topology.machines()) {
    for (auto p = HookPoint::kIpPrerouting; p <= HookPoint::kInetIngress;
         p = static_cast<HookPoint>(static_cast<int>(p) + 1)) {
      acks_matter_ = acks_matter_ || hooks.has_chains(*m, p);
    }
    routes_.push_back(
        m->loopback == nullptr ? nullptr : std::make_unique<routes::Routes>(*m, algebra.family()));
  }
}

std::vector<Outcome> Walk::walked(const auto& request) {
  outcomes_.clear();
  queue_.clear();
  // What a question came to holds for other walks as well, but for why nobody answers.
  if (verdicts_alone_ != asked_for_verdicts_ || asked_.size() > kMostRemembered) asked_.clear();
  asked_for_verdicts_ = verdicts_alone_;
  steps_ = 0;
  start(request);
  run_queue(0);
  asked_of_outsider_.clear();
  own_.clear();
  outsider_ = nullptr;
  outsider_link_ = nullptr;
  forgery_.reset();
  verdicts_alone_ = false;
  one_by_one_ = nullptr;
  named_ = nullptr;
  return std::move(outcomes_);
}

// What of the request is left out of the walk that follows.
void Walk::leave_out(const auto& request) {
  verdicts_alone_ = request.verdicts_alone;
  one_by_one_ = verdicts_alone_ ? request.one_by_one : nullptr;
  named_ = verdicts_alone_ ? request.named : nullptr;
}

std::vector<Outcome> Walk::from(const LocalRequest& request) {
  leave_out(request);
  joins_own_ = verdicts_alone_;
  lost_own_ = false;
  std::vector<Outcome> out = walked(request);
  joins_own_ = false;
  if (!lost_own_) return out;
  leave_out(request);
  return walked(request);
}

std::vector<Outcome> Walk::from(const OutsideRequest& request) {
  outsider_ = &request;
  leave_out(request);
  return walked(request);
}

std::vector<Outcome> Walk::from(const ForgedRequest& request) {
  forgery_ = std::make_unique<Forgery>(request);
  algebra_.hold_apart(true);
  const std::uint64_t left = std::numeric_limits<std::uint64_t>::max() - algebra_.work();
  last_work_ = algebra_.work() + std::min(left, request.most_work);
  std::vector<Outcome> out = walked(request);
  last_work_ = std::numeric_limits<std::uint64_t>::max();
  algebra_.hold_apart(false);
  return out;
}

// Its source port, a hash of the frame, varies.
topology::VxlanCarried Walk::from(const topology::VxlanPacket& packet) {
  carrying_ = std::make_unique<Carrying>(packet);
  carrying_->asked = algebra_.none();
  std::vector<Outcome> outcomes = walked(packet);
  topology::VxlanCarried out = carried(outcomes);
  if (const auto& error = algebra_.error()) out.unknown = error->message;
  carrying_.reset();
  return out;
}

const routes::Routes& Walk::routes(const Machine& m) const {
  return *routes_[m.id.value];
}

void Walk::enqueue(Device& dev, Flow flow) {
  queue_.push_back({&dev, std::move(flow)});
}

void Walk::run_queue(std::size_t from) {
  for (std::size_t at = from; at < queue_.size(); ++at) {
    Event event = std::move(queue_[at]);
    if (++steps_ > kMostSteps || ++event.flow.hops > kMostHops) {
      unknown(std::move(event.flow), "the walk did not end (a loop of bridges or routes)");
      continue;
    }
    if (has_to_stop(event.flow)) continue;
    receive(*event.dev, std::move(event.flow));
  }
  queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(from), queue_.end());
}

// True when the bound on the work is met: nothing is claimed of these packets.
bool Walk::has_to_stop(const Flow& flow) {
  if (algebra_.work() <= last_work_) return false;
  unknown(flow, kTooMuchWork);
  return true;
}

void Walk::lose(Flow& flow, std::string_view why) {
  if (flow.ours && flow.first_loss.empty()) flow.first_loss = why;
}

void Walk::settle(Flow flow, Verdict verdict, How how, std::string reason) {
  if (flow.from_own) {
    lost_own_ = lost_own_ || verdict == Verdict::kUnknown;
    flow.set = algebra_.both(flow.set, to_themselves());
  }
  Outcome o{std::move(flow.set), verdict,         how, std::move(reason), nullptr, {},
            std::nullopt,        flow.if_it_asked};
  if (verdict == Verdict::kOpen) {
    o.socket = flow.socket;
    if (flow.server != nullptr) o.socket_ns = flow.server->id;
  }
  outcomes_.push_back(std::move(o));
}

// Nothing moves any more.
void Walk::end(Flow flow) {
  if (!flow.ours) return;
  if (flow.sending && flow.leg == Leg::kRequest && flow.p.t.protocol == IpProtocol::kUdp)
    flow.send_failed = true;
  if (flow.established) return settle(std::move(flow), Verdict::kOpen, How::kAccepted, {});
  std::string why = flow.first_loss.empty() ? "nothing came back" : flow.first_loss;
  const How how = flow.send_failed ? How::kUnreachable : How::kDropped;
  settle(std::move(flow), Verdict::kClosed, how, std::move(why));
}

void Walk::drop(Flow flow, std::string_view why) {
  // br_netfilter may be shown a copy of the packet first, as a broadcast, so that it knows the
  // connection to which the answer belongs.
  if (forgery_ && forgery_->request->tagged && flow.ours && flow.leg == Leg::kReply &&
      flow.p.t.protocol == IpProtocol::kTcp) {
    return unknown(std::move(flow), "whether the answer to a tagged frame gets past the rules");
  }
  lose(flow, why);
  end(std::move(flow));
}

void Walk::fails(Flow flow, NetError error, std::string_view why) {
  std::string text(why);
  text += " (";
  text += topology::to_string(error);
  text += ')';
  settle(std::move(flow), Verdict::kClosed, How::kUnreachable, std::move(text));
}

void Walk::unknown(Flow flow, std::string_view why) {
  if (!flow.ours) {
    if (asking_ != nullptr && asking_->unknown.empty()) asking_->unknown = why;
    return;
  }
  settle(std::move(flow), Verdict::kUnknown, How::kUnknown, std::string(why));
}

void Walk::leave(Flow flow, const Device& device, std::optional<IpAddress>) {
  if (!flow.ours) return;
  if (carries(flow)) {
    carrying_->parts.push_back({flow.set, std::nullopt, flow.in_doubt});
    return;
  }
  // What goes to somebody else is not heard.
  if (forgery_ && flow.leg == Leg::kReply)
    return settle(std::move(flow), Verdict::kClosed, How::kDropped,
                  "the answer goes to somebody else, by " + escape_text(device.name()));
  if (flow.established)
    return settle(std::move(flow), Verdict::kUnknown, How::kUnknown,
                  "the handshake's end leaves what is known");
  const std::string where = topology::exit_text(device);
  const bool request = flow.leg == Leg::kRequest;
  settle(std::move(flow), Verdict::kUnknown, How::kUnknown,
         (request ? "leaves what is known by " : "the answer leaves what is known by ") + where);
  outcomes_.back().exit = Outcome::Exit{device.machine->id, device.index()};
}

void Walk::split(Flow flow, const packet::PacketSet& condition, const Next& yes, const Next& no) {
  if (condition.full()) return yes(std::move(flow));
  if (condition.empty()) return no(std::move(flow));
  packet::PacketSet rest = flow.set;
  packet::PacketSet here = split_off(algebra_, rest, condition);
  if (here.empty()) return no(std::move(flow));
  if (rest.empty()) return yes(std::move(flow));
  Flow other = flow;
  other.set = std::move(rest);
  flow.set = std::move(here);
  yes(std::move(flow));
  no(std::move(other));
}

void Walk::split(Flow flow, const std::optional<packet::PacketSet>& condition, const Next& yes,
                 const Next& no) {
  if (!condition)
    return unknown(std::move(flow), "whether two fields of the packet are equal decides");
  split(std::move(flow), *condition, yes, no);
}

void Walk::same(Flow flow, const Tuple& a, const Tuple& b, const Next& yes, const Next& no) {
  if (a.protocol != b.protocol) return no(std::move(flow));
  packet::PacketSet all = algebra_.all();
  bool open = false;
  const auto also = [&](const std::optional<packet::PacketSet>& part) {
    if (part) {
      all = algebra_.both(all, *part);
    } else {
      open = true;
    }
  };
  also(algebra_.equal(a.source, b.source));
  also(algebra_.equal(a.destination, b.destination));
  also(algebra_.equal(a.source_port, b.source_port));
  also(algebra_.equal(a.destination_port, b.destination_port));
  if (!open) return split(std::move(flow), all, yes, no);
  // Where what can be compared differs they are not equal; elsewhere it is not known.
  split(
      std::move(flow), all,
      [&](Flow f) { unknown(std::move(f), "whether two fields of the packet are equal decides"); },
      no);
}

routes::Ask Walk::ask_of(const Flow& flow) const {
  routes::Ask ask;
  ask.destination = flow.p.t.destination;
  ask.source = flow.p.t.source;
  ask.source_known = true;
  ask.mark = flow.p.mark;
  ask.tos = flow.p.tos & 0x1c;
  ask.uid = flow.p.has_socket ? flow.p.uid : 0;
  ask.protocol = flow.p.t.protocol;
  ask.source_port = flow.p.t.source_port;
  ask.destination_port = flow.p.t.destination_port;
  ask.chosen = &flow.chosen;
  return ask;
}

// Ways that differ in nothing but the packets are one.
std::vector<routes::Way> Walk::merged(std::vector<routes::Way> ways) {
  std::vector<routes::Way> out;
  std::vector<std::vector<packet::PacketSet>> sets;
  for (routes::Way& way : ways) {
    const auto like = [&](const routes::Way& w) {
      return w.dst == way.dst && w.error == way.error && w.source == way.source &&
             w.dropped == way.dropped && w.unknown == way.unknown && w.route_type == way.route_type;
    };
    const auto at = std::ranges::find_if(out, like);
    if (at == out.end()) {
      sets.push_back({way.set});
      out.push_back(std::move(way));
    } else {
      sets[static_cast<std::size_t>(at - out.begin())].push_back(std::move(way.set));
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (sets[i].size() > 1)
      out[i].set = algebra_.take(algebra_.space().any_of(sets[i]), algebra_.none());
  }
  return out;
}

void Walk::by_ways(const Flow& flow, std::vector<routes::Way> ways,
                   const std::function<void(Flow, const routes::Way&)>& next) {
  if (verdicts_alone_ && ways.size() > 1) ways = merged(std::move(ways));
  for (const routes::Way& way : ways) {
    Flow f = flow;
    f.set = way.set;
    if (has_to_stop(f)) continue;
    if (!way.unknown.empty()) {
      unknown(std::move(f), way.unknown);
      continue;
    }
    if (way.dst.hop != nullptr) {
      f.chosen.push_back(way.dst.hop);
      f.in_doubt = true;
    }
    next(std::move(f), way);
  }
}

}  // namespace walks
}  // namespace bulkhead::reach
