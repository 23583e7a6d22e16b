#include "cli/interfaces.h"

#include <algorithm>

#include "model/find.h"

namespace bulkhead::cli {
namespace {

using enforce::Interface;
using Change = report::Shifted::Change;

constexpr std::uint32_t kUpFlag = 1, kLoopbackFlag = 8;  // IFF_*

// Packets come in by it, and not by a bridge that it belongs to.
bool is_a_way_in(const model::Link& link) {
  return (link.flags & kUpFlag) != 0 && (link.flags & kLoopbackFlag) == 0 && !link.master;
}

report::Shifted::Role role_of(Interface::Role role) {
  switch (role) {
    case Interface::Role::kBridge: return report::Shifted::Role::kBridge;
    case Interface::Role::kZone: return report::Shifted::Role::kZone;
    case Interface::Role::kOther: return report::Shifted::Role::kOther;
    case Interface::Role::kNone: return report::Shifted::Role::kNone;
  }
  return report::Shifted::Role::kNone;
}

const Interface* numbered(const std::vector<Interface>& all, const model::Link& link) {
  const auto at = std::ranges::find(all, link.index.value, &Interface::number);
  return at == all.end() ? nullptr : &*at;
}

// What has become of one that rules name.
std::optional<report::Shifted> fate_of(const Interface& one, const std::vector<Interface>& then,
                                       const model::NetNs& host) {
  const model::Link* same = model::find_link(host, IfIndex{one.number});
  if (same != nullptr && same->name == one.name) return std::nullopt;
  report::Shifted out{
      .name = one.name, .was = "", .change = Change::kGone, .role = role_of(one.role)};
  if (same != nullptr) {
    out.name = same->name;
    out.was = one.name;
    out.change = Change::kRenamed;
    return out;
  }
  const auto named = std::ranges::find(host.links, one.name, &model::Link::name);
  // One that was known by another name is told as renamed.
  if (named != host.links.end() && numbered(then, *named) == nullptr) out.change = Change::kAnew;
  return out;
}

}  // namespace

std::vector<Interface> interfaces_of(const compile::Compiled& compiled, const model::NetNs& host) {
  const auto has = [](const std::vector<IfIndex>& all, IfIndex one) {
    return std::ranges::find(all, one) != all.end();
  };
  std::vector<Interface> out;
  for (const model::Link& link : host.links) {
    Interface one{link.name, link.index.value, Interface::Role::kNone};
    if (has(compiled.interfaces.bridges, link.index)) {
      one.role = Interface::Role::kBridge;
    } else if (has(compiled.interfaces.zones, link.index)) {
      one.role = Interface::Role::kZone;
    } else if (has(compiled.interfaces.others, link.index)) {
      one.role = Interface::Role::kOther;
    } else if (!is_a_way_in(link)) {
      continue;
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<report::Shifted> shifted(const std::vector<Interface>& then, const model::NetNs& host) {
  std::vector<report::Shifted> out;
  for (const Interface& one : then) {
    if (one.role == Interface::Role::kNone) continue;
    if (auto fate = fate_of(one, then, host)) out.push_back(*std::move(fate));
  }
  for (const model::Link& link : host.links) {
    const auto named = std::ranges::find(then, link.name, &Interface::name);
    if (is_a_way_in(link) && numbered(then, link) == nullptr && named == then.end())
      out.push_back({.name = link.name,
                     .was = "",
                     .change = Change::kNew,
                     .role = report::Shifted::Role::kNone});
  }
  return out;
}

}  // namespace bulkhead::cli
