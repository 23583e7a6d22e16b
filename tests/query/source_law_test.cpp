// Whoever is of one class is answered alike: rules of all forms, in which addresses are asked for,
// against the interpreter, which knows no classes.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "query/host.h"
#include "query/source_classes.h"

namespace bulkhead::query {
namespace {

using testing::Host;
namespace xt = model::xt;

constexpr std::uint32_t kSource = 12, kDestination = 16;

class RandomRules {
 public:
  explicit RandomRules(std::uint32_t seed) : random_(seed) {}

  // At input the LAN is the source, at output the destination of the answers.
  void into(trace::testing::Net& net) {
    model::Table table;
    table.family = one_of(2) ? model::NfFamily::kIp : model::NfFamily::kInet;
    table.name = "t";
    for (const model::Hook hook : {model::Hook::kInput, model::Hook::kOutput}) {
      model::Chain& chain = table.chains.emplace_back();
      chain.name = hook == model::Hook::kInput ? "input" : "output";
      chain.base =
          model::BaseChain{hook,
                           model::ChainType::kFilter,
                           0,
                           one_of(2) ? model::VerdictKind::kAccept : model::VerdictKind::kDrop,
                           {}};
      offset_ = hook == model::Hook::kInput ? kSource : kDestination;
      for (std::size_t i = 0, n = 1 + one_of(5); i < n; ++i) rule(table, chain);
    }
    net.rules("host", std::move(table));
  }

 private:
  std::uint32_t one_of(std::uint32_t n) { return random_() % n; }
  Bytes address() { return {192, 0, 2, static_cast<std::uint8_t>(one_of(256))}; }
  model::Term asked(std::uint32_t length = 4) const {
    return {model::PayloadTerm{model::PayloadBase::kNetwork, offset_, length}};
  }
  static model::Term port(std::uint32_t at) {
    return {model::PayloadTerm{model::PayloadBase::kTransport, at, 2}};
  }
  model::Decide decide() {
    return {
        {.kind = one_of(2) ? model::VerdictKind::kAccept : model::VerdictKind::kDrop, .chain = {}}};
  }

  void rule(model::Table& table, model::Chain& chain) {
    model::Rule& rule = chain.rules.emplace_back();
    rule.handle = ++handle_;
    rule.statements.push_back(condition(table));
    if (!std::holds_alternative<model::VerdictMap>(rule.statements.back()))
      rule.statements.push_back(decide());
  }

  model::Statement condition(model::Table& table) {
    switch (one_of(9)) {
      case 0: {
        const model::CompareOp ops[] = {
            model::CompareOp::kEqual,        model::CompareOp::kNotEqual,
            model::CompareOp::kLess,         model::CompareOp::kGreater,
            model::CompareOp::kGreaterEqual, model::CompareOp::kLessEqual};
        return model::Compare{asked(), ops[one_of(6)], address()};
      }
      case 1: return model::Compare{asked(3), model::CompareOp::kEqual, {192, 0, 2}};
      case 2: {  // a mask, perhaps with holes
        Bytes value = address(), mask{255, 255, 255, static_cast<std::uint8_t>(one_of(256))};
        for (std::size_t i = 0; i < 4; ++i) value[i] &= mask[i];
        return model::Compare{
            {model::BitwiseTerm{{asked()}, mask, {0, 0, 0, 0}}}, model::CompareOp::kEqual, value};
      }
      case 3: {
        auto [first, last] = std::minmax({address(), address()});
        return model::InRange{asked(), one_of(2) == 0, Bytes(first), Bytes(last)};
      }
      case 4: return model::InSet{asked(), set(table, 4, false), one_of(2) == 0};
      case 5:
        return model::InSet{{model::ConcatTerm{{asked(), port(offset_ == kSource ? 2 : 0)}}},
                            set(table, 8, false),
                            one_of(2) == 0};
      case 6: return model::VerdictMap{asked(), set(table, 4, true)};
      case 7: {  // both ends in one comparison, as nft joins them
        Bytes both = offset_ == kSource ? address() : Bytes{192, 0, 2, 10};
        const Bytes second = offset_ == kSource ? Bytes{192, 0, 2, 10} : address();
        both.insert(both.end(), second.begin(), second.end());
        return model::Compare{{model::PayloadTerm{model::PayloadBase::kNetwork, kSource, 8}},
                              one_of(2) ? model::CompareOp::kEqual : model::CompareOp::kNotEqual,
                              both};
      }
      default: return legacy();
    }
  }

  model::Statement legacy() {
    const auto ip = [&] { return *IpAddress::from_octets(address()); };
    if (one_of(2)) {
      auto [first, last] = std::minmax({ip(), ip()});
      model::XtMatch match;
      const xt::AddressRange range{first, last};
      match.info = offset_ == kSource ? xt::Iprange{range, {}, one_of(2) == 0, false}
                                      : xt::Iprange{{}, range, false, one_of(2) == 0};
      return match;
    }
    model::XtHeader header;
    const Bytes bits{255, 255, 255, static_cast<std::uint8_t>(one_of(256))};
    Bytes value = address();
    for (std::size_t i = 0; i < 4; ++i) value[i] &= bits[i];
    (offset_ == kSource ? header.source : header.destination) = *IpAddress::from_octets(value);
    (offset_ == kSource ? header.source_mask : header.destination_mask) =
        *IpAddress::from_octets(bits);
    return header;
  }

  // Disjoint keys, as the kernel demands.
  std::string set(model::Table& table, std::uint32_t length, bool verdicts) {
    model::SetDef& set = table.sets.emplace_back();
    set.name = "s" + std::to_string(table.sets.size());
    set.key_length = length;
    if (length == 8) set.field_lengths = {4, 2};
    for (std::uint32_t at = one_of(40); at < 256;) {
      const std::uint32_t last = std::min(255U, at + one_of(20));
      model::SetElement& e = set.elements.emplace_back();
      e.first = {192, 0, 2, static_cast<std::uint8_t>(at)};
      e.last = {192, 0, 2, static_cast<std::uint8_t>(last)};
      if (length == 8) {
        const Bytes ssh{0, static_cast<std::uint8_t>(22 + one_of(2)), 0, 0};
        e.first.insert(e.first.end(), ssh.begin(), ssh.end());
        e.last.insert(e.last.end(), ssh.begin(), ssh.end());
      }
      if (verdicts) e.verdict = decide().verdict;
      at = last + 1 + one_of(40);
    }
    return set.name;
  }

  std::mt19937 random_;
  std::uint32_t offset_ = kSource;
  std::uint64_t handle_ = 0;
};

class SourceLaw : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(SourceLaw, WhoeverIsOfOneClassIsAnsweredAlike) {
  for (std::uint32_t round = 0; round < 40; ++round) {
    Host host;
    RandomRules(GetParam() * 1000 + round).into(host.net);
    const SourceClasses classes = source_classes(host.net.snapshot);
    const auto world = trace::World::build(host.net.snapshot);
    ASSERT_TRUE(world);
    std::map<std::uint32_t, std::pair<IpAddress, trace::Verdict>> told;
    for (std::uint8_t last = 2; last < 255; ++last) {
      if (last == 10) continue;  // the host's own
      const IpAddress source = IpAddress::v4(192, 0, 2, last);
      trace::Question q;
      q.from = trace::OutsideOrigin{
          .ns = host.net.id("host"), .link = host.net.link("host", "up0").index, .source = source};
      q.to = IpAddress::v4(192, 0, 2, 10);
      q.port = Port{22};
      const trace::Verdict verdict = world->ask(q).verdict;
      const auto [at, fresh] =
          told.try_emplace(classes.kind_of(source), std::pair(source, verdict));
      ASSERT_EQ(at->second.second, verdict)
          << "seed " << GetParam() << ", round " << round << ": " << source.to_string()
          << " is of one class with " << at->second.first.to_string();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SourceLaw, ::testing::Range(0U, 24U));

}  // namespace
}  // namespace bulkhead::query
