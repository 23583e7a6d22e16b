#include "query/opening.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "ruleset/print.h"
#include "trace/trace.h"

namespace bulkhead::query {
namespace {

using model::NfFamily;

constexpr std::size_t kMostChanges = 16, kMostTries = 120;

bool is_open(const trace::Answer& answer) {
  return answer.verdict == trace::Verdict::kOpen;
}

Bytes bytes_of(Port port) {
  return {static_cast<std::uint8_t>(port.number >> 8), static_cast<std::uint8_t>(port.number)};
}

Bytes bytes_of(IpAddress address) {
  const auto octets = address.octets();
  return {octets.begin(), octets.end()};
}

// One end of the connection as some rule may see it, before or after a rewriting.
struct End {
  IpAddress address;
  Port port;
  friend bool operator==(const End&, const End&) = default;
};

// Where NAT rules that were met send the connection: constants alone.
std::optional<End> rewritten(const model::Statement& statement, const End& from) {
  if (const auto* nat = std::get_if<model::Nat>(&statement)) {
    End to = from;
    const auto constant = [](const std::optional<model::Term>& term) -> const Bytes* {
      const auto* c = term ? std::get_if<model::ConstantTerm>(&term->node) : nullptr;
      return c == nullptr ? nullptr : &c->bytes;
    };
    if (const Bytes* address = constant(nat->address)) {
      if (auto read = IpAddress::from_octets(*address)) to.address = *read;
    }
    if (const Bytes* port = constant(nat->port); port != nullptr && port->size() == 2)
      to.port = Port{static_cast<std::uint16_t>((*port)[0] << 8 | (*port)[1])};
    return to;
  }
  const auto* target = std::get_if<model::XtTarget>(&statement);
  const auto* nat = target == nullptr ? nullptr : std::get_if<model::xt::NatTarget>(&target->info);
  if (nat == nullptr) return std::nullopt;
  End to = from;
  if (nat->addresses) to.address = nat->addresses->first;
  if (nat->ports) to.port = nat->ports->first;
  return to;
}

class Search {
 public:
  Search(const Asker& asker, const Seat& seat, const Target& target, const Reply& closed)
      : asker_(asker), seat_(seat), target_(target) {
    target_.explain = true;
    target_.as_attacker = false;
    if (seat.many && closed.witness) target_.source = closed.witness;
    // A copy lives elsewhere: what is closed is asked once more, so that its rules are of `now_`.
    ask(out_.changes);
  }

  Opening run() && {
    while (out_.changes.size() < kMostChanges && !is_open(now_.reply.answer)) {
      if (now_.reply.answer.verdict == trace::Verdict::kUnknown || !step()) break;
    }
    out_.opens = is_open(now_.reply.answer);
    // A refusal is an answer too, and may be dropped before it is known that nobody listens.
    std::ranges::stable_sort(out_.changes, {}, &Change::reply);
    if (out_.opens) {
      leave_out();
    } else {
      out_.left = now_.reply.answer.reason;
    }
    return std::move(out_);
  }

 private:
  // The answer points into the snapshot beside it.
  struct Asked {
    std::unique_ptr<model::Snapshot> snapshot;
    Reply reply;
  };

  std::optional<Asked> try_with(const std::vector<Change>& changes) {
    if (++tries_ > kMostTries) return std::nullopt;
    Asked out;
    out.snapshot = std::make_unique<model::Snapshot>(asker_.world().snapshot());
    make_changes(*out.snapshot, changes);
    const auto world = trace::World::build(*out.snapshot);
    if (!world) return std::nullopt;
    const Asker changed(*world, asker_.zones());
    out.reply = changed.ask(seat_, target_);
    return out;
  }

  void ask(const std::vector<Change>& changes) {
    if (auto asked = try_with(changes)) now_ = std::move(*asked);
  }

  // Takes away what is in the way now. False when nothing that is known does.
  bool step() {
    for (Change& change : candidates()) {
      change.because = now_.reply.answer.reason;
      change.reply = change.kind != ChangeKind::kListen && on_way_back();
      std::vector<Change> with = out_.changes;
      with.push_back(std::move(change));
      auto asked = try_with(with);
      if (!asked || !got_further(asked->reply.answer)) continue;
      out_.changes = std::move(with);
      now_ = std::move(*asked);
      return true;
    }
    return false;
  }

  bool on_way_back() const {
    const auto& steps = now_.reply.answer.steps;
    return !steps.empty() && steps.back().leg == trace::Leg::kReply;
  }

  // Another end than before, be it a later one.
  bool got_further(const trace::Answer& then) const {
    if (is_open(then)) return true;
    const trace::Answer& before = now_.reply.answer;
    return then.verdict == trace::Verdict::kClosed &&
           (then.reason != before.reason || then.how != before.how ||
            then.steps.size() != before.steps.size());
  }

  void leave_out() {
    for (std::size_t i = 0; i < out_.changes.size();) {
      std::vector<Change> without = out_.changes;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      const auto asked = try_with(without);
      if (asked && is_open(asked->reply.answer)) {
        out_.changes = std::move(without);
        i = 0;  // what was needed beside it may not be needed any more
      } else {
        ++i;
      }
    }
  }

  // ------------------------------------------------------------------ what may help, narrow first
  std::vector<Change> candidates() {
    std::vector<Change> out;
    const trace::Answer& answer = now_.reply.answer;
    if (!answer.rules.empty()) of_rule(answer.rules.back(), out);
    if (answer.steps.empty()) return out;
    const trace::Step& last = answer.steps.back();
    const auto heard = std::ranges::find_if(answer.steps, [](const trace::Step& s) {
      return s.stage == "socket" && s.leg == trace::Leg::kRequest;
    });
    if (heard != answer.steps.end() && answer.socket == nullptr) of_socket(heard->ns, out);
    of_settings(last, out);
    return out;
  }

  // The connection's far end, as dialled and as rules that were met rewrite it; the last first.
  std::vector<End> far_ends() const {
    std::vector<End> out{{target_.to.unmapped(), target_.port}};
    for (const trace::RuleRef& ref : now_.reply.answer.rules) {
      if (ref.rule == nullptr) continue;
      for (const model::Statement& s : ref.rule->statements) {
        const auto to = rewritten(s, out.front());
        if (to && std::ranges::find(out, *to) == out.end()) out.push_back(*to);
      }
    }
    std::ranges::reverse(out);
    return out;
  }

  struct Found {
    model::NsId ns;
    std::size_t table, chain;
    const model::Chain* in;
  };

  std::optional<Found> find(const trace::RuleRef& ref) const {
    const auto& namespaces = now_.snapshot->namespaces;
    for (std::uint32_t n = 0; n < namespaces.size(); ++n) {
      const auto& tables = namespaces[n].ruleset.tables;
      for (std::size_t t = 0; t < tables.size(); ++t) {
        for (std::size_t c = 0; c < tables[t].chains.size(); ++c) {
          if (&tables[t].chains[c] == ref.chain) return Found{model::NsId{n}, t, c, ref.chain};
        }
      }
    }
    return std::nullopt;
  }

  // Where a rule of the changed chain stood before the changes.
  std::size_t original_position(const Found& found, const model::Rule* rule) const {
    std::size_t at = rule == nullptr ? found.in->rules.size()
                                     : static_cast<std::size_t>(rule - found.in->rules.data());
    std::vector<std::size_t> put, taken;
    for (const Change& c : out_.changes) {
      if (c.ns != found.ns || c.table != found.table || c.chain != found.chain) continue;
      if (c.kind == ChangeKind::kAccept) put.push_back(c.rule);
      if (c.kind == ChangeKind::kRemove) taken.push_back(c.rule);
    }
    std::size_t original = 0;
    for (std::size_t now = 0;; ++original) {
      now += static_cast<std::size_t>(std::ranges::count(put, original));
      if (std::ranges::find(taken, original) != taken.end()) continue;
      if (now >= at) return original;
      ++now;
    }
  }

  void of_rule(const trace::RuleRef& ref, std::vector<Change>& out) {
    const auto found = find(ref);
    if (!found || ref.table == nullptr) return;
    Change change;
    change.ns = found->ns;
    change.table = found->table;
    change.chain = found->chain;
    change.rule = original_position(*found, ref.rule);
    change.place = ruleset::print_place(*ref.table, *ref.chain, ref.rule);
    accepts(change, ref.table->family, out);
    change.kind = ref.rule == nullptr ? ChangeKind::kPolicy : ChangeKind::kRemove;
    out.push_back(std::move(change));
  }

  void accepts(const Change& at, NfFamily family, std::vector<Change>& out) const {
    if (family == NfFamily::kArp) return;
    const auto& answer = now_.reply.answer;
    const bool reply = on_way_back();
    for (const bool from_one : {true, false}) {
      for (const End& far : far_ends()) {
        Change change = at;
        change.kind = ChangeKind::kAccept;
        write_accept(change, family, reply, far,
                     from_one ? answer.source : std::optional<IpAddress>());
        out.push_back(std::move(change));
      }
    }
  }

  void write_accept(Change& change, NfFamily family, bool reply, const End& far,
                    const std::optional<IpAddress>& near) const {
    const bool v4 = far.address.is_v4();
    auto& statements = change.accept.statements;
    const auto equals = [&](model::Term term, Bytes value) {
      statements.emplace_back(
          model::Compare{std::move(term), model::CompareOp::kEqual, std::move(value)});
    };
    if (family == NfFamily::kBridge || family == NfFamily::kNetdev || family == NfFamily::kInet) {
      equals({model::MetaTerm{model::MetaKey::kProtocol, 0}},
             v4 ? Bytes{0x08, 0x00} : Bytes{0x86, 0xdd});
    }
    const auto address = [&](bool source, IpAddress value) {
      const std::uint32_t offset = v4 ? (source ? 12 : 16) : (source ? 8 : 24);
      equals({model::PayloadTerm{model::PayloadBase::kNetwork, offset, v4 ? 4U : 16U}},
             bytes_of(value));
      change.match += std::string(v4 ? "ip " : "ip6 ") + (source ? "saddr " : "daddr ") +
                      value.to_string() + " ";
    };
    if (near) address(!reply, *near);
    address(reply, far.address);
    equals({model::MetaTerm{model::MetaKey::kL4proto, 0}},
           {static_cast<std::uint8_t>(target_.protocol)});
    equals({model::PayloadTerm{model::PayloadBase::kTransport, reply ? 0U : 2U, 2}},
           bytes_of(far.port));
    change.match += to_string(target_.protocol) + (reply ? " sport " : " dport ") +
                    std::to_string(far.port.number);
    model::Decide accept;
    accept.verdict.kind = model::VerdictKind::kAccept;
    statements.emplace_back(std::move(accept));
  }

  void of_socket(model::NsId ns, std::vector<Change>& out) const {
    for (const End& far : far_ends()) {
      Change change;
      change.kind = ChangeKind::kListen;
      change.ns = ns;
      change.address = IpAddress::any(far.address.family());
      change.port = far.port;
      change.protocol = target_.protocol;
      out.push_back(std::move(change));
    }
  }

  void of_settings(const trace::Step& last, std::vector<Change>& out) const {
    if (last.ns.value >= now_.snapshot->namespaces.size()) return;
    const model::NetNs& ns = now_.snapshot->namespaces[last.ns.value];
    Change change;
    change.ns = last.ns;
    for (const model::Link& link : ns.links) {
      change.link = link.index;
      change.interface = link.name;
      change.kind = ChangeKind::kIsolation;
      if (link.port && link.port->isolated) out.push_back(change);
      change.kind = ChangeKind::kReversePath;
      const bool filters = std::max(link.ipv4.rp_filter, ns.sysctls.ipv4_all.rp_filter) != 0;
      if (filters && (last.interface.empty() || last.interface == link.name)) out.push_back(change);
    }
    change.link = {};
    change.interface.clear();
    change.kind = ChangeKind::kForward;
    change.family = target_.to.unmapped().family();
    out.push_back(std::move(change));
  }

  const Asker& asker_;
  const Seat& seat_;
  Target target_;
  Opening out_;
  Asked now_;
  std::size_t tries_ = 0;
};

}  // namespace

bool may_be_opened(const Target& target, const Reply& reply) {
  return reply.answer.verdict == trace::Verdict::kClosed && !target.as_attacker;
}

Opening opening(const Asker& asker, const Seat& seat, const Target& target, const Reply& closed) {
  if (!may_be_opened(target, closed)) return {};
  if (seat.origins.empty() || !asker.is_asked(seat, target.to))
    return {.changes = {}, .opens = false, .left = closed.answer.reason};
  return Search(asker, seat, target, closed).run();
}

}  // namespace bulkhead::query
