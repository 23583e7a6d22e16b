// What rules ask of the routing of their machine (fib, addrtype, rpfilter), answered by
// reach/route.
#pragma once

#include <map>
#include <memory>

#include "reach/chain/surroundings.h"
#include "reach/route/routes.h"

namespace bulkhead::reach::walks {

class RuleRoutes final : public Surroundings {
 public:
  // Both must outlive it. Costs nothing until it is asked.
  RuleRoutes(const topology::Machine& machine, Algebra& algebra)
      : machine_(machine), algebra_(algebra) {}

  [[nodiscard]] std::vector<TypeRange> address_types(IpFamily family, IfIndex on) const override;
  [[nodiscard]] Result<std::vector<RouteCase>> routes(const RouteQuestion& question,
                                                      const Image& image) const override;
  [[nodiscard]] std::string_view link_name(IfIndex index) const override;

 private:
  [[nodiscard]] const routes::Routes& own() const;
  [[nodiscard]] std::uint8_t type_of(IpAddress address, const topology::Device* on) const;

  const topology::Machine& machine_;
  Algebra& algebra_;
  mutable std::unique_ptr<routes::Routes> routes_;
};

}  // namespace bulkhead::reach::walks
