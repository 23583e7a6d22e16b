#include "compile/compare.h"

#include <algorithm>
#include <ranges>
#include <variant>

#include "base/text.h"
#include "compile/compile.h"
#include "compile/elements.h"

namespace bulkhead::compile {
namespace {

std::string family_word(model::NfFamily family) {
  switch (family) {
    case model::NfFamily::kInet: return "inet";
    case model::NfFamily::kArp: return "arp";
    case model::NfFamily::kBridge: return "bridge";
    case model::NfFamily::kIp: return "ip";
    case model::NfFamily::kIp6: return "ip6";
    case model::NfFamily::kNetdev: return "netdev";
  }
  return "";
}

constexpr std::uint32_t kDynamic = 0x20;  // NFT_SET_EVAL

void forget_counts(model::Rule& rule) {
  rule.handle = 0;
  for (model::Statement& statement : rule.statements) {
    if (auto* observed = std::get_if<model::Observe>(&statement)) {
      observed->packets.reset();
      observed->bytes.reset();
    }
  }
}

model::Table plain(model::Table table) {
  table.handle = 0;
  for (model::Chain& chain : table.chains) {
    chain.handle = 0;
    std::ranges::for_each(chain.rules, forget_counts);
  }
  for (model::SetDef& set : table.sets) {
    set.handle = 0;
    // What packets fill is different at each reading.
    if ((set.flags & kDynamic) != 0) set.elements.clear();
    std::ranges::sort(set.elements, {},
                      [](const model::SetElement& e) { return std::tie(e.first, e.last); });
  }
  std::ranges::sort(table.chains, {}, &model::Chain::name);
  std::ranges::sort(table.sets, {}, &model::SetDef::name);
  return table;
}

class Comparer {
 public:
  explicit Comparer(std::string table) : table_(std::move(table)) {}

  std::vector<std::string> run(const model::Table& a, const model::Table& b) {
    named(a.sets, b.sets, "set", [this](const auto& x, const auto& y) { sets(x, y); });
    named(a.chains, b.chains, "chain", [this](const auto& x, const auto& y) { chains(x, y); });
    if (out_.empty() && !(a == b)) say("it is switched off, owned or described otherwise");
    return std::move(out_);
  }

 private:
  void say(const std::string& what) { out_.push_back(table_ + ": " + what); }

  // Both are sorted by name.
  template <class Named, class Compare>
  void named(const std::vector<Named>& a, const std::vector<Named>& b, const std::string& kind,
             Compare compare) {
    const auto has = [](const std::vector<Named>& all, const Named& one) {
      return std::ranges::binary_search(all, one.name, {}, &Named::name);
    };
    for (const Named& one : b) {
      if (!has(a, one)) say(kind + " " + escape_text(one.name) + " was added");
    }
    for (const Named& one : a) {
      const auto other = std::ranges::lower_bound(b, one.name, {}, &Named::name);
      if (!has(b, one)) {
        say(kind + " " + escape_text(one.name) + " is gone");
      } else if (!(one == *other)) {
        compare(one, *other);
      }
    }
  }

  void sets(const model::SetDef& a, const model::SetDef& b) {
    const auto less = [](const model::SetElement& x, const model::SetElement& y) {
      return std::tie(x.first, x.last) < std::tie(y.first, y.last);
    };
    std::vector<model::SetElement> gone, added;
    std::ranges::set_difference(a.elements, b.elements, std::back_inserter(gone), less);
    std::ranges::set_difference(b.elements, a.elements, std::back_inserter(added), less);
    const std::string name = "set " + escape_text(a.name);
    if (gone.empty() && added.empty()) {
      say(name + " was changed");
      return;
    }
    say(name + ": " + std::to_string(gone.size()) + " elements gone, " +
        std::to_string(added.size()) + " added");
  }

  void chains(const model::Chain& a, const model::Chain& b) {
    const std::string name = "chain " + escape_text(a.name);
    if (a.rules == b.rules) {
      say(name + ": its hook, priority or policy was changed");
    } else {
      say(name + ": " + std::to_string(a.rules.size()) + " rules were applied, " +
          std::to_string(b.rules.size()) + " are there, and they differ");
    }
  }

  std::string table_;
  std::vector<std::string> out_;
};

}  // namespace

std::vector<std::string> differences(const std::vector<model::Table>& compiled,
                                     const std::vector<model::Table>& found) {
  std::vector<std::string> out;
  for (const model::Table& wanted : compiled) {
    const std::string name = "table " + family_word(wanted.family) + " " + escape_text(wanted.name);
    const auto there = std::ranges::find_if(found, [&wanted](const model::Table& t) {
      return t.backend == wanted.backend && t.family == wanted.family && t.name == wanted.name;
    });
    if (there == found.end()) {
      out.push_back(name + " is gone");
      continue;
    }
    const model::Table a = plain(wanted), b = plain(*there);
    if (a == b) continue;
    for (std::string& line : Comparer(name).run(a, b)) out.push_back(std::move(line));
  }
  for (const model::Table& there : found) {
    const bool wanted = std::ranges::any_of(compiled, [&there](const model::Table& t) {
      return t.backend == there.backend && t.family == there.family && t.name == there.name;
    });
    if (is_ours(there) && !wanted)
      out.push_back("table " + family_word(there.family) + " " + escape_text(there.name) +
                    " was added");
  }
  if (out.size() > kMostDifferences) {
    const std::size_t more = out.size() - kMostDifferences + 1;
    out.resize(kMostDifferences - 1);
    out.push_back("and " + std::to_string(more) + " more");
  }
  return out;
}

bool holds_port(const std::vector<model::Table>& compiled, std::string_view name) {
  const auto part = interface_part(name);
  const auto table = std::ranges::find_if(compiled, [](const model::Table& t) {
    return t.family == model::NfFamily::kBridge && is_ours(t);
  });
  if (!part || table == compiled.end()) return false;
  const auto ports = std::ranges::find(table->sets, "ports", &model::SetDef::name);
  return ports != table->sets.end() &&
         std::ranges::find(ports->elements, part->first, &model::SetElement::first) !=
             ports->elements.end();
}

}  // namespace bulkhead::compile
