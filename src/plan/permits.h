// Whether a line of the policy permits ordinary connections from a seat to a service, and whether
// that is for the policy to say at all. Inside plan.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "audit/inventory.h"
#include "compile/compile.h"
#include "policy/meaning.h"

namespace bulkhead::plan {

// Cost of a question: the lines that name the service's container, or the port of the host's
// service.
class Permits {
 public:
  // What it is given must outlive it. O(services that lines name * members).
  Permits(const compile::Input& input, const compile::Compiled& compiled);

  // One end of it is held: what no line permits is closed.
  [[nodiscard]] bool governs(const audit::SeatEntry& seat, const audit::Service& service) const;
  [[nodiscard]] bool permits(const audit::SeatEntry& seat, const audit::Service& service) const;

 private:
  using Namespaces = std::unordered_set<std::uint32_t>;  // NsId::value
  struct Named {
    policy::Line line;
    Namespaces from;
  };
  [[nodiscard]] const Namespaces& namespaces_of(const policy::Party& party);
  [[nodiscard]] Namespaces namespaces_of(std::span<const policy::Party> parties);
  [[nodiscard]] bool permits(const Named& named, const audit::SeatEntry& seat,
                             const audit::Service& service) const;
  [[nodiscard]] bool names(const Named& named, const audit::SeatEntry& seat) const;
  [[nodiscard]] bool is_held(model::NsId ns) const { return held_.contains(ns.value); }

  const compile::Input& input_;
  bool host_held_;
  Namespaces held_;
  std::map<std::pair<std::string, std::string>, Namespaces> of_party_;  // by tenant and name
  std::vector<Named> lines_;
  // Into lines_: those that lead to a container, by its namespace, and those to the host.
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> to_;
  std::vector<std::size_t> to_host_;
};

}  // namespace bulkhead::plan
