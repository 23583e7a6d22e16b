#include "verify/set_rules.h"

#include <algorithm>
#include <iterator>
#include <random>

#include "trace/net.h"

namespace bulkhead::verify::testing {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::MetaKey;
using model::Term;
using Statements = std::vector<model::Statement>;

// What stands in a key.
enum class Part : std::uint8_t {
  kSource,
  kDestination,
  kProtocol,
  kSourcePort,
  kPort,
  kPortBehind,  // read on from the network header
  kIn,
  kFrom,
};

std::uint32_t length_of(Part part) {
  switch (part) {
    case Part::kProtocol: return 1;
    case Part::kSourcePort:
    case Part::kPort:
    case Part::kPortBehind: return 2;
    case Part::kFrom: return 8;  // MAC address and type of the frame
    default: return 4;
  }
}

Term term_of(Part part) {
  switch (part) {
    case Part::kSource: return net(12, 4);
    case Part::kDestination: return net(16, 4);
    case Part::kProtocol: return meta(MetaKey::kL4proto);
    case Part::kSourcePort: return th(0, 2);
    case Part::kPort: return th(2, 2);
    case Part::kPortBehind: return net(22, 2);
    case Part::kIn: return meta(MetaKey::kIif);
    case Part::kFrom: return Term{model::PayloadTerm{model::PayloadBase::kLink, 6, 8}};
  }
  return net(12, 4);
}

class SetRules {
 public:
  SetRules(const reach::testing::RandomNet& on, std::uint32_t seed)
      : net_(on), random_(seed * 11 + 5) {
    std::ranges::copy_if(on.addresses, std::back_inserter(known_), [](const IpAddress& a) {
      return a.is_v4() && !a.is_loopback() && !a.is_unspecified();
    });
  }
  [[nodiscard]] bool knows_any() const { return !known_.empty(); }
  bool one_in(unsigned n) { return random_() % n == 0; }

  model::Table ip_table() {
    std::vector<model::Chain> chains;
    for (const Hook hook : {Hook::kPrerouting, Hook::kForward, Hook::kInput, Hook::kOutput}) {
      if (one_in(hook == Hook::kForward ? 1 : 3))
        chains.push_back(base("at" + std::to_string(chains.size()), hook, -9, rules(false)));
    }
    chains.push_back(chain("no", {rule({drop()})}));
    return named(model::NfFamily::kIp, std::move(chains));
  }
  model::Table bridge_table() {
    std::vector<model::Chain> chains;
    chains.push_back(base("pre", Hook::kPrerouting, -300, rules(true)));
    if (one_in(3)) chains.push_back(base("post", Hook::kPostrouting, 300, rules(true)));
    chains.push_back(chain("no", {rule({drop()})}));
    return named(model::NfFamily::kBridge, std::move(chains));
  }

 private:
  model::Table named(model::NfFamily family, std::vector<model::Chain> chains) {
    model::Table out = trace::testing::table(family, std::move(chains));
    out.name = "sets";
    out.sets = std::move(sets_);
    sets_.clear();
    return out;
  }

  std::vector<model::Rule> rules(bool frames) {
    std::vector<model::Rule> out;
    for (unsigned i = 0; i < 1 + random_() % 3; ++i) {
      Statements asks;
      // What is asked of other frames would leave the rule.
      if (frames) asks.push_back(is(meta(MetaKey::kProtocol), be16(0x0800)));
      const std::vector<Part> parts = key(frames);
      if (one_in(3)) {
        asks.push_back(model::VerdictMap{term(parts), set(parts, true)});
      } else {
        asks.push_back(model::InSet{term(parts), set(parts, false), one_in(3)});
        asks.push_back(one_in(2) ? drop() : accept());
      }
      out.push_back(rule(std::move(asks)));
    }
    if (one_in(3)) out.push_back(rule({drop()}));
    return out;
  }

  std::vector<Part> key(bool frames) {
    if (frames && one_in(2)) return {Part::kIn, Part::kFrom, Part::kSource};
    switch (random_() % 8) {
      case 0: return {Part::kSource, Part::kDestination, Part::kProtocol, Part::kPort};
      case 1: return {Part::kDestination, Part::kSource, Part::kProtocol, Part::kSourcePort};
      case 2: return {Part::kDestination, Part::kPort};
      case 3: return {Part::kSource, Part::kProtocol, Part::kPort};
      case 4: return {Part::kSource, Part::kSourcePort, Part::kDestination, Part::kPort};
      case 5: return {Part::kDestination};
      case 6: return {Part::kProtocol, Part::kPortBehind};
      default: return {Part::kSource};
    }
  }
  static Term term(const std::vector<Part>& parts) {
    if (parts.size() == 1) return term_of(parts[0]);
    model::ConcatTerm out;
    for (const Part part : parts) out.parts.push_back(term_of(part));
    return Term{std::move(out)};
  }

  // Elements of which many are of packets that there are.
  std::string set(const std::vector<Part>& parts, bool verdicts) {
    model::SetDef out;
    out.name = "s" + std::to_string(sets_.size());
    for (const Part part : parts) {
      if (parts.size() > 1) out.field_lengths.push_back(length_of(part));
      out.key_length += (length_of(part) + 3) / 4 * 4;
    }
    const bool ranges = parts.size() > 1 && one_in(3);
    for (int i = 0; i < 24; ++i) {
      model::SetElement& e = out.elements.emplace_back();
      for (const Part part : parts) {
        const auto [first, last] = values(part, ranges && one_in(3));
        append(e.first, first);
        if (ranges) append(e.last, last);
      }
      if (verdicts)
        e.verdict = one_in(2) ? model::Verdict{model::VerdictKind::kAccept, {}}
                              : model::Verdict{model::VerdictKind::kGoto, "no"};
    }
    std::ranges::sort(out.elements, {}, &model::SetElement::first);
    const auto same = std::ranges::unique(out.elements, {}, &model::SetElement::first);
    out.elements.erase(same.begin(), same.end());
    sets_.push_back(std::move(out));
    return sets_.back().name;
  }
  static void append(Bytes& key, Bytes value) {
    value.resize((value.size() + 3) / 4 * 4);
    key.insert(key.end(), value.begin(), value.end());
  }

  std::pair<Bytes, Bytes> values(Part part, bool range) {
    const Bytes one = value(part);
    const bool wide = range && (part == Part::kSource || part == Part::kDestination);
    if (!wide) return {one, one};
    Bytes first = one, last = one;
    first.back() = 0, last.back() = 255;
    return {first, last};
  }
  Bytes value(Part part) {
    switch (part) {
      case Part::kProtocol: return bytes({one_in(3) ? 17 : 6});
      case Part::kSourcePort: return be16(one_in(2) ? std::uint16_t{46883} : port());
      case Part::kPort:
      case Part::kPortBehind: return be16(port());
      case Part::kIn: return le32(link().index.value);
      case Part::kFrom: {
        const auto octets = link().mac.octets();
        Bytes out(octets.begin(), octets.end());
        out.insert(out.end(), {8, 0});
        return out;
      }
      default: return address(known_[random_() % known_.size()].to_string());
    }
  }
  std::uint16_t port() { return net_.ports[random_() % net_.ports.size()]; }
  const model::Link& link() {
    for (;;) {
      const auto& all =
          net_.snapshot.namespaces[net_.machines[random_() % net_.machines.size()].value].links;
      if (!all.empty()) return all[random_() % all.size()];
    }
  }

  const reach::testing::RandomNet& net_;
  std::vector<IpAddress> known_;
  std::mt19937 random_;
  std::vector<model::SetDef> sets_;
};

}  // namespace

void add_set_rules(reach::testing::RandomNet& on, std::uint32_t seed) {
  SetRules rules(on, seed);
  if (!rules.knows_any()) return;
  for (const model::NsId ns : on.machines) {
    if (ns != on.snapshot.host && !rules.one_in(4)) continue;
    auto& tables = on.snapshot.namespaces[ns.value].ruleset.tables;
    tables.push_back(rules.ip_table());
    if (rules.one_in(2)) tables.push_back(rules.bridge_table());
  }
}

}  // namespace bulkhead::verify::testing
