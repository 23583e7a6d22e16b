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
  IpProtocol protocol{};
  std::optional<IpAddress> dialled;  // absent: every address of the host
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
        std::optional<IpAddress> dialled;
        if (!p.host_address.is_unspecified()) dialled = p.host_address;
        for (const model::Address& a : snapshot.namespaces[c.netns->value].addresses)
          out.insert({p.protocol, dialled, p.host_port, a.local, p.container_port});
      }
    }
  }
  return out;
}

Port port_of(ByteView bytes) {
  return Port{static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1])};
}

// The one protocol, port and address to which packets must go that a rule is about.
class Dialled {
 public:
  void operator()(const model::Compare& s) {
    if (s.op != model::CompareOp::kEqual) return;
    const auto* meta = std::get_if<model::MetaTerm>(&s.left.node);
    if (meta != nullptr && meta->key == model::MetaKey::kL4proto && s.right.size() == 1)
      protocol = IpProtocol{s.right[0]};
    const auto* payload = std::get_if<model::PayloadTerm>(&s.left.node);
    if (payload == nullptr || payload->length != s.right.size()) return;
    using model::PayloadBase;
    using model::PayloadTerm;
    if (*payload == PayloadTerm{PayloadBase::kTransport, 2, 2}) port = port_of(s.right);
    if (*payload == PayloadTerm{PayloadBase::kNetwork, 9, 1}) protocol = IpProtocol{s.right[0]};
    if (*payload == PayloadTerm{PayloadBase::kNetwork, 16, 4} ||
        *payload == PayloadTerm{PayloadBase::kNetwork, 24, 16}) {
      if (const auto to = IpAddress::from_octets(s.right)) address = *to;
    }
  }
  void operator()(const model::XtHeader& s) {
    if (s.protocol && !s.protocol_inverted) protocol = *s.protocol;
    const bool whole = s.destination_mask && Prefix::single(*s.destination_mask).last() ==
                                                 Prefix::all(s.destination_mask->family()).last();
    if (s.destination && whole && !s.destination_inverted) address = *s.destination;
  }
  void operator()(const model::XtMatch& s) { std::visit(*this, s.info); }
  void operator()(const xt::Tcp& m) { single(m.destination, m.destination_inverted); }
  void operator()(const xt::Udp& m) { single(m.destination, m.destination_inverted); }
  void operator()(const auto& /*asks of none, or of several*/) {}

  std::optional<IpProtocol> protocol;
  std::optional<Port> port;
  std::optional<IpAddress> address;

 private:
  void single(const xt::PortRange& range, bool inverted) {
    if (!inverted && range.first == range.last) port = range.first;
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
    at_all = at_all || s.target.base != model::PayloadBase::kLink;  // addresses or ports
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

// What is sent to one's own loopback (as Docker does for its resolver) stays there: from elsewhere
// IPv4 takes no such packets (ip_route_input_slow() of net/ipv4/route.c), IPv6 does.
bool stays_inside(const model::NetNs& ns, IpAddress to) {
  return to.is_v4() && to.is_loopback() &&
         std::ranges::none_of(
             ns.links, [](const model::Link& link) { return link.ipv4.route_localnet != 0; });
}

bool is_published(const model::Rule& rule, const model::NetNs& ns, bool on_host,
                  const std::set<Redirect>& published) {
  Sends sends;
  Dialled dialled;
  for (const model::Statement& s : rule.statements) {
    std::visit(sends, s);
    std::visit(dialled, s);
  }
  if (!sends.at_all) return true;
  if (!sends.to) return false;
  if (!on_host) return stays_inside(ns, sends.to->to);
  if (!dialled.port || !dialled.protocol) return false;
  const auto promises = [&](std::optional<IpAddress> at) {
    return published.contains({*dialled.protocol, at, *dialled.port, sends.to->to, sends.to->port});
  };
  return promises(std::nullopt) || (dialled.address && promises(dialled.address));
}

bool takes_more_than_addresses(const model::NetNs& ns) {
  constexpr std::uint8_t kLocal = 2;  // RTN_LOCAL
  std::set<IpAddress> own;
  for (const model::Address& a : ns.addresses) own.insert(a.local);
  return std::ranges::any_of(ns.routes, [&](const model::Route& r) {
    if (r.type != kLocal || r.destination.first().is_loopback()) return false;
    return r.destination.first() != r.destination.last() || !own.contains(r.destination.first());
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
          return is_published(rule, ns, i == snapshot.host.value, published);
        });
        if (!plain) return false;
      }
    }
  }
  return true;
}

}  // namespace bulkhead::plan
