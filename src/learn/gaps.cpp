#include "learn/gaps.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "learn/shown.h"
#include "model/find.h"
#include "reach/chain/tracking.h"

namespace bulkhead::learn {
namespace {

bool untracks(const model::Ruleset& rules) {
  const auto is_notrack = [](const model::Statement& s) {
    if (std::holds_alternative<model::Notrack>(s)) return true;
    const auto* target = std::get_if<model::XtTarget>(&s);
    if (target == nullptr) return false;
    const auto* ct = std::get_if<model::xt::CtTarget>(&target->info);
    return target->name == "NOTRACK" || (ct != nullptr && ct->notrack);
  };
  for (const model::Table& table : rules.tables) {
    for (const model::Chain& chain : table.chains) {
      for (const model::Rule& rule : chain.rules) {
        if (std::ranges::any_of(rule.statements, is_notrack)) return true;
      }
    }
  }
  return false;
}

// Containers by the bridge on which they sit; none: where they do not.
std::map<IfIndex, std::set<std::string>> seats(const model::Snapshot& snapshot) {
  std::map<IfIndex, std::set<std::string>> out;
  const model::NetNs& host = snapshot.namespaces[snapshot.host.value];
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (!engine.local || !c.netns || *c.netns == snapshot.host ||
          c.netns->value >= snapshot.namespaces.size())
        continue;
      const model::NetNs& inside = snapshot.namespaces[c.netns->value];
      for (const model::Address& a : inside.addresses) {
        if (a.local.is_loopback()) continue;
        const model::Link* link = model::find_link(inside, a.link);
        const bool led = link != nullptr && link->kind == "veth" && link->peer_ns == snapshot.host;
        const model::Link* port = led ? model::find_link(host, link->peer) : nullptr;
        out[port == nullptr ? IfIndex{} : port->master].insert(c.name);
      }
    }
  }
  return out;
}

std::string names(const std::set<std::string>& all) {
  constexpr std::size_t kMost = 5;
  std::string out;
  std::size_t shown_of = 0;
  for (const std::string& one : all) {
    if (++shown_of <= kMost) out += (out.empty() ? "" : ", ") + shown(one);
  }
  if (shown_of > kMost) out += " and " + std::to_string(shown_of - kMost) + " more";
  return out;
}

}  // namespace

std::vector<std::string> gaps_of(const model::Snapshot& snapshot) {
  std::vector<std::string> out;
  const model::NetNs& host = snapshot.namespaces[snapshot.host.value];
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    const std::string name = family == IpFamily::kV4 ? "IPv4" : "IPv6";
    if (!reach::chains::tracks_connections(host.ruleset, family))
      out.push_back(name + " is not tracked here: no rule asks for connections, so none is seen");
  }
  if (untracks(host.ruleset))
    out.emplace_back(
        "a rule takes packets out of connection tracking (notrack): these are not seen");
  for (const auto& [bridge, all] : seats(snapshot)) {
    const model::Link* link = model::find_link(host, bridge);
    if (link == nullptr) {
      out.push_back("on no bridge of this host, so what they send passes it by: " + names(all));
      continue;
    }
    if (all.size() < 2) continue;
    const bool own4 = link->bridge && link->bridge->nf_call_iptables;
    const bool own6 = link->bridge && link->bridge->nf_call_ip6tables;
    const bool on4 = host.sysctls.bridge_nf_call_iptables.value_or(0) != 0 || own4;
    const bool on6 = host.sysctls.bridge_nf_call_ip6tables.value_or(0) != 0 || own6;
    if (on4 && on6) continue;
    out.push_back("between containers on " + shown(link->name) + " (" + names(all) + ") " +
                  (on4   ? "IPv6"
                   : on6 ? "IPv4"
                         : "nothing") +
                  (on4 || on6 ? " is not" : " is") + " seen: bridge-nf-call-" +
                  (on4   ? "ip6tables"
                   : on6 ? "iptables"
                         : "iptables, -ip6tables") +
                  " is 0 or br_netfilter is not there");
  }
  for (const model::Engine& engine : snapshot.engines) {
    if (engine.rootless)
      out.push_back("engine " + shown(engine.name) +
                    " is rootless: its forwarders in user space are seen as the host");
  }
  return out;
}

std::vector<std::string> unread_of(const model::Snapshot& snapshot) {
  std::vector<std::string> out;
  const auto say = [&out](const std::string& whose, const model::Gap& gap) {
    out.push_back(escape_text(whose + gap.what, 256) +
                  " could not be read: " + escape_text(gap.reason, 512));
  };
  for (const model::Gap& gap : snapshot.gaps) {
    if (gap.what.starts_with("engine ") || gap.what == "containers of podman") say("", gap);
  }
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Gap& gap : engine.gaps) say(engine.name + ": ", gap);
  }
  return out;
}

}  // namespace bulkhead::learn
