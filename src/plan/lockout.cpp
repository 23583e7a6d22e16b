#include "plan/lockout.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

#include "policy/zones.h"
#include "trace/trace.h"

namespace bulkhead::plan {
namespace {

using Origin = std::variant<trace::LocalOrigin, trace::OutsideOrigin, trace::ForgedOrigin>;

bool has(const model::NetNs& ns, const IpAddress& address) {
  return std::ranges::any_of(ns.addresses,
                             [&address](const model::Address& a) { return a.local == address; });
}

class Origins {
 public:
  explicit Origins(const compile::Input& input, const model::Snapshot& snapshot)
      : input_(input), snapshot_(snapshot) {}

  [[nodiscard]] std::optional<Origin> of(const Administrator& who) const {
    const model::NetNs& host = snapshot_.namespaces[snapshot_.host.value];
    if (who.peer.is_loopback() || has(host, who.peer)) return local(snapshot_.host);
    // The same address on each link: it is that of the link where the other end is.
    if (who.peer.is_link_local()) {
      for (const model::Address& a : host.addresses) {
        if (a.local == who.local) return outside(a.link, who.peer);
      }
      return std::nullopt;
    }
    if (const auto ns = container_with(who.peer)) return local(*ns);
    if (const policy::Zone* zone = policy::zone_of(input_.zones, who.peer); zone != nullptr)
      return outside(zone->link, who.peer);
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      if (has(snapshot_.namespaces[i], who.peer)) return local(model::NsId{i});
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] static Origin local(model::NsId ns) { return trace::LocalOrigin{.ns = ns}; }
  [[nodiscard]] Origin outside(IfIndex link, const IpAddress& source) const {
    return trace::OutsideOrigin{.ns = snapshot_.host, .link = link, .source = source};
  }
  [[nodiscard]] std::optional<model::NsId> container_with(const IpAddress& address) const {
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& container : engine.containers) {
        if (container.netns && *container.netns != snapshot_.host &&
            has(snapshot_.namespaces[container.netns->value], address))
          return container.netns;
      }
    }
    return std::nullopt;
  }

  const compile::Input& input_;
  const model::Snapshot& snapshot_;
};

// Empty when it is open.
std::string why_not(const trace::World& world, const Origins& origins, const Administrator& who) {
  const auto origin = origins.of(who);
  if (!origin) return "it is not known from where " + who.peer.to_string() + " sends";
  trace::Question question;
  question.from = *origin;
  question.to = who.local;
  question.port = who.port;
  if (std::holds_alternative<trace::LocalOrigin>(*origin) && !who.peer.is_loopback())
    question.source = who.peer;
  const trace::Answer answer = world.ask(question);
  if (answer.verdict == trace::Verdict::kOpen) return "";
  return answer.reason.empty() ? "it is not known whether it gets in" : answer.reason;
}

}  // namespace

Result<std::vector<ShutOut>> shut_out(const compile::Input& input,
                                      const compile::Compiled& compiled,
                                      std::span<const Administrator> administrators) {
  std::vector<ShutOut> out;
  if (administrators.empty()) return out;
  const auto changed = std::make_unique<model::Snapshot>(input.snapshot);
  compile::install(*changed, compiled.tables);
  const auto world = trace::World::build(*changed);
  if (!world) return std::unexpected(world.error());
  const Origins origins(input, *changed);
  for (std::size_t i = 0; i < administrators.size(); ++i) {
    std::string reason = why_not(*world, origins, administrators[i]);
    if (!reason.empty()) out.push_back({i, std::move(reason)});
  }
  return out;
}

}  // namespace bulkhead::plan
