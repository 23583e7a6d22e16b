// Changes of a model, as query/opening.h names them.
#include <algorithm>
#include <limits>

#include "model/find.h"
#include "query/opening.h"

namespace bulkhead::query {
namespace {

void change_chain(model::NetNs& ns, const Change& change) {
  model::Chain& chain = ns.ruleset.tables[change.table].chains[change.chain];
  const auto at = chain.rules.begin() + static_cast<std::ptrdiff_t>(change.rule);
  switch (change.kind) {
    case ChangeKind::kAccept: chain.rules.insert(at, change.accept); return;
    case ChangeKind::kRemove: chain.rules.erase(at); return;
    case ChangeKind::kPolicy:
      if (chain.base) chain.base->policy = model::VerdictKind::kAccept;
      return;
    case ChangeKind::kListen:
    case ChangeKind::kForward:
    case ChangeKind::kReversePath:
    case ChangeKind::kIsolation: return;
  }
}

void listen(model::NetNs& ns, const Change& change) {
  model::Socket socket;
  socket.protocol = change.protocol;
  socket.address = change.address;
  socket.port = change.port;
  socket.v6_only = change.address.is_v6();
  ns.sockets.push_back(std::move(socket));
}

// As writing net.ipv4.ip_forward or net.ipv6.conf.all.forwarding does: all interfaces follow.
void forward(model::NetNs& ns, IpFamily family) {
  if (family == IpFamily::kV4) {
    ns.sysctls.ip_forward = 1;
    ns.sysctls.ipv4_all.forwarding = 1;
    for (model::Link& link : ns.links) link.ipv4.forwarding = 1;
    return;
  }
  ns.sysctls.ipv6_all.forwarding = 1;
  for (model::Link& link : ns.links) {
    if (link.ipv6) link.ipv6->forwarding = 1;
  }
}

// The greater of `all` and the interface's own counts (include/linux/inetdevice.h), so that the
// other interfaces take over what `all` said.
void no_reverse_path(model::NetNs& ns, IfIndex index) {
  const std::int32_t all = ns.sysctls.ipv4_all.rp_filter;
  ns.sysctls.ipv4_all.rp_filter = 0;
  for (model::Link& link : ns.links)
    link.ipv4.rp_filter = link.index == index ? 0 : std::max(all, link.ipv4.rp_filter);
}

bool is_rule(const Change& change) {
  return change.kind == ChangeKind::kAccept || change.kind == ChangeKind::kRemove ||
         change.kind == ChangeKind::kPolicy;
}

void change_other(model::NetNs& ns, const Change& change) {
  model::Link* link = model::find_link(ns, change.link);
  if (change.kind == ChangeKind::kListen) listen(ns, change);
  if (change.kind == ChangeKind::kForward) forward(ns, change.family);
  if (change.kind == ChangeKind::kReversePath) no_reverse_path(ns, change.link);
  if (change.kind == ChangeKind::kIsolation && link != nullptr && link->port)
    link->port->isolated = false;
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAccept: return "accept";
    case ChangeKind::kRemove: return "remove";
    case ChangeKind::kPolicy: return "policy";
    case ChangeKind::kListen: return "listen";
    case ChangeKind::kForward: return "forward";
    case ChangeKind::kReversePath: return "reverse-path";
    case ChangeKind::kIsolation: return "isolation";
  }
  return "";
}

// From the last position of a chain to its first, so that those before stay where they are; at one
// position the rule is taken out before others are put in its place.
void make_changes(model::Snapshot& copy, std::span<const Change> changes) {
  std::vector<const Change*> rules;
  for (const Change& change : changes) {
    if (change.ns.value >= copy.namespaces.size()) continue;
    if (is_rule(change)) {
      rules.push_back(&change);
    } else {
      change_other(copy.namespaces[change.ns.value], change);
    }
  }
  std::ranges::stable_sort(rules, [](const Change* a, const Change* b) {
    if (a->rule != b->rule) return a->rule > b->rule;
    return a->kind == ChangeKind::kRemove && b->kind != ChangeKind::kRemove;
  });
  for (const Change* change : rules) change_chain(copy.namespaces[change->ns.value], *change);
}

}  // namespace bulkhead::query
