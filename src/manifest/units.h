// The services of Compose files that members of a policy are. Inside manifest.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "manifest/manifest.h"

namespace bulkhead::manifest {

struct Unit {  // one service of one Compose project: all its containers
  const model::Engine* engine = nullptr;
  std::size_t tenant = 0;  // in Config::tenants
  std::string project, service;
  std::vector<std::size_t> members;  // in Bound::members, ascending
  bool held = false;                 // its tenant is in mode enforce
  [[nodiscard]] std::string text() const { return project + "/" + service; }
};

class Units {
 public:
  // What is no service of a Compose file, or has no network of its own, is noted when it is held.
  Units(const compile::Input& input, Notes& notes);

  [[nodiscard]] const std::vector<Unit>& all() const { return all_; }
  // Of these members, ascending; a line that means only some containers of a unit, or one that is
  // of none, is noted with the line.
  [[nodiscard]] std::vector<std::size_t> of(const policy::Line& line,
                                            std::span<const policy::Party> parties,
                                            Notes& notes) const;

 private:
  [[nodiscard]] std::string why_not(const policy::Member& member) const;
  void add(std::size_t member);

  const compile::Input& input_;
  std::vector<Unit> all_;
  std::vector<std::optional<std::size_t>> unit_of_;  // by member
};

// Whether Compose takes it for the name of a service or a network: [a-zA-Z0-9._-]+.
[[nodiscard]] bool is_compose_name(std::string_view name);

}  // namespace bulkhead::manifest
