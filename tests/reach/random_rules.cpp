#include "reach/random_rules.h"

#include <algorithm>

namespace bulkhead::reach::testing {

using namespace trace::testing;  // NOLINT: the words with which rules are written
namespace x = model::xt;

namespace {

constexpr std::size_t kUserChains = 3;
const std::vector<std::uint32_t> kProtocols = {6, 6, 6, 17, 17, 1, 58, 132, 136, 33, 47, 0, 255};

const std::vector<std::string>& v4_addresses() {
  static const std::vector<std::string> kAll = {
      "10.0.0.2", "10.0.1.3",  "10.0.0.1",        "10.0.0.255",  "10.0.1.255",  "0.0.0.0",
      "0.0.0.9",  "127.0.0.1", "255.255.255.255", "192.168.7.9", "172.16.0.1",  "224.0.0.5",
      "11.0.0.0", "10.0.1.1",  "9.255.255.255",   "10.128.0.0",  "192.168.0.0", "8.8.8.8"};
  return kAll;
}
const std::vector<std::string>& v6_addresses() {
  static const std::vector<std::string> kAll = {
      "fd00::2", "fd00:1::3", "fd00::1", "fd00:1::1", "::",        "::1",
      "fe80::5", "ff02::1",   "fd01::",  "fcff::",    "fd00:0:0:1::", "2001:db8::7",
      "::ffff:10.0.0.2", "fd00::ffff:ffff:ffff:ffff"};
  return kAll;
}

Bytes number(std::uint64_t n, std::size_t width, bool little) {
  Bytes out(width);
  for (std::size_t i = 0; i < width && i < 8; ++i) {
    out[little ? i : width - 1 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  }
  return out;
}

Bytes plus(Bytes bytes, int step) {  // memcmp order
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const int now = bytes[i] + step;
    bytes[i] = static_cast<std::uint8_t>(now);
    if (now >= 0 && now <= 255) break;
  }
  return bytes;
}

}  // namespace

RandomRules::RandomRules(std::uint32_t seed, IpFamily family, HookPoint point, Kinds kinds)
    : random_(seed), family_(family), point_(point), kinds_(kinds) {}

IpAddress RandomRules::ip_address() {
  return ip(of(family_ == IpFamily::kV4 ? v4_addresses() : v6_addresses()));
}
Bytes RandomRules::address() {
  const IpAddress a = ip_address();
  return Bytes(a.octets().begin(), a.octets().end());
}
std::uint16_t RandomRules::port() {
  return static_cast<std::uint16_t>(
      of<std::uint32_t>({0, 1, 22, 79, 80, 81, 256, 443, 1024, 32768, 65535, 8 << 8, 3 << 8 | 1}));
}
std::uint32_t RandomRules::mark() {
  return of<std::uint32_t>({0, 1, 5, 0x10, 0xff, 0x100, 0x4000, 0x10000000, 0xffffffff});
}
std::string RandomRules::name() {
  return of<std::string>({"lo", "eth0", "eth1", "br-0123", "docker0", "veth1", "wg0", "none", "",
                          "averylongname15"});
}

// ------------------------------------------------------------------------------------ terms

RandomRules::Drawn RandomRules::payload() {
  using model::PayloadBase;
  const bool v4 = family_ == IpFamily::kV4;
  const std::uint32_t wide = v4 ? 4 : 16;
  switch (below(12)) {
    case 0: return {net(v4 ? 12 : 8, wide), wide, [this] { return address(); }};
    case 1: return {net(v4 ? 16 : 24, wide), wide, [this] { return address(); }};
    case 2: return {th(0, 2), 2, [this] { return be16(port()); }};
    case 3: return {th(2, 2), 2, [this] { return be16(port()); }};
    case 4: return {th(13, 1), 1, [this] { return bytes({static_cast<int>(below(64))}); }};
    case 5: return {net(v4 ? 9 : 6, 1), 1, [this] { return bytes({static_cast<int>(of(kProtocols))}); }};
    case 6: return {net(v4 ? 8 : 7, 1), 1, [this] { return bytes({static_cast<int>(63 + below(3))}); }};
    case 7: return {th(0, 1), 1, [this] { return bytes({static_cast<int>(below(12))}); }};
    case 8: return {ll(6, 6), 6, [this] { return bytes({2, 0, 0, 0, 0, static_cast<int>(below(3))}); }};
    case 9: return {net(0, 2), 2, [this] { return bytes({0x45 + static_cast<int>(below(2)), static_cast<int>(below(8)) * 4}); }};
    case 10: return {net(v4 ? 2 : 4, 2), 2, [this] { return be16(of<std::uint32_t>({40, 60, 80, 100, 20})); }};
    default: break;
  }
  // Anywhere, with bytes that are not known and bytes behind the packet's end.
  const std::uint32_t length = 1 + below(4), offset = below(v4 ? 24 : 44);
  return {trace::testing::payload(static_cast<PayloadBase>(below(3)), offset, length), length,
          [this, length] { return number(of<std::uint32_t>({0, 1, 6, 60, 80, 0x45, 0x0a000001, 255}), length, false); }};
}

RandomRules::Drawn RandomRules::meta() {
  using K = model::MetaKey;
  const auto m = [](K key) { return trace::testing::meta(key); };
  const auto le = [this](std::vector<std::uint32_t> list, std::size_t width) {
    return [this, list, width] { return number(of(list), width, true); };
  };
  switch (below(20)) {
    case 0: return {m(K::kL4proto), 1, [this] { return bytes({static_cast<int>(of(kProtocols))}); }};
    case 1: return {m(K::kNfproto), 1, [this] { return bytes({of<int>({2, 10, 7, 5})}); }};
    case 2: return {m(K::kProtocol), 2, [this] { return be16(of<std::uint32_t>({0x800, 0x86dd, 0x806})); }};
    case 3: return {m(K::kPkttype), 1, [this] { return bytes({static_cast<int>(below(5))}); }};
    case 4:
    case 5: return {m(K::kMark), 4, [this] { return le32(mark()); }};
    case 6: return {m(K::kIif), 4, le({0, 1, 2, 3, 6, 9}, 4)};
    case 7: return {m(K::kOif), 4, le({0, 1, 2, 3, 6, 9}, 4)};
    case 8:
    case 9: return {m(K::kIifname), 16, [this] { return trace::testing::name(name()); }};
    case 10: return {m(K::kOifname), 16, [this] { return trace::testing::name(name()); }};
    case 11: return {m(K::kIiftype), 2, le({1, 772, 65534}, 2)};
    case 12: return {m(K::kOiftype), 2, le({1, 772, 65534}, 2)};
    case 13: return {m(K::kSkuid), 4, le({0, 33, 1000, 1001}, 4)};
    case 14: return {m(K::kSkgid), 4, le({0, 33, 1000, 1001}, 4)};
    case 15: return {m(K::kLength), 4, le({40, 60, 74, 80, 100}, 4)};
    case 16: return {m(K::kIifkind), 16, [this] { return trace::testing::name(of<std::string>({"bridge", "veth", "vrf"})); }};
    case 17: return {m(K::kOifgroup), 4, le({0, 7, 8}, 4)};
    case 18: return {m(K::kSdif), 4, le({0, 1}, 4)};
    default: return {m(K::kNftrace), 1, [] { return bytes({0}); }};
  }
}

RandomRules::Drawn RandomRules::ct() {
  using K = model::CtKey;
  const auto side = one_in(2) ? model::CtDirection::kOriginal : model::CtDirection::kReply;
  const auto c = [&](K key) { return trace::testing::ct(key, side); };
  const std::size_t wide = family_ == IpFamily::kV4 ? 4 : 16;
  switch (below(12)) {
    case 0:
    case 1:
    case 2: return {c(K::kState), 4, [this] { return le32(of<std::uint32_t>({1, 2, 4, 8, 64, 10})); }};
    case 3: return {c(K::kStatus), 4, [this] { return le32(of<std::uint32_t>({0, 2, 16, 32, 8, 48})); }};
    case 4:
    case 5: return {c(K::kMark), 4, [this] { return le32(mark()); }};
    case 6: return {c(K::kDirection), 1, [this] { return bytes({static_cast<int>(below(2))}); }};
    case 7: return {c(one_in(2) ? K::kSrc : K::kDst), wide, [this] { return address(); }};
    case 8: return {c(one_in(2) ? K::kSrcIp : K::kDstIp6), wide, [this] { return address(); }};
    case 9: return {c(one_in(2) ? K::kProtoSrc : K::kProtoDst), 2, [this] { return be16(port()); }};
    case 10: return {c(K::kZone), 2, [this] { return number(below(2), 2, true); }};
    default: return {c(K::kProtocol), 1, [this] { return bytes({static_cast<int>(of(kProtocols))}); }};
  }
}

RandomRules::Drawn RandomRules::leaf() {
  const std::uint32_t n = below(20);
  if (n < 9) return payload();
  if (n < 14) return meta();
  if (n < 17) return ct();
  if (kinds_.routes && n == 17) {
    model::FibTerm f;
    f.result = static_cast<model::FibResult>(below(3));
    f.daddr = one_in(2);
    f.saddr = !f.daddr;
    f.mark = one_in(3);
    const std::uint32_t device = below(3);
    f.iif = device == 1;
    f.oif = device == 2;
    f.present = f.result != model::FibResult::kAddrtype && one_in(3);
    const bool named = f.result == model::FibResult::kOifname && !f.present;
    return {model::Term{f}, named ? 16U : 4U, [this, named] {
              return named ? trace::testing::name(name()) : le32(below(7));
            }};
  }
  if (kinds_.may && n == 18) {
    if (one_in(2)) {
      return {model::Term{model::ArbitraryTerm{"numgen", 1 + below(3), below(2)}}, 4,
              [this] { return le32(below(4)); }};
    }
    if (one_in(2)) {
      return {trace::testing::meta(one_in(2) ? model::MetaKey::kCpu : model::MetaKey::kTimeHour), 4,
              [this] { return le32(below(3)); }};
    }
    model::ExthdrTerm e;
    e.op = below(3);
    e.length = 1;
    e.present = one_in(2);
    return {model::Term{e}, 1, [this] { return bytes({static_cast<int>(below(2))}); }};
  }
  return payload();
}

RandomRules::Drawn RandomRules::term(unsigned depth) {
  const std::uint32_t n = depth == 0 ? 99 : below(14);
  if (n <= 2) {  // a mask
    Drawn d = leaf();
    Bytes mask(d.width);
    const std::uint32_t kind = below(4);
    const std::uint32_t ones = below(static_cast<std::uint32_t>(d.width * 8 + 1));
    for (std::size_t i = 0; i < d.width * 8; ++i) {
      const bool set = kind == 0 ? one_in(2) : kind == 1 ? i >= ones : i < ones;
      if (set) mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | 0x80U >> i % 8);
    }
    Bytes flip(d.width);
    if (one_in(4)) flip[below(static_cast<std::uint32_t>(d.width))] = static_cast<std::uint8_t>(below(256));
    const auto inner = d.value;
    d.value = [inner, mask, flip] {
      Bytes v = inner();
      for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<std::uint8_t>((v[i] & mask[i]) ^ flip[i]);
      return v;
    };
    d.term = masked(std::move(d.term), mask, flip);
    return d;
  }
  if (n == 3) {
    Drawn d = one_in(2) ? meta() : ct();
    const bool left = one_in(2);
    const std::uint32_t count = of<std::uint32_t>({1, 4, 8, 16});
    if (d.width != 4) return d;
    d.term = {model::ShiftTerm{{std::move(d.term)}, left, count}};
    const auto inner = d.value;
    d.value = [inner, left, count] {
      const Bytes v = inner();
      std::uint32_t number_in = 0;
      for (std::size_t i = 4; i-- > 0;) number_in = number_in << 8 | v[i];
      return le32(left ? number_in << count : number_in >> count);
    };
    return d;
  }
  if (n == 4) {
    Drawn d = leaf();
    if (d.width != 2 && d.width != 4) return d;
    d.term = {model::ByteOrderTerm{{std::move(d.term)}, static_cast<std::uint32_t>(d.width),
                                   static_cast<std::uint32_t>(d.width)}};
    const auto inner = d.value;
    d.value = [inner] {
      Bytes v = inner();
      std::reverse(v.begin(), v.end());
      return v;
    };
    return d;
  }
  if (kinds_.sets && n == 5) {  // a map
    const Drawn key = term(depth - 1);
    const std::uint32_t width = of<std::uint32_t>({2, 4});
    const model::SetDef set = set_for(key, false, width, 0);
    sets_.push_back(set);
    return {map_of(set.name, key.term), width, [this, width] { return data(width); }};
  }
  return leaf();
}

Bytes RandomRules::data(std::uint32_t length) {
  if (length == 2) return be16(port());
  return one_in(2) && length == 4 ? le32(mark()) : number(mark(), length, true);
}

model::SetDef RandomRules::set_for(const Drawn& key, bool verdicts, std::uint32_t data_length,
                                   std::size_t chain) {
  model::SetDef out;
  out.name = "s" + std::to_string(next_++);
  out.key_length = static_cast<std::uint32_t>(key.width);
  const auto* concat = std::get_if<model::ConcatTerm>(&key.term.node);
  std::vector<Bytes> keys;
  for (std::uint32_t n = below(6) + 1; n > 0; --n) keys.push_back(key.value());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    model::SetElement e = element(keys[i]);
    // Intervals do not overlap: up to the next key.
    if (concat == nullptr && one_in(2) && i + 1 < keys.size()) {
      e.last = one_in(2) ? keys[i + 1] : plus(keys[i + 1], -1);
      ++i;
    }
    if (concat != nullptr && one_in(3)) {  // the last field up to its end
      for (std::size_t k = key.width - 2; k < key.width; ++k) e.last[k] = 0xff;
    }
    if (verdicts) e.verdict = verdict(chain);
    if (data_length != 0) e.data = data(data_length);
    out.elements.push_back(std::move(e));
  }
  if (concat != nullptr) {
    // Only disjoint ones, as the kernel has it.
    std::vector<model::SetElement> kept;
    for (const model::SetElement& e : out.elements) {
      const bool clear = std::none_of(kept.begin(), kept.end(), [&](const model::SetElement& o) {
        return std::equal(o.first.begin(), o.first.end() - 2, e.first.begin());
      });
      if (clear) kept.push_back(e);
    }
    out.elements = kept;
  }
  if (one_in(6)) {
    model::SetElement rest;
    rest.catch_all = true;
    if (verdicts) rest.verdict = verdict(chain);
    if (data_length != 0) rest.data = data(data_length);
    out.elements.push_back(rest);
  }
  return out;
}

// -------------------------------------------------------------------------------- statements

model::Verdict RandomRules::verdict(std::size_t chain) {
  using V = model::VerdictKind;
  const bool deeper = chain < kUserChains;
  const std::string next = "c" + std::to_string(chain + 1 + (deeper ? below(static_cast<std::uint32_t>(kUserChains - chain)) : 0));
  switch (below(10)) {
    case 0:
    case 1: return trace::testing::verdict(V::kDrop);
    case 2: return trace::testing::verdict(V::kReturn);
    case 3:
    case 4:
    case 5: return deeper ? trace::testing::verdict(V::kJump, next) : trace::testing::verdict(V::kAccept);
    case 6: return deeper ? trace::testing::verdict(V::kGoto, next) : trace::testing::verdict(V::kDrop);
    case 7: return one_in(4) ? trace::testing::verdict(V::kQueue) : trace::testing::verdict(V::kContinue);
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
  const IpAddress mask = ip(family_ == IpFamily::kV4
                                ? of<std::string>({"255.255.255.255", "255.255.255.0", "255.0.0.0", "255.0.255.0"})
                                : of<std::string>({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::", "ffff::", "ffff:0:ffff::"}));
  if (one_in(2)) h.source = ip_address(), h.source_mask = mask;
  if (one_in(2)) h.destination = ip_address(), h.destination_mask = mask;
  h.source_inverted = h.source && one_in(4);
  h.destination_inverted = h.destination && one_in(4);
  h.in_interface = of<std::string>({"", "", "eth0", "eth+", "+", "br+", "wg0", "lo"});
  h.out_interface = of<std::string>({"", "", "", "br-0123", "veth+", "docker0"});
  h.in_inverted = !h.in_interface.empty() && one_in(4);
  h.out_inverted = !h.out_interface.empty() && one_in(4);
  if (one_in(2)) h.protocol = static_cast<IpProtocol>(of(kProtocols));
  h.protocol_inverted = h.protocol && one_in(4);
  h.fragment = one_in(20);
  return h;
}

model::Statement RandomRules::conntrack() {
  x::Conntrack m;
  if (!one_in(4)) m.state_mask = static_cast<std::uint16_t>(of<std::uint32_t>({1, 2, 4, 6, 8, 10, 64, 128, 256, 0x14e}));
  m.state_inverted = m.state_mask && one_in(4);
  if (one_in(3)) {
    switch (below(7)) {
      case 0: m.protocol = static_cast<std::uint8_t>(of(kProtocols)); m.protocol_inverted = one_in(3); break;
      case 1: m.original_source = x::AddressMask{ip_address(), family_ == IpFamily::kV4 ? ip("255.255.255.0") : ip("ffff:ffff::")}; m.original_source_inverted = one_in(3); break;
      case 2: m.reply_destination = x::AddressMask{ip_address(), family_ == IpFamily::kV4 ? ip("255.255.255.255") : ip("ffff:ffff::")}; break;
      case 3: m.status_mask = static_cast<std::uint16_t>(of<std::uint32_t>({2, 4, 8, 48, 256})); m.status_inverted = one_in(3); break;
      case 4: m.original_destination_port = x::PortRange{Port{80}, Port{static_cast<std::uint16_t>(port())}}; break;
      case 5: m.direction_original = one_in(2); break;
      default: if (kinds_.may) m.expires_min = 5; break;
    }
  }
  return xt("conntrack", m);
}

model::Statement RandomRules::ipset_match() {
  model::IpSet set;
  set.name = "i" + std::to_string(next_);
  set.index = static_cast<std::uint32_t>(next_++);
  set.type = of<std::string>({"hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:net,net",
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
    if (set.type == "bitmap:ip" && one_in(2) && e.prefix->last() < ip("10.0.1.3")) e.last_address = ip("10.0.1.3");
    e.prefix2 = Prefix::covering(ip_address(), of<std::uint32_t>({8, 24, 64, 128}));
    e.port = Port{port()};
    if (one_in(3)) e.last_port = Port{static_cast<std::uint16_t>(std::max(port(), e.port->number))};
    if (set.type != "bitmap:port") e.protocol = static_cast<std::uint8_t>(of(kProtocols));
    e.mark = mark() & set.mark_mask;
    if (!(set.type == "bitmap:ip,mac" && one_in(3))) e.mac = MacAddress({2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(3))});
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
    case 6: return xt("mac", x::Mac{MacAddress({2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(3))}), one_in(3)});
    case 7:
      if (kinds_.routes) {
        x::Addrtype m;
        m.destination_mask = static_cast<std::uint16_t>(of<std::uint32_t>({4, 2, 6, 32, 8, 128, 0}));
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
      const auto both = [this](const IpAddress& a, const IpAddress& b) { return a < b ? x::AddressRange{a, b} : x::AddressRange{b, a}; };
      if (one_in(2)) m.source = both(ip_address(), ip_address());
      if (one_in(2)) m.destination = both(ip_address(), ip_address());
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
    case 12: return xt("ttl", x::Hop{static_cast<x::HopOp>(below(4)), static_cast<std::uint8_t>(of<std::uint32_t>({0, 64, 63, 255}))});
    case 13:
      if (kinds_.routes) return xt("rpfilter", x::Rpfilter{one_in(2), one_in(2), one_in(2), one_in(2)});
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
    case 15: return xt("length", x::Length{static_cast<std::uint16_t>(40 + below(40)), static_cast<std::uint16_t>(40 + below(80)), one_in(4)});
    case 16: return xt("dscp", x::Dscp{static_cast<std::uint8_t>(below(8) * 4), static_cast<std::uint8_t>(of<std::uint32_t>({0xfc, 0xff, 0x1c})), one_in(4)});
    case 17: return one_in(2) ? xt("helper", x::Helper{"ftp", one_in(2)}) : xt("comment", x::Comment{"said"});
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
    case 1: return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kSet, mark(), mask, 0, one_in(2), static_cast<std::uint8_t>(one_in(3) ? 4 : 0)});
    case 2: return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kSave, 0, mask, mask, false, static_cast<std::uint8_t>(one_in(6) ? 4 : 0)});
    case 3: return target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kRestore, 0, mask, mask, false, static_cast<std::uint8_t>(one_in(6) ? 8 : 0)});
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
    case 2: return model::SetMeta{model::MetaKey::kMark, masked(trace::testing::meta(model::MetaKey::kMark), le32(of<std::uint32_t>({0xffffff00, 0xffffbfff})), le32(of<std::uint32_t>({1, 0x4000})))};
    case 3: return model::SetCt{model::CtKey::kMark, one_in(2) ? trace::testing::meta(model::MetaKey::kMark) : constant(le32(mark())), {}};
    case 4: return model::SetMeta{model::MetaKey::kMark, trace::testing::ct(model::CtKey::kMark)};
    case 5: return model::Notrack{};
    case 6: return model::SetMeta{model::MetaKey::kPkttype, constant(bytes({static_cast<int>(below(5))}))};
    case 7: return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 8U : 7U, 1}, constant(bytes({static_cast<int>(63 + below(2))}))};
    default: break;
  }
  const std::uint32_t wide = v4 ? 4 : 16;
  if (one_in(3)) return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 16U : 24U, wide}, constant(address())};
  if (one_in(2)) return model::SetPayload{{model::PayloadBase::kTransport, 2, 2}, constant(be16(port()))};
  return model::SetPayload{{model::PayloadBase::kNetwork, v4 ? 1U : 0U, v4 ? 1U : 2U}, constant(v4 ? bytes({16}) : bytes({0x61, 0}))};
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
  if (n.kind == model::NatKind::kDnat || n.kind == model::NatKind::kSnat) n.address = constant(address());
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
  if (one_in(8)) return model::Reject{static_cast<model::RejectKind>(below(3)), static_cast<std::uint8_t>(below(4))};
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
    auto c = base("b" + std::to_string(n), hook, of<std::int32_t>({-150, 0, 0, 10}), rules(0),
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

packet::Packet RandomRules::packet(const Fields& fields, const Links& links) {
  packet::Packet out = fields.layout().packet();
  const auto set = [&](Quantity q, std::uint64_t n) { fields.set(out, q, n); };
  const auto link = [&] { return one_in(6) ? 0 : below(static_cast<std::uint32_t>(links.numbers())); };
  const auto near_address = [&](Quantity q) {
    IpAddress a = ip_address();
    if (one_in(6)) a = one_in(2) ? a.next() : a.previous();
    fields.set_address(out, q, a);
  };
  const auto near_port = [&] { return static_cast<std::uint16_t>(port() + (one_in(5) ? below(3) - 1 : 0)); };
  set(Quantity::kIif, link());
  set(Quantity::kOif, link());
  if (one_in(3)) set(Quantity::kPhysIn, link()), set(Quantity::kPhysOut, link()), set(Quantity::kBridged, below(2));
  for (Quantity q : {Quantity::kSource, Quantity::kDestination, Quantity::kCtOriginalSource,
                     Quantity::kCtOriginalDestination, Quantity::kCtReplySource,
                     Quantity::kCtReplyDestination}) {
    near_address(q);
  }
  for (Quantity q : {Quantity::kSourcePort, Quantity::kDestinationPort, Quantity::kCtOriginalSourcePort,
                     Quantity::kCtOriginalDestinationPort, Quantity::kCtReplySourcePort,
                     Quantity::kCtReplyDestinationPort}) {
    set(q, near_port());
  }
  set(Quantity::kSourceMac, 0x020000000000 + below(3));
  set(Quantity::kDestinationMac, 0x020000000000 + below(3));
  set(Quantity::kProtocol, of(kProtocols));
  set(Quantity::kCtProtocol, of(kProtocols));
  set(Quantity::kIcmpType, of<std::uint32_t>({0, 3, 8, 11, 128, 1, 255}));
  set(Quantity::kIcmpCode, below(3));
  set(Quantity::kTcpFlags, below(64));
  set(Quantity::kTos, of<std::uint32_t>({0, 4, 16, 28, 255}));
  set(Quantity::kHopLimit, of<std::uint32_t>({0, 62, 63, 64, 65, 255}));
  set(Quantity::kLength, of<std::uint32_t>({20, 40, 41, 60, 61, 80, 100, 0, 65535}));
  set(Quantity::kPacketType, below(4));
  set(Quantity::kMark, mark());
  set(Quantity::kCtMark, mark());
  set(Quantity::kHasSocket, below(2));
  set(Quantity::kUid, of<std::uint32_t>({0, 33, 1000, 1001}));
  set(Quantity::kGid, of<std::uint32_t>({0, 33, 1000, 1001}));
  set(Quantity::kCtInfo, below(7));
  set(Quantity::kCtStatus, below(512) & 0x1be);
  set(Quantity::kCtZone, below(2));
  return out;
}

}  // namespace bulkhead::reach::testing
