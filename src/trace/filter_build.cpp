// Ruleset to Program: names to indexes, common comparisons to their fast form.
#include "trace/filter_build.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace bulkhead::trace::filtering {
namespace {

constexpr unsigned kDeepestTerm = 24;

class Builder {
 public:
  explicit Builder(Program& program) : p_(program) {}

  void table(const model::Table& table) {
    table_ = &table;
    chain_index_.clear();
    set_index_.clear();
    const auto first_chain = static_cast<std::uint32_t>(p_.chains.size());
    for (const model::Chain& chain : table.chains) {
      chain_index_.emplace(chain.name, static_cast<std::int32_t>(p_.chains.size()));
      p_.chains.push_back({0, 0, &chain, &table, kNone});
    }
    for (const model::SetDef& set : table.sets) add_set(set);
    for (std::uint32_t i = 0; i < table.chains.size(); ++i) add_rules(first_chain + i);
  }

 private:
  std::uint32_t text(std::string why) {
    const auto [at, is_new] =
        texts_.emplace(std::move(why), static_cast<std::uint32_t>(p_.texts.size()));
    if (is_new) p_.texts.push_back(at->first);
    return at->second;
  }

  VerdictCode verdict(const model::Verdict& v) const {
    VerdictCode code{v.kind, -1, v.queue_bypass};
    const auto at = chain_index_.find(v.chain);
    if (at != chain_index_.end()) code.chain = at->second;
    return code;
  }

  void add_set(const model::SetDef& definition) {
    set_index_.emplace(definition.name, static_cast<std::uint32_t>(p_.sets.size()));
    SetCode& set = p_.sets.emplace_back(definition);
    for (ElementCode& element : set.elements()) {
      if (element.element->verdict) element.verdict = verdict(*element.element->verdict);
    }
  }

  std::uint32_t find_set(const std::string& name) const {
    const auto at = set_index_.find(name);
    return at == set_index_.end() ? kNone : at->second;
  }

  void add_rules(std::uint32_t chain) {
    p_.chains[chain].first = static_cast<std::uint32_t>(p_.rules.size());
    for (const model::Rule& rule : p_.chains[chain].chain->rules) {
      RuleCode code{static_cast<std::uint32_t>(p_.ops.size()), 0, &rule};
      for (const model::Statement& statement : rule.statements) add_statement(statement);
      code.end = static_cast<std::uint32_t>(p_.ops.size());
      p_.rules.push_back(code);
    }
    p_.chains[chain].end = static_cast<std::uint32_t>(p_.rules.size());
    if (p_.fast) add_index(p_.chains[chain]);
  }

  void add_index(ChainCode& chain) {
    if (chain.end - chain.first < ChainIndex::kShortest) return;
    ChainIndex index = ChainIndex::build(p_, chain);
    if (!index.is_useful()) return;
    chain.index = static_cast<std::uint32_t>(p_.indexes.size());
    p_.indexes.push_back(std::move(index));
  }

  // ------------------------------------------------------------------------------- terms

  std::uint32_t term(const model::Term& model_term, unsigned depth = 0) {
    const auto index = static_cast<std::uint32_t>(p_.terms.size());
    p_.terms.emplace_back();
    fill(index, model_term, depth);
    return index;
  }

  std::uint32_t term(const std::optional<model::Term>& model_term) {
    return model_term ? term(*model_term) : kNone;
  }

  void fill(std::uint32_t index, const model::Term& model_term, unsigned depth) {
    if (depth > kDeepestTerm) return;  // `term` stays null: not known
    TermCode code;
    code.term = &model_term;
    const FieldPlace place = field_of(model_term);
    code.field = place.field;
    code.field_width = place.width;
    code.field_bytes = place.bytes;
    const model::Terms* children = children_of(model_term);
    if (children != nullptr && !children->empty()) {
      code.first_child = static_cast<std::uint32_t>(p_.terms.size());
      code.children = static_cast<std::uint32_t>(children->size());
      p_.terms.resize(p_.terms.size() + children->size());
    }
    if (const auto* map = std::get_if<model::MapTerm>(&model_term.node)) {
      code.set = find_set(map->set);
      code.text = text("map " + escape_text(map->set));
    } else if (const auto* any = std::get_if<model::ArbitraryTerm>(&model_term.node)) {
      code.text = text(escape_text(any->source));
    } else if (const auto* opaque = std::get_if<model::OpaqueTerm>(&model_term.node)) {
      code.text = text("expression '" + escape_text(opaque->what) + "' not understood");
    }
    p_.terms[index] = code;
    for (std::uint32_t i = 0; i < code.children; ++i)
      fill(code.first_child + i, (*children)[i], depth + 1);
  }

  // -------------------------------------------------------------------------- statements

  void add_statement(const model::Statement& statement) {
    OpDetail detail;
    detail.statement = &statement;
    std::visit([&](const auto& s) { details(detail, s); }, statement);
    note_conntrack_use(p_, *table_, detail);
    Op op;
    op.detail = static_cast<std::uint32_t>(p_.details.size());
    p_.details.push_back(detail);
    if (!p_.fast) {
      p_.ops.push_back(op);
      return;
    }
    if (const auto* compare = std::get_if<model::Compare>(&statement)) make_fast(p_, op, *compare);
    if (const auto* range = std::get_if<model::InRange>(&statement)) make_fast(op, *range);
    if (!lower(p_, op, p_.ops)) p_.ops.push_back(op);
  }

  void details(OpDetail& op, const model::Compare& s) { op.terms[0] = term(s.left); }
  void details(OpDetail& op, const model::InRange& s) { op.terms[0] = term(s.left); }
  void details(OpDetail& op, const model::InSet& s) {
    op.terms[0] = term(s.key);
    op.set = find_set(s.set);
    op.text = text("set " + escape_text(s.set));
  }
  void details(OpDetail& op, const model::VerdictMap& s) {
    op.terms[0] = term(s.key);
    op.set = find_set(s.set);
    op.text = text("verdict map " + escape_text(s.set));
  }
  void details(OpDetail& op, const model::Decide& s) {
    op.verdict = verdict(s.verdict);
    op.text = text(why_of(s.verdict));
  }
  void details(OpDetail& op, const model::SetMeta& s) { op.terms[0] = term(s.value); }
  void details(OpDetail& op, const model::SetCt& s) { op.terms[0] = term(s.value); }
  void details(OpDetail& op, const model::SetPayload& s) { op.terms[0] = term(s.value); }
  void details(OpDetail& op, const model::Nat& s) {
    op.terms = {term(s.address), term(s.address_max), term(s.port), term(s.port_max)};
  }
  void details(OpDetail&, const model::Reject&) {}
  void details(OpDetail&, const model::Notrack&) {}
  void details(OpDetail&, const model::Tproxy&) {}
  void details(OpDetail&, const model::Forward&) {}
  void details(OpDetail& op, const model::May& s) {
    op.text = text(escape_text(s.detail.empty() ? s.what : s.what + " " + s.detail));
  }
  void details(OpDetail& op, const model::UpdateSet& s) {
    op.terms[0] = term(s.key);
    const std::uint32_t set = find_set(s.set);
    if (set == kNone) return;
    p_.sets[set].filled_by_rules = true;
    p_.sets[set].why_filled = "set " + escape_text(s.set) + ", which rules fill";
  }
  void details(OpDetail&, const model::Observe&) {}
  void details(OpDetail&, const model::XtHeader&) {}
  void details(OpDetail& op, const model::XtMatch& s) {
    std::string why = "xt match '" + escape_text(s.name) + "'";
    if (const auto* may = std::get_if<model::xt::May>(&s.info)) {
      if (!may->detail.empty()) why += " " + escape_text(may->detail);
    } else if (std::holds_alternative<model::xt::Opaque>(s.info)) {
      why += " not understood";
    } else if (const auto* set = std::get_if<model::xt::Set>(&s.info)) {
      op.ipset = find_ipset(set->index);
      if (op.ipset == kNone) why += ": no set of that number";
    }
    op.text = text(std::move(why));
  }
  void details(OpDetail& op, const model::XtTarget& s) {
    std::string why = "xt target '" + escape_text(s.name) + "'";
    if (std::holds_alternative<model::xt::Opaque>(s.info)) why += " not understood";
    if (const auto* standard = std::get_if<model::xt::Standard>(&s.info)) {
      op.verdict = verdict(standard_verdict(*standard));
      why = why_of(standard_verdict(*standard));
    }
    op.text = text(std::move(why));
  }
  void details(OpDetail& op, const model::OpaqueStatement& s) {
    op.text = text("expression '" + escape_text(s.what) + "' not understood");
  }

  static model::Verdict standard_verdict(const model::xt::Standard& s) {
    using model::VerdictKind;
    using model::xt::StandardVerdict;
    switch (s.verdict) {
      case StandardVerdict::kAccept: return {VerdictKind::kAccept, {}, 0, false};
      case StandardVerdict::kDrop: return {VerdictKind::kDrop, {}, 0, false};
      case StandardVerdict::kReturn: return {VerdictKind::kReturn, {}, 0, false};
      case StandardVerdict::kQueue: return {VerdictKind::kQueue, {}, 0, false};
      case StandardVerdict::kJump: return {VerdictKind::kJump, s.chain, 0, false};
      case StandardVerdict::kGoto: return {VerdictKind::kGoto, s.chain, 0, false};
    }
    return {};
  }

  static std::string why_of(const model::Verdict& v) {
    using model::VerdictKind;
    switch (v.kind) {
      case VerdictKind::kQueue: return "queue " + std::to_string(v.queue);
      case VerdictKind::kStolen: return "stolen";
      case VerdictKind::kJump:
      case VerdictKind::kGoto:
        return "a jump to chain '" + escape_text(v.chain) + "', which is not there";
      case VerdictKind::kAccept:
      case VerdictKind::kDrop:
      case VerdictKind::kContinue:
      case VerdictKind::kReturn: break;
    }
    return "verdict";
  }

  std::uint32_t find_ipset(std::uint32_t index) const {
    for (std::uint32_t i = 0; i < p_.ipsets.size(); ++i) {
      if (p_.ipsets[i].set().index == index) return i;
    }
    return kNone;
  }

  Program& p_;
  const model::Table* table_ = nullptr;
  std::unordered_map<std::string, std::int32_t> chain_index_;
  std::unordered_map<std::string, std::uint32_t> set_index_;
  std::map<std::string, std::uint32_t> texts_;
};

}  // namespace

Program::Program(const model::Ruleset& rules_in, bool little_endian_host, bool fast_compares)
    : ruleset(&rules_in), little_endian(little_endian_host), fast(fast_compares) {
  for (const model::IpSet& set : ruleset->ipsets) ipsets.emplace_back(set);
  Builder builder(*this);
  for (const model::Table& table : ruleset->tables) builder.table(table);
  add_hooks(*this);
}

}  // namespace bulkhead::trace::filtering
