#include <algorithm>

#include "reach/random_rules.h"

namespace bulkhead::reach::testing {

using namespace trace::testing;  // NOLINT: the words with which rules are written
namespace x = model::xt;

namespace {

const std::vector<std::string>& v4_addresses() {
  static const std::vector<std::string> kAll = {
      "10.0.0.2", "10.0.1.3",  "10.0.0.1",        "10.0.0.255",  "10.0.1.255",  "0.0.0.0",
      "0.0.0.9",  "127.0.0.1", "255.255.255.255", "192.168.7.9", "172.16.0.1",  "224.0.0.5",
      "11.0.0.0", "10.0.1.1",  "9.255.255.255",   "10.128.0.0",  "192.168.0.0", "8.8.8.8"};
  return kAll;
}
const std::vector<std::string>& v6_addresses() {
  static const std::vector<std::string> kAll = {"fd00::2",
                                                "fd00:1::3",
                                                "fd00::1",
                                                "fd00:1::1",
                                                "::",
                                                "::1",
                                                "fe80::5",
                                                "ff02::1",
                                                "fd01::",
                                                "fcff::",
                                                "fd00:0:0:1::",
                                                "2001:db8::7",
                                                "::ffff:10.0.0.2",
                                                "fd00::ffff:ffff:ffff:ffff"};
  return kAll;
}

Bytes number(std::uint64_t n, std::size_t width, bool little) {
  Bytes out(width);
  for (std::size_t i = 0; i < width && i < 8; ++i) {
    out[little ? i : width - 1 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  }
  return out;
}

}  // namespace

Bytes plus(Bytes bytes, int step) {  // memcmp order
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const int now = bytes[i] + step;
    bytes[i] = static_cast<std::uint8_t>(now);
    if (now >= 0 && now <= 255) break;
  }
  return bytes;
}

const std::vector<std::uint32_t>& some_protocols() {
  static const std::vector<std::uint32_t> kAll = {6, 6, 6, 17, 17, 1, 58, 132, 136, 33, 47, 0, 255};
  return kAll;
}

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
  return of<std::string>(
      {"lo", "eth0", "eth1", "br-0123", "docker0", "veth1", "wg0", "none", "", "averylongname15"});
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
    case 5:
      return {net(v4 ? 9 : 6, 1), 1,
              [this] { return bytes({static_cast<int>(of(some_protocols()))}); }};
    case 6:
      return {net(v4 ? 8 : 7, 1), 1, [this] { return bytes({static_cast<int>(63 + below(3))}); }};
    case 7: return {th(0, 1), 1, [this] { return bytes({static_cast<int>(below(12))}); }};
    case 8:
      return {ll(6, 6), 6, [this] { return bytes({2, 0, 0, 0, 0, static_cast<int>(below(3))}); }};
    case 9:
      return {net(0, 2), 2, [this] {
                return bytes({0x45 + static_cast<int>(below(2)), static_cast<int>(below(8)) * 4});
              }};
    case 10:
      return {net(v4 ? 2 : 4, 2), 2,
              [this] { return be16(of<std::uint32_t>({40, 60, 80, 100, 20})); }};
    default: break;
  }
  // Anywhere, with bytes that are not known and bytes behind the packet's end.
  const std::uint32_t length = 1 + below(4), offset = below(v4 ? 24 : 44);
  return {trace::testing::payload(static_cast<PayloadBase>(below(3)), offset, length), length,
          [this, length] {
            return number(of<std::uint32_t>({0, 1, 6, 60, 80, 0x45, 0x0a000001, 255}), length,
                          false);
          }};
}

RandomRules::Drawn RandomRules::meta() {
  using K = model::MetaKey;
  const auto m = [](K key) { return trace::testing::meta(key); };
  const auto le = [this](std::vector<std::uint32_t> list, std::size_t width) {
    return [this, list, width] { return number(of(list), width, true); };
  };
  switch (below(20)) {
    case 0:
      return {m(K::kL4proto), 1,
              [this] { return bytes({static_cast<int>(of(some_protocols()))}); }};
    case 1: return {m(K::kNfproto), 1, [this] { return bytes({of<int>({2, 10, 7, 5})}); }};
    case 2:
      return {m(K::kProtocol), 2,
              [this] { return be16(of<std::uint32_t>({0x800, 0x86dd, 0x806})); }};
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
    case 16:
      return {m(K::kIifkind), 16,
              [this] { return trace::testing::name(of<std::string>({"bridge", "veth", "vrf"})); }};
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
    case 2:
      return {c(K::kState), 4, [this] { return le32(of<std::uint32_t>({1, 2, 4, 8, 64, 10})); }};
    case 3:
      return {c(K::kStatus), 4, [this] { return le32(of<std::uint32_t>({0, 2, 16, 32, 8, 48})); }};
    case 4:
    case 5: return {c(K::kMark), 4, [this] { return le32(mark()); }};
    case 6: return {c(K::kDirection), 1, [this] { return bytes({static_cast<int>(below(2))}); }};
    case 7: return {c(one_in(2) ? K::kSrc : K::kDst), wide, [this] { return address(); }};
    case 8: return {c(one_in(2) ? K::kSrcIp : K::kDstIp6), wide, [this] { return address(); }};
    case 9: return {c(one_in(2) ? K::kProtoSrc : K::kProtoDst), 2, [this] { return be16(port()); }};
    case 10: return {c(K::kZone), 2, [this] { return number(below(2), 2, true); }};
    default:
      return {c(K::kProtocol), 1,
              [this] { return bytes({static_cast<int>(of(some_protocols()))}); }};
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
    return {model::Term{f}, named ? 16U : 4U,
            [this, named] { return named ? trace::testing::name(name()) : le32(below(7)); }};
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
    const std::uint32_t kind = d.width > 2 && !one_in(6) ? 2 : below(4);
    const std::uint32_t ones = below(static_cast<std::uint32_t>(d.width * 8 + 1));
    for (std::size_t i = 0; i < d.width * 8; ++i) {
      const bool set = kind == 0 ? one_in(2) : kind == 1 ? i >= ones : i < ones;
      if (set) mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | 0x80U >> i % 8);
    }
    Bytes flip(d.width);
    if (one_in(4))
      flip[below(static_cast<std::uint32_t>(d.width))] = static_cast<std::uint8_t>(below(256));
    const auto inner = d.value;
    d.value = [inner, mask, flip] {
      Bytes v = inner();
      for (std::size_t i = 0; i < v.size(); ++i)
        v[i] = static_cast<std::uint8_t>((v[i] & mask[i]) ^ flip[i]);
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
    d.term = {model::ByteOrderTerm{{std::move(d.term)},
                                   static_cast<std::uint32_t>(d.width),
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

packet::Packet RandomRules::packet(const Fields& fields, const Links& links) {
  packet::Packet out = fields.layout().packet();
  const auto set = [&](Quantity q, std::uint64_t n) { fields.set(out, q, n); };
  const auto link = [&] {
    return one_in(6) ? 0 : below(static_cast<std::uint32_t>(links.numbers()));
  };
  const auto near_address = [&](Quantity q) {
    IpAddress a = ip_address();
    if (one_in(6)) a = one_in(2) ? a.next() : a.previous();
    fields.set_address(out, q, a);
  };
  const auto near_port = [&] {
    const std::uint16_t near = port();
    return static_cast<std::uint16_t>(near + (one_in(5) ? below(3) - 1 : 0));
  };
  set(Quantity::kIif, link());
  set(Quantity::kOif, link());
  if (one_in(3))
    set(Quantity::kPhysIn, link()), set(Quantity::kPhysOut, link()),
        set(Quantity::kBridged, below(2));
  for (Quantity q : {Quantity::kSource, Quantity::kDestination, Quantity::kCtOriginalSource,
                     Quantity::kCtOriginalDestination, Quantity::kCtReplySource,
                     Quantity::kCtReplyDestination}) {
    near_address(q);
  }
  for (Quantity q : {Quantity::kSourcePort, Quantity::kDestinationPort,
                     Quantity::kCtOriginalSourcePort, Quantity::kCtOriginalDestinationPort,
                     Quantity::kCtReplySourcePort, Quantity::kCtReplyDestinationPort}) {
    set(q, near_port());
  }
  set(Quantity::kSourceMac, 0x020000000000 + below(3));
  set(Quantity::kDestinationMac, 0x020000000000 + below(3));
  set(Quantity::kProtocol, of(some_protocols()));
  set(Quantity::kCtProtocol, of(some_protocols()));
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
