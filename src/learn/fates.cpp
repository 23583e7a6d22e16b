#include "learn/fates.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <variant>

#include "learn/judge.h"
#include "policy/zones.h"
#include "trace/trace.h"

namespace bulkhead::learn {
namespace {

using flows::Counts;
using flows::Flow;
using flows::Peer;
using flows::PeerKind;

struct Verdict {
  bool open = false, known = false;
  std::string reason;
};

class Teller {
 public:
  Teller(const model::Snapshot& snapshot, std::span<const policy::Zone> zones,
         const flows::Book& book)
      : snapshot_(snapshot), zones_(zones) {
    std::map<flows::Who, std::uint32_t> known;
    for (std::uint32_t i = 0; i < book.whos().size(); ++i) known.emplace(book.whos()[i], i);
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        const bool there = engine.local && c.state == "running" && c.netns &&
                           c.netns->value < snapshot_.namespaces.size();
        if (!there) continue;
        const auto at = known.find(flows::who_is(engine, c));
        if (at != known.end()) running_.emplace(at->second, *c.netns);
      }
    }
  }

  // Nothing when an end is not there.
  [[nodiscard]] std::vector<trace::Question> questions(const Flow& flow) const {
    trace::Question q;
    q.port = flow.dialled;
    q.protocol = flow.protocol;
    if (!origin(flow, q)) return {};
    std::vector<trace::Question> out;
    for (const IpAddress& to : targets(flow)) {
      q.to = to;
      out.push_back(q);
    }
    return out;
  }

 private:
  [[nodiscard]] const model::NetNs& host() const {
    return snapshot_.namespaces[snapshot_.host.value];
  }

  bool origin(const Flow& flow, trace::Question& q) const {
    if (flow.from.kind == PeerKind::kHost) {
      q.from = trace::LocalOrigin{.ns = snapshot_.host};
      return true;
    }
    if (flow.from.kind == PeerKind::kContainer) {
      const auto at = running_.find(flow.from.who);
      if (at == running_.end()) return false;
      q.from = trace::LocalOrigin{.ns = at->second};
      return true;
    }
    if (!flow.from.address) return false;
    const policy::Zone* zone = policy::zone_of(zones_, *flow.from.address);
    if (zone == nullptr) return false;
    q.from = trace::OutsideOrigin{
        .ns = snapshot_.host, .link = zone->link, .source = *flow.from.address};
    return true;
  }

  // At the host's address that was dialled, if it still is one; else at any of its family. A
  // container has other addresses now.
  [[nodiscard]] std::vector<IpAddress> targets(const Flow& flow) const {
    if (flow.to.kind == PeerKind::kOutside) {
      const std::optional<IpAddress>& address = flow.to.address;
      return address ? std::vector<IpAddress>{*address} : std::vector<IpAddress>{};
    }
    if (flow.to.kind == PeerKind::kContainer && !running_.contains(flow.to.who)) return {};
    const bool at_host = flow.to.kind == PeerKind::kHost || flow.at.has_value();
    const model::NetNs& ns =
        at_host ? host() : snapshot_.namespaces[running_.at(flow.to.who).value];
    std::vector<IpAddress> out;
    for (const model::Address& a : ns.addresses) {
      if (flow.at && a.local == *flow.at) return {a.local};
      const bool usual = !a.local.is_loopback() && !a.local.is_link_local();
      if (usual && a.local.family() == flow.family) out.push_back(a.local);
    }
    return out;
  }

  const model::Snapshot& snapshot_;
  std::span<const policy::Zone> zones_;
  std::map<std::uint32_t, model::NsId> running_;
};

// Open when one of the addresses is: whoever dials a name tries them all.
Verdict ask(const trace::World& world, const std::vector<trace::Question>& questions, bool leaves) {
  Verdict out{false, true, ""};
  for (const trace::Question& q : questions) {
    const trace::Answer answer = world.ask(q);
    // What is beyond the host's own links is not in the model.
    if (answer.verdict == trace::Verdict::kOpen || (leaves && answer.exit)) return {true, true, ""};
    out.known = out.known && answer.verdict == trace::Verdict::kClosed;
    if (out.reason.empty()) out.reason = answer.reason;
  }
  return out;
}

bool is_known(const Flow& flow) {
  const auto is_one = [](const Peer& peer) {
    const bool whose = peer.kind != PeerKind::kNobody && peer.kind != PeerKind::kUnsure;
    return whose && !(peer.address && peer.address->is_unspecified());
  };
  return is_one(flow.from) && is_one(flow.to);
}

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::kStays: return "stays";
    case Fate::kPermitted: return "permitted";
    case Fate::kBreaks: return "breaks";
    case Fate::kClosed: return "closed";
    case Fate::kUnknown: return "unknown";
    case Fate::kGone: return "gone";
    case Fate::kUnasked: return "unasked";
  }
  return "";
}

std::size_t Fates::count(Fate fate) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(flows, [fate](const Fated& f) { return f.fate == fate; }));
}

Result<std::vector<Answers>> answers_now(const model::Snapshot& snapshot,
                                         std::span<const policy::Zone> zones,
                                         const flows::Book& book,
                                         std::span<const flows::Flow> flows) {
  const auto world = trace::World::build(snapshot);
  if (!world) return std::unexpected(world.error());
  const Teller teller(snapshot, zones, book);
  std::vector<Answers> out;
  for (const Flow& flow : flows) {
    const auto questions = is_known(flow) ? teller.questions(flow) : std::vector<trace::Question>{};
    const Verdict now = ask(*world, questions, flow.to.kind == PeerKind::kOutside);
    out.push_back(now.open ? Answers::kYes : now.known ? Answers::kNo : Answers::kUnknown);
  }
  return out;
}

Result<Fates> fates_of(const compile::Input& input, const compile::Compiled& compiled,
                       const flows::Book& book) {
  const auto changed = std::make_unique<model::Snapshot>(input.snapshot);
  compile::install(*changed, compiled.tables);
  const auto before = trace::World::build(input.snapshot);
  if (!before) return std::unexpected(before.error());
  const auto after = trace::World::build(*changed);
  if (!after) return std::unexpected(after.error());
  const Teller teller(input.snapshot, input.zones, book);
  const Judge judge(book, input.config, input.zones, input.now_ms);
  Fates out;
  for (const auto& [flow, counts] : book.flows()) {
    Fated& one = out.flows.emplace_back(Fated{&flow, &counts, Fate::kUnasked, ""});
    if (counts.answered == 0 || !is_known(flow)) continue;
    const std::vector<trace::Question> questions = teller.questions(flow);
    one.fate = Fate::kGone;
    if (questions.empty()) continue;
    const bool leaves = flow.to.kind == PeerKind::kOutside;
    const Verdict now = ask(*before, questions, leaves), then = ask(*after, questions, leaves);
    if (then.open) {
      one.fate = Fate::kStays;
    } else if (then.known && now.known) {
      one.fate = now.open ? Fate::kBreaks : Fate::kClosed;
    } else {
      // Rules of ours only narrow, and let through what a line permits.
      one.fate = now.open && !then.known && judge.covered(flow) ? Fate::kPermitted : Fate::kUnknown;
    }
    one.reason = then.reason;
  }
  return out;
}

}  // namespace bulkhead::learn
