// The diagrams of reach/chain against the interpreter of trace/: the same packet through both, with
// every outcome that either holds possible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "filter_trace/build.h"
#include "reach/chain/chain.h"

namespace bulkhead::reach::testing {

// The namespace in which both are asked: interfaces of several kinds, addresses, routes.
std::vector<model::Link> some_links();

// Routes by prefix; mark 5 has routes of its own.
struct TestRoute {
  Prefix to;
  std::uint8_t type = 1;
  std::uint32_t oif = 0;
};
const std::vector<TestRoute>& routes_of(IpFamily family, bool marked);
std::uint8_t type_of(const IpAddress& address, std::uint32_t on);

class TraceRoutes final : public trace::Surroundings {
 public:
  FibAnswer fib_route(IpAddress lookup, IpAddress other, std::uint32_t mark, IfIndex iif,
                      IfIndex constraint) const override;
  std::uint8_t address_type(IpAddress address, IfIndex on) const override;
  std::string_view link_name(IfIndex index) const override;
};

class ReachRoutes final : public reach::Surroundings {
 public:
  ReachRoutes(const Fields& fields, const packet::PacketSpace& space)
      : fields_(fields), space_(space) {}
  std::vector<TypeRange> address_types(IpFamily family, IfIndex on) const override;
  // kUnsupported when the image turned the addresses or the mark into something else.
  Result<std::vector<RouteCase>> routes(const RouteQuestion& question,
                                        const Image& image) const override;
  std::string_view link_name(IfIndex index) const override;

 private:
  const Fields& fields_;
  const packet::PacketSpace& space_;
};

// What becomes of one packet, in numbers that can be compared and printed.
struct Fate {
  std::string text;
  friend auto operator<=>(const Fate&, const Fate&) = default;
};
using Fates = std::set<Fate>;

// A ruleset compiled for one family, and the interpreter of the same.
class Pair {
 public:
  Pair(const model::Ruleset& rules, IpFamily family, std::vector<model::Link> links = some_links(),
       packet::Limits limits = {});
  ~Pair();

  const Fields& fields() const { return *fields_; }
  const Links& links() const { return *links_; }
  Effects& effects() { return *effects_; }
  Chains& chains() { return *chains_; }
  packet::PacketSpace& space() { return *space_; }

  // The map of a hook from all its priorities.
  Result<packet::VerdictMap> map(HookPoint point, bool nat, bool legacy_last = false,
                                 const Image& image = {});
  // The same, compiled anew.
  Result<packet::VerdictMap> map_anew(HookPoint point, bool nat, bool legacy_last,
                                      const Image& image);
  Fates by_reach(const packet::VerdictMap& map, const packet::Packet& packet, bool nat) const;
  // nullopt: more choices than the interpreter follows.
  std::optional<Fates> by_trace(HookPoint point, bool nat, const packet::Packet& packet,
                                bool legacy_last = false) const;
  std::string show(const packet::Packet& packet) const;
  // Why the leaf of a packet is in doubt or unknown.
  std::vector<std::string> reasons(const packet::VerdictMap& map,
                                   const packet::Packet& packet) const;

 private:
  struct Scene;
  Fate fate_of(const packet::Packet& after, const std::string& outcome) const;
  packet::Packet read_back(const packet::Packet& before, const trace::Packet& now,
                           const trace::CtView& view) const;

  model::Ruleset rules_;
  std::vector<model::Link> link_list_;
  std::unique_ptr<Fields> fields_;
  std::unique_ptr<packet::PacketSpace> space_;
  std::unique_ptr<Effects> effects_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<ReachRoutes> around_;
  std::unique_ptr<Chains> chains_;
  trace::Filter filter_;
  TraceRoutes trace_around_;
};

}  // namespace bulkhead::reach::testing
