#include "trace/filter.h"

#include <algorithm>
#include <limits>

#include "model/find.h"
#include "trace/filter_edited.h"
#include "trace/filter_program.h"
#include "trace/filter_run.h"

namespace bulkhead::trace {

struct Filter::Program final : filtering::Program {
  using filtering::Program::Program;
};
struct Filter::Edited final : filtering::Edited {
  using filtering::Edited::Edited;
};

namespace {

using filtering::HookCode;
using filtering::Hooks;

bool applies(const HookCode& hook, FilterPoint point, const Context& context) {
  if (hook.devices == nullptr) return true;
  const model::Link* link = point == FilterPoint::kNetdevEgress ? context.out : context.in;
  return link != nullptr && model::names_device(*hook.devices, link->name);
}

std::size_t family_index(FilterPoint point, const Packet& packet) {
  const bool by_family = point <= FilterPoint::kIpPostrouting;
  return by_family && packet.family() == IpFamily::kV6 ? 1 : 0;
}

// What a route chain compares before and after (nft_chain_route.c, iptable_mangle.c).
struct RouteKey {
  std::uint32_t mark = 0;
  IpAddress source, destination;
  std::uint8_t tos = 0, hop_limit = 0;
  explicit RouteKey(const Packet& p)
      : mark(p.mark),
        source(p.source),
        destination(p.destination),
        tos(p.source.is_v4() ? p.tos : std::uint8_t{0}),
        hop_limit(p.source.is_v4() ? std::uint8_t{0} : p.hop_limit) {}
  friend bool operator==(const RouteKey&, const RouteKey&) = default;
};

// Calls visit(hook) in the order of the hooks, of equal priorities legacy tables last when asked
// so, until it returns true.
template <class Visit>
void each_hook(const std::vector<HookCode>& hooks, bool legacy_last, Visit&& visit) {
  if (!legacy_last) {
    for (const HookCode& hook : hooks) {
      if (visit(hook)) return;
    }
    return;
  }
  for (std::size_t i = 0; i < hooks.size();) {
    std::size_t end = i;
    while (end < hooks.size() && hooks[end].priority == hooks[i].priority) ++end;
    for (const bool legacy : {false, true}) {
      for (std::size_t k = i; k < end; ++k) {
        if (hooks[k].legacy == legacy && visit(hooks[k])) return;
      }
    }
    i = end;
  }
}

bool mixes_back_ends(const std::vector<HookCode>& hooks) {
  for (std::size_t i = 1; i < hooks.size(); ++i) {
    if (hooks[i].priority == hooks[i - 1].priority && hooks[i].legacy != hooks[i - 1].legacy) {
      return true;
    }
  }
  return false;
}

HookResult finish(filtering::Run& run, filtering::Flow step) {
  HookResult result;
  switch (step) {
    case filtering::Flow::kDrop: result.outcome = Outcome::kDrop; break;
    case filtering::Flow::kReject: result.outcome = Outcome::kReject; break;
    case filtering::Flow::kUnknown: result.outcome = Outcome::kUnknown; break;
    case filtering::Flow::kContinue:
    case filtering::Flow::kBreak:
    case filtering::Flow::kAccept:
    case filtering::Flow::kReturn:
    case filtering::Flow::kJump:
    case filtering::Flow::kGoto: return result;
  }
  result.decided_by = run.decided_by;
  if (step == filtering::Flow::kReject) result.reject = run.reject;
  if (step == filtering::Flow::kUnknown) result.unknown = std::move(run.unknown);
  return result;
}

}  // namespace

Filter::Filter(const model::Ruleset& ruleset, bool little_endian)
    : program_(std::make_shared<const Program>(ruleset, little_endian, true)) {}
Filter::Filter(const Filter& base, const Edits& edits)
    : program_(base.program_), edited_(std::make_unique<const Edited>(*base.program_, edits)) {}
Filter::Filter(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
Filter Filter::without_fast_forms(const model::Ruleset& ruleset, bool little_endian) {
  return Filter(std::make_shared<const Program>(ruleset, little_endian, false));
}
Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

const auto& Filter::hooks(FilterPoint point) const {
  const auto& all = edited_ != nullptr ? edited_->hooks : program_->hooks;
  return all[static_cast<std::size_t>(point)];
}

namespace {

// Evaluates hooks one after the other, those of a program in one Run: what one of them changed the
// others see.
class Runs {
 public:
  Runs(const filtering::Program& program, const filtering::Edited* edited, FilterPoint point,
       Context& context)
      : program_(program), edited_(edited), point_(point), context_(context) {}

  filtering::Run& of(const HookCode& hook) {
    std::optional<filtering::Run>& run = hook.added ? more_ : run_;
    const bool stale = last_ != nullptr && last_ != &run;
    last_ = &run;
    if (!run) {
      run.emplace(hook.added ? *edited_->more : program_, hook.added ? nullptr : edited_, point_,
                  context_);
      run->nat = nat;
    } else if (stale) {
      run->refresh();
      run->forget_image();
    }
    return *run;
  }
  [[nodiscard]] const filtering::ChainCode& chain(const HookCode& hook) const {
    return (hook.added ? *edited_->more : program_).chains[hook.chain];
  }

  std::optional<NatRequest>* nat = nullptr;  // Run::nat

 private:
  const filtering::Program& program_;
  const filtering::Edited* edited_;
  FilterPoint point_;
  Context& context_;
  std::optional<filtering::Run> run_, more_;
  const std::optional<filtering::Run>* last_ = nullptr;
};

}  // namespace

bool same_request(const std::optional<NatRequest>& a, const std::optional<NatRequest>& b) {
  if (a.has_value() != b.has_value()) return false;
  if (!a) return true;
  return a->destination == b->destination && a->masquerade == b->masquerade &&
         a->redirect == b->redirect && a->netmap == b->netmap && a->first == b->first &&
         a->last == b->last && a->port_first == b->port_first && a->port_last == b->port_last &&
         a->base_port == b->base_port && a->flags == b->flags;
}

HookResult Filter::run(FilterPoint point, std::int32_t from, std::int32_t to,
                       Context& context) const {
  const auto& there = hooks(point)[family_index(point, *context.packet)].filter;
  if (there.empty()) return {};
  // nft_do_chain_inet_ingress() lets everything pass that is not IP.
  if (point == FilterPoint::kInetIngress && !context.packet->is_ip()) return {};
  Runs runs(*program_, edited_.get(), point, context);
  HookResult result;
  each_hook(there, context.legacy_last, [&](const HookCode& hook) {
    if (hook.priority < from || hook.priority >= to || !applies(hook, point, context)) return false;
    filtering::Run& run = runs.of(hook);
    const RouteKey before(*context.packet);
    const filtering::Flow step = run.base_chain(hook.chain);
    if (step != filtering::Flow::kAccept) {
      result = finish(run, step);
      return true;
    }
    if (!hook.reroutes || context.rerouter == nullptr || before == RouteKey(*context.packet)) {
      return false;
    }
    if (context.rerouter->reroute(context)) return false;
    result.outcome = Outcome::kDrop;
    result.no_route = true;
    const filtering::ChainCode& chain = runs.chain(hook);
    result.decided_by = {chain.table, chain.chain, nullptr};
    return true;
  });
  return result;
}

HookResult Filter::run_nat(FilterPoint point, Context& context,
                           std::optional<NatRequest>& request) const {
  request.reset();
  const auto& there = hooks(point)[family_index(point, *context.packet)].nat;
  if (there.empty()) return {};
  Runs runs(*program_, edited_.get(), point, context);
  runs.nat = &request;
  HookResult result;
  each_hook(there, context.legacy_last, [&](const HookCode& hook) {
    filtering::Run& run = runs.of(hook);
    const filtering::Flow step = run.base_chain(hook.chain);
    if (step != filtering::Flow::kAccept) {
      result = finish(run, step);
      return true;
    }
    return request.has_value();
  });
  return result;
}

bool Filter::has_open_order(FilterPoint point) const {
  const auto& by_family = hooks(point);
  return std::any_of(by_family.begin(), by_family.end(), [](const Hooks& of) {
    return mixes_back_ends(of.filter) || mixes_back_ends(of.nat);
  });
}

bool Filter::has_chains(FilterPoint point) const {
  const auto& by_family = hooks(point);
  return std::any_of(by_family.begin(), by_family.end(),
                     [](const Hooks& of) { return !of.filter.empty() || !of.nat.empty(); });
}

bool Filter::has_nat_chains(FilterPoint point) const {
  const auto& by_family = hooks(point);
  return std::any_of(by_family.begin(), by_family.end(),
                     [](const Hooks& of) { return !of.nat.empty(); });
}

Filter::Priorities Filter::priorities(FilterPoint point) const {
  Priorities out{std::numeric_limits<std::int32_t>::max(),
                 std::numeric_limits<std::int32_t>::min()};
  for (const Hooks& of : hooks(point)) {
    for (const HookCode& hook : of.filter) {
      out.lowest = std::min(out.lowest, hook.priority);
      out.highest = std::max(out.highest, hook.priority);
    }
  }
  return out;
}

bool Filter::has_device_chains(FilterPoint point, std::string_view device) const {
  const auto& there = hooks(point)[0].filter;
  return std::any_of(there.begin(), there.end(), [&](const HookCode& hook) {
    return hook.devices == nullptr || model::names_device(*hook.devices, device);
  });
}

bool Filter::tracks_connections(IpFamily family) const {
  return (edited_ != nullptr ? edited_->tracks : program_->tracks)[family == IpFamily::kV4 ? 0 : 1];
}

bool Filter::has_nat(IpFamily family) const {
  return (edited_ != nullptr ? edited_->nat : program_->nat)[family == IpFamily::kV4 ? 0 : 1];
}

}  // namespace bulkhead::trace
