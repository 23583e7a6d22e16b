#include "manifest/units.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::manifest {
namespace {

constexpr std::size_t kLongestShown = 64;

std::string container_name(const policy::Member& m) {
  return "container " + escape_text(m.container->name, kLongestShown);
}

bool shares_its_network(const model::Container& c) {
  return c.network_mode == "host" || c.network_mode == "none" ||
         c.network_mode.starts_with("container:") || c.network_mode.starts_with("ns:");
}

}  // namespace

bool is_compose_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Units::Units(const compile::Input& input, Notes& notes)
    : input_(input), unit_of_(input.bound.members.size()) {
  for (std::size_t i = 0; i < input.bound.members.size(); ++i) {
    const policy::Member& m = input.bound.members[i];
    const std::string why = why_not(m);
    if (why.empty()) {
      add(i);
    } else if (compile::is_enforced(input, input.config.mode_of(input.config.tenants[m.tenant]))) {
      notes.of_all(container_name(m) + " stays as it is: " + why);
    }
  }
}

// "": it can be told.
std::string Units::why_not(const policy::Member& member) const {
  const model::Container& c = *member.container;
  if (c.project.empty() || c.service.empty()) return "it is of no Compose project";
  if (!is_compose_name(c.project) || !is_compose_name(c.service))
    return "its labels name no service that Compose would take";
  if (member.engine->kind == model::EngineKind::kPodman)
    return "its engine is Podman, whose networks reach each other";
  if (shares_its_network(c))
    return "its network mode is " + escape_text(c.network_mode, kLongestShown) +
           ", so it joins no networks";
  for (const Unit& u : all_) {
    if (u.engine == member.engine && u.project == c.project && u.service == c.service &&
        u.tenant != member.tenant)
      return "other containers of its Compose service are of another tenant";
  }
  return "";
}

void Units::add(std::size_t member) {
  const policy::Member& m = input_.bound.members[member];
  const auto same = std::ranges::find_if(all_, [&](const Unit& u) {
    return u.engine == m.engine && u.project == m.container->project &&
           u.service == m.container->service;
  });
  unit_of_[member] = static_cast<std::size_t>(same - all_.begin());
  if (same != all_.end()) return same->members.push_back(member);
  const policy::Tenant& tenant = input_.config.tenants[m.tenant];
  all_.push_back({m.engine,
                  m.tenant,
                  m.container->project,
                  m.container->service,
                  {member},
                  compile::is_enforced(input_, input_.config.mode_of(tenant))});
}

std::vector<std::size_t> Units::of(const policy::Line& line, std::span<const policy::Party> parties,
                                   Notes& notes) const {
  std::set<std::size_t> out;
  const std::vector<std::size_t> members = input_.bound.members_of(input_.config, parties);
  for (const std::size_t m : members) {
    if (const std::optional<std::size_t>& unit = unit_of_[m]) {
      out.insert(*unit);
    } else {
      notes.of(line, container_name(input_.bound.members[m]) + " is no service of these files");
    }
  }
  for (const std::size_t u : out) {
    if (!std::ranges::includes(members, all_[u].members))
      notes.of(line, "it means some containers of " + all_[u].text() +
                         ", and all of them are on the same networks");
  }
  return {out.begin(), out.end()};
}

}  // namespace bulkhead::manifest
