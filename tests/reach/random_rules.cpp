#include "reach/random_rules.h"

#include <algorithm>

namespace bulkhead::reach::testing {

using namespace trace::testing;  // NOLINT: the words with which rules are written
namespace x = model::xt;

// -------------------------------------------------------------------------------- statements

model::Verdict RandomRules::verdict(std::size_t chain) {
  using V = model::VerdictKind;
  const bool deeper = chain < kUserChains;
  const std::string next =
      "c" + std::to_string(chain + 1 +
                           (deeper ? below(static_cast<std::uint32_t>(kUserChains - chain)) : 0));
  switch (below(10)) {
    case 0:
    case 1: return trace::testing::verdict(V::kDrop);
    case 2: return trace::testing::verdict(V::kReturn);
    case 3:
    case 4:
    case 5:
      return deeper ? trace::testing::verdict(V::kJump, next) : trace::testing::verdict(V::kAccept);
    case 6:
      return deeper ? trace::testing::verdict(V::kGoto, next) : trace::testing::verdict(V::kDrop);
    case 7:
      return one_in(4) ? trace::testing::verdict(V::kQueue) : trace::testing::verdict(V::kContinue);
    default: return trace::testing::verdict(V::kAccept);
  }
}

model::Statement RandomRules::nft_match() {
  if (kinds_.sets && one_in(3)) {
    Drawn key = term(1);
    if (one_in(2) && key.width <= 16) {
      Drawn second = leaf();
      const auto a = key.value, b = second.value;
      const std::size_t first_width = (key.width + 3) / 4 * 4;
      const std::size_t width = first_width + (second.width + 3) / 4 * 4;
      const std::vector<std::uint32_t> fields = {static_cast<std::uint32_t>(key.width),
                                                 static_cast<std::uint32_t>(second.width)};
      key = {concat({key.term, second.term}), width, [a, b] { return joined({a(), b()}); }};
      model::SetDef set = set_for(key, false, 0, 0);
      set.field_lengths = fields;
      sets_.push_back(set);
      return in_set(key.term, set.name, one_in(3));
    }
    const model::SetDef set = set_for(key, false, 0, 0);
    sets_.push_back(set);
    return in_set(key.term, set.name, one_in(3));
  }
  Drawn d = term(2);
  Bytes value = d.value();
  if (one_in(6)) value.resize(1 + below(static_cast<std::uint32_t>(value.size())));
  if (one_in(4)) {
    Bytes other = d.value();
    other.resize(value.size());
    if (other < value && !one_in(8)) std::swap(other, value);
    return range(std::move(d.term), value, other, one_in(3));
  }
  const auto op = one_in(2) ? model::CompareOp::kEqual : static_cast<model::CompareOp>(below(6));
  if (op != model::CompareOp::kEqual && one_in(3)) value = plus(value, one_in(2) ? 1 : -1);
  return cmp(std::move(d.term), op, std::move(value));
}

model::Statement RandomRules::header() {
  model::XtHeader h;
  const IpAddress mask =
      ip(family_ == IpFamily::kV4
             ? of<std::string>({"255.255.255.255", "255.255.255.0", "255.0.0.0", "255.0.255.0"})
             : of<std::string>({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                "ffff:ffff:ffff:ffff::", "ffff::", "ffff:0:ffff::"}));
  if (one_in(2)) h.source = ip_address(), h.source_mask = mask;
  if (one_in(2)) h.destination = ip_address(), h.destination_mask = mask;
  h.source_inverted = h.source && one_in(4);
  h.destination_inverted = h.destination && one_in(4);
  h.in_interface = of<std::string>({"", "", "eth0", "eth+", "+", "br+", "wg0", "lo"});
  h.out_interface = of<std::string>({"", "", "", "br-0123", "veth+", "docker0"});
  h.in_inverted = !h.in_interface.empty() && one_in(4);
  h.out_inverted = !h.out_interface.empty() && one_in(4);
  if (one_in(2)) h.protocol = static_cast<IpProtocol>(of(some_protocols()));
  h.protocol_inverted = h.protocol && one_in(4);
  h.fragment = one_in(20);
  return h;
}

model::Statement RandomRules::conntrack() {
  x::Conntrack m;
  if (!one_in(4))
    m.state_mask =
        static_cast<std::uint16_t>(of<std::uint32_t>({1, 2, 4, 6, 8, 10, 64, 128, 256, 0x14e}));
  m.state_inverted = m.state_mask && one_in(4);
  if (one_in(3)) {
    switch (below(7)) {
      case 0:
        m.protocol = static_cast<std::uint8_t>(of(some_protocols()));
        m.protocol_inverted = one_in(3);
        break;
      case 1:
        m.original_source = x::AddressMask{
            ip_address(), family_ == IpFamily::kV4 ? ip("255.255.255.0") : ip("ffff:ffff::")};
        m.original_source_inverted = one_in(3);
        break;
      case 2:
        m.reply_destination = x::AddressMask{
            ip_address(), family_ == IpFamily::kV4 ? ip("255.255.255.255") : ip("ffff:ffff::")};
        break;
      case 3:
        m.status_mask = static_cast<std::uint16_t>(of<std::uint32_t>({2, 4, 8, 48, 256}));
        m.status_inverted = one_in(3);
        break;
      case 4:
        m.original_destination_port =
            x::PortRange{Port{80}, Port{static_cast<std::uint16_t>(port())}};
        break;
      case 5: m.direction_original = one_in(2); break;
      default:
        if (kinds_.may) m.expires_min = 5;
        break;
    }
  }
  return xt("conntrack", m);
}

model::Statement RandomRules::ipset_match() {
  model::IpSet set;
  set.name = "i" + std::to_string(next_);
  set.index = static_cast<std::uint32_t>(next_++);
  set.type =
      of<std::string>({"hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:net,net",
                       "hash:ip,mark", "hash:net,iface", "hash:mac", "bitmap:ip", "bitmap:port",
                       "hash:ip,port,net", "bitmap:ip,mac", "hash:ip,mac"});
  if (one_in(2) || set.type.find("ip") != std::string::npos) set.family = family_;
  if (set.type.starts_with("bitmap") || set.type == "hash:mac") set.family.reset();
  if (set.type == "hash:ip" && one_in(3)) set.netmask_length = family_ == IpFamily::kV4 ? 24 : 64;
  if (set.type == "hash:ip,mark" && one_in(2)) set.mark_mask = 0xff;
  for (std::uint32_t n = below(5); n > 0; --n) {
    model::IpSetEntry e;
    const bool net = set.type.find("net") != std::string::npos;
    const unsigned length = net ? of<std::uint32_t>({8, 24, 32, 64, 128}) : 128U;
    IpAddress a = ip_address();
    if (set.netmask_length) a = Prefix::covering(a, *set.netmask_length).address();
    e.prefix = Prefix::covering(a, length);
    if (set.type == "bitmap:ip" && one_in(2) && e.prefix->last() < ip("10.0.1.3"))
      e.last_address = ip("10.0.1.3");
    const IpAddress second = ip_address();
    e.prefix2 = Prefix::covering(second, of<std::uint32_t>({8, 24, 64, 128}));
    e.port = Port{port()};
    if (one_in(3)) e.last_port = Port{static_cast<std::uint16_t>(std::max(port(), e.port->number))};
    if (set.type != "bitmap:port") e.protocol = static_cast<std::uint8_t>(of(some_protocols()));
    e.mark = mark() & set.mark_mask;
    if (!(set.type == "bitmap:ip,mac" && one_in(3)))
      e.mac = MacAddress({2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(3))});
    e.interface = name();
    e.nomatch = net && one_in(4);
    const auto same = [&](const model::IpSetEntry& o) { return o.prefix == e.prefix; };
    if (net && std::any_of(set.entries.begin(), set.entries.end(), same)) continue;
    set.entries.push_back(std::move(e));
  }
  x::Set m;
  m.index = set.index;
  for (std::size_t i = 0; i < 3; ++i) m.dimension_source.push_back(one_in(2));
  if (one_in(10)) m.dimension_source.resize(1);
  m.inverted = one_in(4);
  m.return_nomatch = one_in(4);
  m.counters_asked = kinds_.may && one_in(8);
  ipsets_.push_back(std::move(set));
  if (one_in(10)) {  // a list of it
    model::IpSet list;
    list.name = "l" + std::to_string(next_);
    list.index = static_cast<std::uint32_t>(next_++);
    list.type = "list:set";
    model::IpSetEntry member;
    member.member_set = ipsets_.back().name;
    list.entries = {member};
    m.index = list.index;
    ipsets_.push_back(std::move(list));
  }
  return xt("set", m);
}

model::Statement RandomRules::xt_match() {
  switch (below(kinds_.may ? 21 : 19)) {
    case 0: {
      x::Tcp m;
      m.destination = {Port{port()}, Port{port()}};
      if (one_in(2)) m.source = {Port{0}, Port{port()}};
      m.destination_inverted = one_in(4);
      m.flag_mask = static_cast<std::uint8_t>(below(64));
      m.flag_value = static_cast<std::uint8_t>(below(64) & m.flag_mask);
      m.flags_inverted = one_in(4);
      if (one_in(2)) m.flag_mask = m.flag_value = 0, m.flags_inverted = false;
      return xt("tcp", m);
    }
    case 1: {
      x::Udp m;
      m.destination = {Port{port()}, Port{port()}};
      m.source_inverted = one_in(8);
      m.destination_inverted = one_in(4);
      return xt("udp", m);
    }
    case 2: {
      x::Icmp m;
      m.type = static_cast<std::uint8_t>(of<std::uint32_t>({0, 3, 8, 128, 255}));
      m.code_last = static_cast<std::uint8_t>(of<std::uint32_t>({0, 255}));
      m.inverted = one_in(4);
      return xt("icmp", m);
    }
    case 3: {
      x::Multiport m;
      m.side = static_cast<x::MultiportSide>(below(3));
      for (std::uint32_t n = 1 + below(3); n > 0; --n) {
        const std::uint16_t first = port();
        m.ports.push_back({Port{first}, Port{one_in(2) ? first : port()}});
      }
      m.inverted = one_in(4);
      return xt("multiport", m);
    }
    case 4:
    case 5: return conntrack();
    case 6:
      return xt("mac", x::Mac{MacAddress({2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(3))}),
                              one_in(3)});
    case 7:
      if (kinds_.routes) {
        x::Addrtype m;
        m.destination_mask =
            static_cast<std::uint16_t>(of<std::uint32_t>({4, 2, 6, 32, 8, 128, 0}));
        m.source_mask = static_cast<std::uint16_t>(of<std::uint32_t>({0, 0, 4, 1, 34}));
        m.destination_inverted = one_in(3);
        m.source_inverted = one_in(3);
        m.limit_in = one_in(4);
        m.limit_out = !m.limit_in && one_in(4);
        return xt("addrtype", m);
      }
      return conntrack();
    case 8: {
      x::Iprange m;
      const auto some_range = [this] {
        const IpAddress a = ip_address(), b = ip_address();
        return a < b ? x::AddressRange{a, b} : x::AddressRange{b, a};
      };
      if (one_in(2)) m.source = some_range();
      if (one_in(2)) m.destination = some_range();
      m.source_inverted = one_in(4);
      m.destination_inverted = one_in(4);
      return xt("iprange", m);
    }
    case 9: return xt("pkttype", x::Pkttype{below(5), one_in(3)});
    case 10: {
      const std::uint32_t mask = of<std::uint32_t>({0xffffffff, 0xff, 0x4000, 0xf0f0});
      return xt("mark", x::Mark{one_in(3), one_in(6) ? mark() : mark() & mask, mask, one_in(4)});
    }
    case 11: {
      x::Owner m;
      if (one_in(2)) m.uid = x::IdRange{33, of<std::uint32_t>({33, 1000})};
      if (one_in(3)) m.gid = x::IdRange{0, 1000};
      m.uid_inverted = m.uid && one_in(3);
      m.gid_inverted = m.gid && one_in(3);
      m.socket_exists = one_in(3);
      m.socket_exists_inverted = m.socket_exists && one_in(3);
      m.supplementary_groups = one_in(8);
      return xt("owner", m);
    }
    case 12:
      return xt("ttl", x::Hop{static_cast<x::HopOp>(below(4)),
                              static_cast<std::uint8_t>(of<std::uint32_t>({0, 64, 63, 255}))});
    case 13:
      if (kinds_.routes)
        return xt("rpfilter", x::Rpfilter{one_in(2), one_in(2), one_in(2), one_in(2)});
      return conntrack();
    case 14: {
      x::Physdev m;
      if (one_in(2)) m.in = of<std::string>({"veth+", "eth0", "veth1"});
      if (one_in(3)) m.out = of<std::string>({"veth+", "eth1"});
      m.in_inverted = m.in && one_in(3);
      m.out_inverted = m.out && one_in(3);
      m.is_bridged = one_in(3);
      m.is_bridged_inverted = m.is_bridged && one_in(2);
      m.is_in = one_in(4);
      m.is_in_inverted = m.is_in && one_in(2);
      m.is_out = one_in(4);
      m.is_out_inverted = m.is_out && one_in(2);
      return xt("physdev", m);
    }
    case 15:
      return xt("length", x::Length{static_cast<std::uint16_t>(40 + below(40)),
                                    static_cast<std::uint16_t>(40 + below(80)), one_in(4)});
    case 16:
      return xt("dscp", x::Dscp{static_cast<std::uint8_t>(below(8) * 4),
                                static_cast<std::uint8_t>(of<std::uint32_t>({0xfc, 0xff, 0x1c})),
                                one_in(4)});
    case 17:
      return one_in(2) ? xt("helper", x::Helper{"ftp", one_in(2)})
                       : xt("comment", x::Comment{"said"});
    case 18: return ipset_match();
    case 19: return xt("limit", x::May{"--limit 5/s"});
    default: return xt("u32", x::Opaque{});
  }
}

model::Statement RandomRules::match() {
  if (kinds_.may && one_in(8)) return model::May{"limit", "rate 5/second", one_in(2)};
  if (kinds_.xt && point_ <= HookPoint::kIpPostrouting && one_in(2)) {
    return one_in(4) ? header() : xt_match();
  }
  return nft_match();
}

model::Statement RandomRules::xt_change() {
  const std::uint32_t mask = of<std::uint32_t>({0xffffffff, 0xff, 0x4000, 0xf0f0});
  switch (below(5)) {
    case 0: return target("MARK", x::MarkTarget{mark(), mask});
    case 1:
      return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kSet, mark(), mask, 0, one_in(2),
                                                  static_cast<std::uint8_t>(one_in(3) ? 4 : 0)});
    case 2:
      return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kSave, 0, mask, mask, false,
                                                  static_cast<std::uint8_t>(one_in(6) ? 4 : 0)});
    case 3:
      return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kRestore, 0, mask, mask, false,
                                                  static_cast<std::uint8_t>(one_in(6) ? 8 : 0)});
    default: return target("CT", x::CtTarget{one_in(2), 0, {}});
  }
}

model::Statement RandomRules::change() {
  if (kinds_.xt && point_ <= HookPoint::kIpPostrouting && one_in(3)) return xt_change();
  const bool v4 = family_ == IpFamily::kV4;
  switch (below(9)) {
    case 0: return set_mark(mark());
    case 1: {
      Drawn d = term(1);
      return model::SetMeta{model::MetaKey::kMark, std::move(d.term)};
    }
    case 2: {
      const Bytes mask = le32(of<std::uint32_t>({0xffffff00, 0xffffbfff}));
      return model::SetMeta{model::MetaKey::kMark,
                            masked(trace::testing::meta(model::MetaKey::kMark), mask,
                                   le32(of<std::uint32_t>({1, 0x4000})))};
    }
    case 3:
      return model::SetCt{
          model::CtKey::kMark,
          one_in(2) ? trace::testing::meta(model::MetaKey::kMark) : constant(le32(mark())),
          {}};
    case 4: return model::SetMeta{model::MetaKey::kMark, trace::testing::ct(model::CtKey::kMark)};
    case 5: return model::Notrack{};
    case 6:
      return model::SetMeta{model::MetaKey::kPkttype,
                            constant(bytes({static_cast<int>(below(5))}))};
    case 7:
      return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 8U : 7U, 1},
                               constant(bytes({static_cast<int>(63 + below(2))}))};
    default: break;
  }
  const std::uint32_t wide = v4 ? 4 : 16;
  if (one_in(3))
    return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 16U : 24U, wide},
                             constant(address())};
  if (one_in(2))
    return model::SetPayload{{model::PayloadBase::kTransport, 2, 2}, constant(be16(port()))};
  return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 1U : 0U, v4 ? 1U : 2U},
                           constant(v4 ? bytes({16}) : bytes({0x61, 0}))};
}

model::Statement RandomRules::nat() {
  if (kinds_.xt && one_in(2)) {
    x::NatTarget t;
    t.kind = static_cast<x::NatTargetKind>(below(5));
    if (one_in(2)) t.addresses = x::AddressRange{ip_address(), ip_address()};
    if (one_in(2)) t.ports = x::PortRange{Port{80}, Port{port()}};
    return target("NAT", t);
  }
  model::Nat n;
  n.kind = static_cast<model::NatKind>(below(4));
  if (one_in(4)) n.family = one_in(3) ? IpFamily::kV6 : IpFamily::kV4;
  if (n.kind == model::NatKind::kDnat || n.kind == model::NatKind::kSnat)
    n.address = constant(address());
  if (one_in(3)) n.address_max = constant(address());
  if (kinds_.sets && one_in(2)) {
    const Drawn key = term(1);
    if (one_in(2)) {
      const model::SetDef set = set_for(key, false, 2, 0);
      sets_.push_back(set);
      n.port = map_of(set.name, key.term);
    } else {  // an address and a port from one map
      const std::uint32_t wide = family_ == IpFamily::kV4 ? 4 : 16;
      model::SetDef set = set_for(key, false, wide, 0);
      for (model::SetElement& e : set.elements) e.data = joined({address(), be16(port())});
      sets_.push_back(set);
      n.address_max.reset();
      n.address = {model::MapTerm{set.name, {key.term}, 0, wide}};
      n.port = {model::MapTerm{set.name, {key.term}, wide, 2}};
    }
  } else if (one_in(3)) {
    n.port = constant(be16(port()));
  }
  return n;
}

model::Statement RandomRules::decision(std::size_t chain) {
  if (kinds_.nat && !one_in(3)) return nat();
  if (kinds_.sets && one_in(5)) {
    const Drawn key = term(1);
    model::SetDef set = set_for(key, true, 0, chain);
    sets_.push_back(set);
    return vmap(key.term, set.name);
  }
  if (one_in(8))
    return model::Reject{static_cast<model::RejectKind>(below(3)),
                         static_cast<std::uint8_t>(below(4))};
  if (kinds_.xt && point_ <= HookPoint::kIpPostrouting && one_in(8)) {
    return target("REJECT", x::RejectTarget{one_in(2), one_in(8), 3});
  }
  if (kinds_.may && one_in(12)) return model::OpaqueStatement{"weird", {}};
  return model::Decide{verdict(chain)};
}

model::Rule RandomRules::rule(std::size_t chain) {
  std::vector<model::Statement> out;
  for (std::uint32_t n = below(4); n > 0; --n) out.push_back(match());
  if (kinds_.effects && one_in(4)) {
    out.push_back(change());
    if (one_in(3)) out.push_back(match());
    if (one_in(4)) out.push_back(change());
  }
  if (one_in(10)) out.push_back(model::Observe{"counter", {}, {}, {}});
  if (!one_in(5)) out.push_back(decision(chain));
  return trace::testing::rule(std::move(out));
}

model::Table RandomRules::table() {
  using model::Hook;
  using F = model::NfFamily;
  sets_.clear();
  F family = F::kInet;
  Hook hook = static_cast<Hook>(static_cast<int>(point_) % 5);
  if (point_ >= HookPoint::kBridgePrerouting) family = F::kBridge;
  if (point_ == HookPoint::kNetdevIngress) family = F::kNetdev, hook = Hook::kIngress;
  if (point_ == HookPoint::kNetdevEgress) family = F::kNetdev, hook = Hook::kEgress;
  if (point_ == HookPoint::kInetIngress) family = F::kInet, hook = Hook::kIngress;
  if (point_ <= HookPoint::kIpPostrouting && one_in(2)) {
    family = one_in(5) != (family_ == IpFamily::kV4) ? F::kIp : F::kIp6;
  }
  const auto rules = [&](std::size_t chain) {
    std::vector<model::Rule> out;
    for (std::uint32_t n = below(6); n > 0; --n) out.push_back(rule(chain));
    return out;
  };
  std::vector<model::Chain> chains;
  for (std::uint32_t n = 1 + below(2); n > 0; --n) {
    const auto priority = of<std::int32_t>({-150, 0, 0, 10});
    auto first = rules(0);
    auto c = base("b" + std::to_string(n), hook, priority, std::move(first),
                  one_in(4) ? model::VerdictKind::kDrop : model::VerdictKind::kAccept,
                  kinds_.nat ? model::ChainType::kNat : model::ChainType::kFilter);
    c.handle = ++next_;
    if (point_ >= HookPoint::kNetdevIngress) c.base->devices = {name(), "eth*"};
    chains.push_back(std::move(c));
  }
  for (std::size_t i = 1; i <= kUserChains; ++i) {
    chains.push_back(chain("c" + std::to_string(i), rules(i)));
  }
  model::Table out = trace::testing::table(family, std::move(chains), sets_);
  out.handle = ++next_;
  out.dormant = one_in(20);
  const bool ip_family = family == F::kIp || family == F::kIp6;
  if (kinds_.xt && ip_family && one_in(3)) {
    out.backend = model::TableBackend::kLegacy;
    out.name = kinds_.nat ? "nat" : "filter";
  }
  return out;
}

model::Ruleset RandomRules::ruleset() {
  model::Ruleset out;
  for (std::uint32_t n = 1 + below(3); n > 0; --n) out.tables.push_back(table());
  out.ipsets = ipsets_;
  return out;
}

}  // namespace bulkhead::reach::testing
