// Whoever is of one class is answered alike: rules of all forms, in which addresses are asked for,
// against the interpreter, which knows no classes.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "query/host.h"
#include "query/source_classes.h"
#include "ruleset/print.h"

namespace bulkhead::query {
namespace {

using testing::Host;
namespace xt = model::xt;

// Where the addresses of a header lie, and the networks of both families that are asked from.
struct Ends {
  std::uint32_t source, destination, width;
  Bytes network;  // all but the last byte
};
const Ends kV4{12, 16, 4, {192, 0, 2}};
const Ends kV6{8, 24, 16, {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}};

IpAddress member(const Ends& ends, std::uint8_t last) {
  Bytes bytes = ends.network;
  bytes.push_back(last);
  return *IpAddress::from_octets(bytes);
}

class RandomRules {
 public:
  RandomRules(std::uint32_t seed, const Ends& ends) : random_(seed), ends_(ends) {}

  // At input the LAN is the source, at output the destination of the answers.
  void into(trace::testing::Net& net) {
    model::Table table;
    const bool v4 = ends_.width == 4;
    const model::NfFamily own = v4 ? model::NfFamily::kIp : model::NfFamily::kIp6;
    table.family = one_of(2) ? own : model::NfFamily::kInet;
    table.name = "t";
    if (one_of(4) == 0) redirected(table);
    for (const model::Hook hook : {model::Hook::kInput, model::Hook::kOutput}) {
      model::Chain& chain = table.chains.emplace_back();
      chain.name = hook == model::Hook::kInput ? "input" : "output";
      chain.base =
          model::BaseChain{hook,
                           model::ChainType::kFilter,
                           0,
                           one_of(2) ? model::VerdictKind::kAccept : model::VerdictKind::kDrop,
                           {}};
      offset_ = hook == model::Hook::kInput ? ends_.source : ends_.destination;
      for (std::size_t i = 0, n = 1 + one_of(5); i < n; ++i) rule(table, chain);
    }
    net.rules("host", std::move(table));
    net.ns("host").ruleset.ipsets = std::move(ipsets_);
    if (one_of(4) == 0) routed(net);
  }

 private:
  std::uint32_t one_of(std::uint32_t n) { return random_() % n; }
  Bytes joined(std::uint32_t last) const {
    Bytes bytes = ends_.network;
    bytes.push_back(static_cast<std::uint8_t>(last));
    return bytes;
  }
  Bytes address() { return joined(one_of(256)); }
  IpAddress ip() { return *IpAddress::from_octets(address()); }
  // In the last byte there are holes, perhaps.
  Bytes mask() {
    Bytes bits(ends_.width, 255);
    bits.back() = static_cast<std::uint8_t>(one_of(2) ? 0xff00U >> one_of(9) : one_of(256));
    return bits;
  }
  [[nodiscard]] bool at_input() const { return offset_ == ends_.source; }
  [[nodiscard]] model::Term asked(std::uint32_t length = 0) const {
    return {model::PayloadTerm{model::PayloadBase::kNetwork, offset_,
                               length == 0 ? ends_.width : length}};
  }
  model::Term tracked() {
    model::CtTerm term;
    const bool v4 = ends_.width == 4;
    const bool source = one_of(2) == 0;  // of the question, or of the answer the other way round
    term.direction = source ? model::CtDirection::kOriginal : model::CtDirection::kReply;
    if (source)
      term.key = v4 ? model::CtKey::kSrcIp : model::CtKey::kSrcIp6;
    else
      term.key = v4 ? model::CtKey::kDstIp : model::CtKey::kDstIp6;
    return {term};
  }
  model::Term end() { return one_of(3) == 0 ? tracked() : asked(); }
  static model::Term meta(model::MetaKey key) { return {model::MetaTerm{key, 0}}; }
  static model::Term masked(model::Term of, const Bytes& mask) {
    return {model::BitwiseTerm{{std::move(of)}, mask, Bytes(mask.size(), 0)}};
  }
  [[nodiscard]] model::Term port() const {
    return {model::PayloadTerm{model::PayloadBase::kTransport, at_input() ? 2U : 0U, 2}};
  }
  model::CompareOp operation() {
    const model::CompareOp ops[] = {model::CompareOp::kEqual,        model::CompareOp::kNotEqual,
                                    model::CompareOp::kLess,         model::CompareOp::kGreater,
                                    model::CompareOp::kGreaterEqual, model::CompareOp::kLessEqual};
    return ops[one_of(6)];
  }
  model::Decide decide() {
    return {
        {.kind = one_of(2) ? model::VerdictKind::kAccept : model::VerdictKind::kDrop, .chain = {}}};
  }

  void rule(model::Table& table, model::Chain& chain) {
    model::Rule& rule = chain.rules.emplace_back();
    rule.handle = ++handle_;
    if (one_of(4) == 0) {
      const Bytes v4{2}, v6{10};
      const auto op = one_of(2) ? model::CompareOp::kEqual : model::CompareOp::kNotEqual;
      const bool same = (op == model::CompareOp::kEqual) == (ends_.width == 4);
      rule.statements.emplace_back(
          model::Compare{meta(model::MetaKey::kNfproto), op, same ? v4 : v6});
    }
    if (one_of(6) == 0) return marked(table, chain, rule);
    rule.statements.push_back(condition(table));
    if (!std::holds_alternative<model::VerdictMap>(rule.statements.back()))
      rule.statements.push_back(decide());
  }

  // A mark of what a map, or the address itself, says; and a rule that asks for it.
  void marked(model::Table& table, model::Chain& chain, model::Rule& rule) {
    model::Term key = end();
    if (one_of(8) != 0) {
      rule.statements.emplace_back(model::SetMeta{
          model::MetaKey::kMark, {model::MapTerm{set(table, {}, {}, Says::kNumber), {key}, 0, 0}}});
    } else {
      const Bytes low = ends_.width == 4 ? Bytes{0, 0, 0, 1} : Bytes{1, 0, 0, 0};
      const std::uint32_t last = offset_ + ends_.width - 4;
      key = {model::PayloadTerm{model::PayloadBase::kNetwork, last, 4}};
      rule.statements.emplace_back(
          model::SetMeta{model::MetaKey::kMark, masked(std::move(key), low)});
    }
    model::Rule& second = chain.rules.emplace_back();
    second.handle = ++handle_;
    second.statements = {
        model::Compare{meta(model::MetaKey::kMark), operation(), Bytes{1, 0, 0, 0}}, decide()};
  }

  model::Statement condition(model::Table& table) {
    switch (one_of(14)) {
      case 0: return model::Compare{end(), operation(), address()};
      case 1: {
        const auto length = static_cast<std::uint32_t>(ends_.network.size());
        return model::Compare{one_of(2) ? tracked() : asked(length), model::CompareOp::kEqual,
                              ends_.network};
      }
      case 2: {
        Bytes value = address();
        const Bytes bits = mask();
        if (one_of(4) != 0) {  // else it can never be equal
          for (std::size_t i = 0; i < bits.size(); ++i) value[i] &= bits[i];
        }
        return model::Compare{masked(end(), bits), operation(), value};
      }
      case 3: {
        auto [first, last] = std::minmax({address(), address()});
        model::Term of = one_of(3) == 0 ? masked(end(), mask()) : end();
        return model::InRange{std::move(of), one_of(2) == 0, Bytes(first), Bytes(last)};
      }
      case 4: return model::InSet{end(), set(table, {}, {}), one_of(2) == 0};
      case 5: return model::InSet{joined_key(end(), true), set(table, {}, ssh()), one_of(2) == 0};
      case 6: return model::VerdictMap{end(), set(table, {}, {}, Says::kVerdict)};
      case 7: return both_ends();
      case 8:  // other fields before it
        return model::InSet{{model::ConcatTerm{{meta(model::MetaKey::kMark), end(), port()}}},
                            set(table, Bytes{0, 0, 0, 0}, ssh()),
                            one_of(2) == 0};
      case 9: {
        const std::string name = "up0";
        Bytes in(16, 0);
        std::ranges::copy(name, in.begin());
        const auto key = at_input() ? model::MetaKey::kIifname : model::MetaKey::kOifname;
        return model::VerdictMap{{model::ConcatTerm{{meta(key), end()}}},
                                 set(table, in, {}, Says::kVerdict)};
      }
      case 10: return one_of(6) == 0 ? computed() : both_ends();
      case 11: return ipset();
      default: return legacy();
    }
  }

  static Bytes ssh() { return {0, 22, 0, 0}; }
  model::Term joined_key(model::Term first, bool with_port) const {
    model::ConcatTerm key;
    key.parts.push_back(std::move(first));
    if (with_port) key.parts.push_back(port());
    return {std::move(key)};
  }

  // Both ends in one comparison, as nft joins them.
  model::Statement both_ends() {
    const auto both = [&] {
      Bytes first = at_input() ? address() : joined(10);
      const Bytes second = at_input() ? joined(10) : address();
      first.insert(first.end(), second.begin(), second.end());
      return first;
    };
    model::Term term{
        model::PayloadTerm{model::PayloadBase::kNetwork, ends_.source, 2 * ends_.width}};
    if (one_of(2) == 0) return model::Compare{std::move(term), operation(), both()};
    auto [first, last] = std::minmax({both(), both()});
    return model::InRange{std::move(term), one_of(2) == 0, Bytes(first), Bytes(last)};
  }

  // Of the middle of an address, and what the headers of the other family have there.
  model::Statement computed() {
    const std::uint32_t last = offset_ + ends_.width - 1;
    switch (one_of(3)) {
      case 0:
        return model::Compare{{model::PayloadTerm{model::PayloadBase::kNetwork, last, 1}},
                              operation(),
                              {static_cast<std::uint8_t>(one_of(256))}};
      case 1:
        return model::Compare{{model::PayloadTerm{model::PayloadBase::kNetwork, 20, 4}},
                              operation(),
                              {0, 0, 0, static_cast<std::uint8_t>(one_of(256))}};
      default:
        return model::Compare{{model::PayloadTerm{model::PayloadBase::kNetwork, 12, 12}},
                              operation(),
                              Bytes(12, static_cast<std::uint8_t>(one_of(256)))};
    }
  }

  model::Statement legacy() {
    if (one_of(3) == 0) {
      auto [first, last] = std::minmax({ip(), ip()});
      model::XtMatch match;
      const xt::AddressRange range{first, last};
      match.info = at_input() ? xt::Iprange{range, {}, one_of(2) == 0, false}
                              : xt::Iprange{{}, range, false, one_of(2) == 0};
      return match;
    }
    const Bytes bits = mask();
    Bytes value = address();
    for (std::size_t i = 0; i < bits.size(); ++i) value[i] &= bits[i];
    const IpAddress wanted = *IpAddress::from_octets(value), under = *IpAddress::from_octets(bits);
    if (one_of(3) == 0) {
      xt::Conntrack ct;
      if (one_of(2) == 0) {
        ct.original_source = xt::AddressMask{wanted, under};
        ct.original_source_inverted = one_of(2) == 0;
      } else {
        ct.reply_destination = xt::AddressMask{wanted, under};
        ct.reply_destination_inverted = one_of(2) == 0;
      }
      model::XtMatch match;
      match.info = ct;
      return match;
    }
    model::XtHeader header;
    (at_input() ? header.source : header.destination) = wanted;
    (at_input() ? header.source_mask : header.destination_mask) = under;
    (at_input() ? header.source_inverted : header.destination_inverted) = one_of(2) == 0;
    return header;
  }

  // Sets of ipset, the address in any of their dimensions.
  model::Statement ipset() {
    const char* const types[] = {"hash:ip",         "hash:net",         "hash:ip,port",
                                 "hash:ip,port,ip", "hash:ip,port,net", "hash:net,net"};
    model::IpSet set;
    set.type = types[one_of(6)];
    set.name = "i" + std::to_string(ipsets_.size());
    set.index = static_cast<std::uint32_t>(ipsets_.size());
    set.family = ends_.width == 4 ? IpFamily::kV4 : IpFamily::kV6;
    const bool net = set.type.find("net") != std::string::npos;
    const bool two = set.type.ends_with(",ip") || set.type.ends_with(",net");
    const unsigned bits = ends_.width * 8;
    const bool far = two && one_of(2) == 0;  // the one that varies is the second
    if (set.type == "hash:ip" && one_of(2) == 0) set.netmask_length = bits - one_of(6);
    const IpAddress host = member(ends_, 10);
    for (std::uint32_t i = 0, n = 1 + one_of(6); i < n; ++i) {
      model::IpSetEntry& e = set.entries.emplace_back();
      const unsigned length =
          net && (!two || far || set.type == "hash:net,net") ? bits - one_of(6) : bits;
      Prefix varied = Prefix::covering(ip(), length);
      if (set.netmask_length)
        varied = Prefix::single(Prefix::covering(varied.address(), *set.netmask_length).address());
      e.prefix = far ? Prefix::single(host) : varied;
      if (two) e.prefix2 = far ? varied : Prefix::single(host);
      if (set.type.find("port") != std::string::npos) {
        e.protocol = 6;
        e.port = Port{static_cast<std::uint16_t>(22 + one_of(2))};
      }
      e.nomatch = net && one_of(3) == 0;
    }
    xt::Set match;
    match.index = set.index;
    const std::size_t dimensions = 1 + static_cast<std::size_t>(std::ranges::count(set.type, ','));
    const bool first_is_source = at_input() != far;
    match.dimension_source.assign(dimensions, !first_is_source);
    match.dimension_source[0] = first_is_source;
    if (set.type.find("port") != std::string::npos) match.dimension_source[1] = !at_input();
    match.inverted = one_of(2) == 0;
    ipsets_.push_back(std::move(set));
    if (one_of(3) == 0) {
      model::IpSet& list = ipsets_.emplace_back();
      list.type = "list:set";
      list.name = "i" + std::to_string(ipsets_.size() - 1);
      list.index = static_cast<std::uint32_t>(ipsets_.size() - 1);
      list.entries.emplace_back().member_set = ipsets_[match.index].name;
      match.index = list.index;
    }
    model::XtMatch statement;
    statement.info = match;
    return statement;
  }

  // Who comes from some addresses is led to another port, or to an address of nobody.
  void redirected(model::Table& table) {
    offset_ = ends_.source;
    model::Chain& chain = table.chains.emplace_back();
    chain.name = "prerouting";
    chain.base = model::BaseChain{
        model::Hook::kPrerouting, model::ChainType::kFilter, -300, model::VerdictKind::kAccept, {}};
    model::Rule& rule = chain.rules.emplace_back();
    rule.handle = ++handle_;
    model::SetPayload write;
    write.target = {model::PayloadBase::kTransport, 2, 2};
    write.value = {model::MapTerm{set(table, {}, {}, Says::kPort), {asked()}, 0, 0}};
    rule.statements.emplace_back(std::move(write));
  }

  // Some of them have a way of their own, there or back.
  void routed(trace::testing::Net& net) {
    const unsigned bits = ends_.width * 8;
    const Prefix some = Prefix::covering(ip(), bits - 1 - one_of(6));
    if (some.contains(member(ends_, 10))) return;
    if (one_of(2) == 0) {
      net.route("host", some.to_string(), "", "", 6);  // RTN_BLACKHOLE
      return;
    }
    model::RoutingRule rule;
    rule.family = some.family();
    rule.priority = 100;
    rule.table = 77;
    rule.source = some;
    net.policy("host", rule);
    net.route("host", member(ends_, 10).to_string() + (ends_.width == 4 ? "/32" : "/128"), "", "",
              6, 77);
  }

  enum class Says : std::uint8_t { kNothing, kVerdict, kNumber, kPort };

  // Disjoint keys, as the kernel demands, between what other fields say.
  std::string set(model::Table& table, const Bytes& before, const Bytes& behind,
                  Says says = Says::kNothing) {
    const auto length = static_cast<std::uint32_t>(before.size() + ends_.width + behind.size());
    if (says == Says::kNothing && one_of(3) == 0) {
      for (const model::SetDef& known : table.sets) {
        const bool data = std::ranges::any_of(
            known.elements, [](const auto& e) { return e.verdict || e.data.has_value(); });
        if (known.key_length == length && !data) return known.name;
      }
    }
    model::SetDef& set = table.sets.emplace_back();
    set.name = "s" + std::to_string(table.sets.size());
    set.key_length = length;
    set.comment = one_of(4) == 0 ? "bare" : "";
    if (!before.empty()) set.field_lengths.push_back(static_cast<std::uint32_t>(before.size()));
    if (!before.empty() || !behind.empty()) set.field_lengths.push_back(ends_.width);
    if (!behind.empty()) set.field_lengths.push_back(2);
    for (std::uint32_t at = one_of(40); at < 256;) {
      const std::uint32_t last = std::min(255U, at + one_of(20));
      model::SetElement& e = set.elements.emplace_back();
      Bytes rest = behind;
      if (!rest.empty()) rest[1] = static_cast<std::uint8_t>(22 + one_of(2));
      for (const auto& [key, number] : {std::pair(&e.first, at), std::pair(&e.last, last)}) {
        *key = before;
        const Bytes own = joined(number);
        key->insert(key->end(), own.begin(), own.end());
        const bool bare = set.comment == "bare" && !rest.empty();  // without the padding
        key->insert(key->end(), rest.begin(), bare ? rest.begin() + 2 : rest.end());
      }
      if (says == Says::kVerdict) e.verdict = decide().verdict;
      if (says == Says::kNumber) e.data = Bytes{static_cast<std::uint8_t>(one_of(3)), 0, 0, 0};
      if (says == Says::kPort) e.data = Bytes{0, static_cast<std::uint8_t>(22 + one_of(2))};
      at = last + 1 + one_of(40);
    }
    return set.name;
  }

  std::mt19937 random_;
  const Ends& ends_;
  std::uint32_t offset_ = 0;
  std::uint64_t handle_ = 0;
  std::vector<model::IpSet> ipsets_;
};

class SourceLaw : public ::testing::TestWithParam<std::uint32_t> {};

bool is_uneven(const SourceClasses& classes, IpAddress source) {
  const auto at = std::ranges::upper_bound(classes.cuts, source);
  return classes.uneven[static_cast<std::size_t>(at - classes.cuts.begin())];
}

TEST_P(SourceLaw, WhoeverIsOfOneClassIsAnsweredAlike) {
  std::size_t compared = 0, apart = 0;
  for (std::uint32_t round = 0; round < 40; ++round) {
    const Ends& ends = round % 2 == 0 ? kV4 : kV6;
    Host host;
    host.net.address("host", "up0", "2001:db8:0:9::a/64").listen("host", "::", 22, true);
    RandomRules(GetParam() * 1000 + round, ends).into(host.net);
    const SourceClasses classes = source_classes(host.net.snapshot);
    const auto world = trace::World::build(host.net.snapshot);
    ASSERT_TRUE(world);
    std::map<std::uint32_t, std::pair<IpAddress, trace::Verdict>> told;
    for (std::uint8_t last = 2; last < 255; ++last) {
      if (last == 10) continue;  // the host's own
      const IpAddress source = member(ends, last);
      if (is_uneven(classes, source)) continue;
      trace::Question q;
      q.from = trace::OutsideOrigin{
          .ns = host.net.id("host"), .link = host.net.link("host", "up0").index, .source = source};
      q.to = member(ends, 10);
      q.port = Port{22};
      const trace::Verdict verdict = world->ask(q).verdict;
      const auto [at, fresh] =
          told.try_emplace(classes.kind_of(source), std::pair(source, verdict));
      ++compared;
      apart += verdict != told.begin()->second.second ? 1 : 0;
      ASSERT_EQ(at->second.second, verdict)
          << "seed " << GetParam() << ", round " << round << ": " << source.to_string()
          << " is of one class with " << at->second.first.to_string() << " by\n"
          << ruleset::print_ruleset(host.net.snapshot.namespaces[0].ruleset);
    }
  }
  EXPECT_GT(compared, 2000U);
  EXPECT_GT(apart, 50U);  // else the rules above tell nobody apart
}

INSTANTIATE_TEST_SUITE_P(Seeds, SourceLaw, ::testing::Range(0U, 24U));

}  // namespace
}  // namespace bulkhead::query
