#include "plan/redirects.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

namespace bulkhead::plan {
namespace {

namespace xt = model::xt;

struct Redirect {  // from a port of the host to a container
  Port host_port;
  IpAddress to;
  Port port;
  friend auto operator<=>(const Redirect&, const Redirect&) = default;
};

std::set<Redirect> promised(const model::Snapshot& snapshot) {
  std::set<Redirect> out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (!c.netns || c.netns->value >= snapshot.namespaces.size()) continue;
      for (const model::PublishedPort& p : c.published) {
        for (const model::Address& a : snapshot.namespaces[c.netns->value].addresses)
          out.insert({p.host_port, a.local, p.container_port});
      }
    }
  }
  return out;
}

Port port_of(ByteView bytes) {
  return Port{static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1])};
}

// The one port to which packets must go that a rule is about.
class DialledPort {
 public:
  void operator()(const model::Compare& s) {
    const auto* payload = std::get_if<model::PayloadTerm>(&s.left.node);
    const bool port =
        payload != nullptr && *payload == model::PayloadTerm{model::PayloadBase::kTransport, 2, 2};
    if (port && s.op == model::CompareOp::kEqual && s.right.size() == 2) found = port_of(s.right);
  }
  void operator()(const model::XtMatch& s) { std::visit(*this, s.info); }
  void operator()(const xt::Tcp& m) { single(m.destination, m.destination_inverted); }
  void operator()(const xt::Udp& m) { single(m.destination, m.destination_inverted); }
  void operator()(const auto& /*asks of no port, or of several*/) {}

  std::optional<Port> found;

 private:
  void single(const xt::PortRange& range, bool inverted) {
    if (!inverted && range.first == range.last) found = range.first;
  }
};

const Bytes* constant(const std::optional<model::Term>& term) {
  if (!term) return nullptr;
  const auto* c = std::get_if<model::ConstantTerm>(&term->node);
  return c == nullptr ? nullptr : &c->bytes;
}

// Where a rule sends packets.
class Sends {
 public:
  // nullopt of `to`: somewhere, or it is not known.
  struct Where {
    IpAddress to;
    Port port;
  };
  bool at_all = false;
  std::optional<Where> to;

  void operator()(const model::Nat& s) {
    if (s.kind == model::NatKind::kSnat || s.kind == model::NatKind::kMasquerade) return;
    at_all = true;
    const Bytes* address = constant(s.address);
    const Bytes* port = constant(s.port);
    if (s.kind != model::NatKind::kDnat || address == nullptr || port == nullptr) return;
    if (s.address_max && *s.address_max != *s.address) return;
    if (s.port_max && *s.port_max != *s.port) return;
    const auto ip = IpAddress::from_octets(*address);
    if (ip && port->size() == 2) to = Where{*ip, port_of(*port)};
  }
  void operator()(const model::SetPayload& s) {
    at_all = at_all || s.target.base == model::PayloadBase::kNetwork;
  }
  void operator()(const model::Tproxy&) { at_all = true; }
  void operator()(const model::Forward&) { at_all = true; }
  void operator()(const model::OpaqueStatement&) { at_all = true; }
  void operator()(const model::XtTarget& s) { std::visit(*this, s.info); }
  void operator()(const xt::NatTarget& t) {
    if (t.kind == xt::NatTargetKind::kSnat || t.kind == xt::NatTargetKind::kMasquerade) return;
    at_all = true;
    if (t.kind != xt::NatTargetKind::kDnat || !t.addresses || !t.ports) return;
    if (t.addresses->first == t.addresses->last && t.ports->first == t.ports->last)
      to = Where{t.addresses->first, t.ports->first};
  }
  void operator()(const xt::TproxyTarget&) { at_all = true; }
  void operator()(const xt::Opaque&) { at_all = true; }
  void operator()(const auto& /*leaves destinations alone*/) {}
};

bool is_published(const model::Rule& rule, bool on_host, const std::set<Redirect>& published) {
  Sends sends;
  DialledPort port;
  for (const model::Statement& s : rule.statements) {
    std::visit(sends, s);
    std::visit(port, s);
  }
  if (!sends.at_all) return true;
  if (!sends.to) return false;
  // What is sent to one's own loopback (as Docker does for its resolver) stays there.
  if (!on_host) return sends.to->to.is_loopback();
  return port.found && published.contains({*port.found, sends.to->to, sends.to->port});
}

bool takes_more_than_addresses(const model::NetNs& ns) {
  constexpr std::uint8_t kLocal = 2;  // RTN_LOCAL
  return std::ranges::any_of(ns.routes, [](const model::Route& r) {
    return r.type == kLocal && !r.destination.first().is_loopback() &&
           r.destination.length() < r.destination.address().bits();
  });
}

}  // namespace

bool only_published_ports_lead(const model::Snapshot& snapshot) {
  const std::set<Redirect> published = promised(snapshot);
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    const model::NetNs& ns = snapshot.namespaces[i];
    if (takes_more_than_addresses(ns)) return false;
    for (const model::Table& table : ns.ruleset.tables) {
      for (const model::Chain& chain : table.chains) {
        const bool plain = std::ranges::all_of(chain.rules, [&](const model::Rule& rule) {
          return is_published(rule, i == snapshot.host.value, published);
        });
        if (!plain) return false;
      }
    }
  }
  return true;
}

}  // namespace bulkhead::plan
