#include "compile/compile.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <variant>

#include "base/text.h"
#include "compile/gather.h"
#include "compile/shape.h"
#include "model/json.h"

namespace bulkhead::compile {
namespace {

constexpr std::string_view kTable = "bulkhead";
constexpr std::string_view kAuditTable = "bulkhead_audit";  // inet
constexpr std::string_view kMark = "@@";
constexpr std::string_view kFirst = "_0";  // ends the names of the first group

std::string_view word(model::NfFamily family) {
  switch (family) {
    case model::NfFamily::kInet: return "inet.";
    case model::NfFamily::kArp: return "arp.";
    case model::NfFamily::kBridge: return "bridge.";
    case model::NfFamily::kIp:
    case model::NfFamily::kIp6:
    case model::NfFamily::kNetdev: return "";
  }
  return "";
}

std::size_t count_of(const Gathered& gathered, std::string_view set) {
  const std::size_t groups = set == "inet.egr4" ? gathered.groups4 : gathered.groups6;
  return std::max<std::size_t>(groups, 1);
}

std::string replaced(std::string text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

// What stands between "@@each inet.egr4@@" and "@@end@@" is there once for each group.
std::string repeated(std::string_view shape, const Gathered& gathered) {
  constexpr std::string_view kEach = "\t@@each ", kEnd = "\t@@end@@\n";
  std::string out;
  std::string_view rest = shape;
  while (true) {
    const std::size_t at = rest.find(kEach);
    if (at == std::string_view::npos) return out + std::string(rest);
    const std::size_t name = at + kEach.size(), body = rest.find('\n', name) + 1;
    const std::size_t end = rest.find(kEnd, body);
    const std::size_t count = count_of(gathered, rest.substr(name, rest.find(kMark, name) - name));
    out += rest.substr(0, at);
    for (std::size_t i = 0; i < count; ++i)
      out += replaced(std::string(rest.substr(body, end - body)), kFirst, "_" + std::to_string(i));
    rest.remove_prefix(end + kEnd.size());
  }
}

// "@@inet.pol4@@" becomes the elements of that set; a line that then is empty goes.
std::string fill(std::string_view shape, const Gathered& gathered) {
  std::string out;
  const std::string text = repeated(shape, gathered);
  std::string_view rest = text;
  while (true) {
    const std::size_t at = rest.find("\t\t" + std::string(kMark));
    const std::size_t begin = at + 2 + kMark.size();
    const std::size_t end = at == std::string_view::npos ? at : rest.find(kMark, begin);
    if (end == std::string_view::npos) return out + std::string(rest);
    out += rest.substr(0, at);
    const std::string elements = gathered.elements.text(rest.substr(begin, end - begin));
    if (!elements.empty()) out += "\t\t" + elements + "\n";
    rest.remove_prefix(end + kMark.size() + 1);  // with the end of the line
  }
}

// The copy of a chain that asks the set of another group.
model::Chain for_group(model::Chain chain, const std::string& number) {
  chain.name = replaced(std::move(chain.name), kFirst, number);
  for (model::Rule& rule : chain.rules) {
    for (model::Statement& statement : rule.statements) {
      if (auto* lookup = std::get_if<model::InSet>(&statement))
        lookup->set = replaced(std::move(lookup->set), kFirst, number);
    }
  }
  return chain;
}

model::SetDef for_group(model::SetDef set, const std::string& number) {
  set.name = replaced(std::move(set.name), kFirst, number);
  return set;
}

template <class Named>
void repeat(std::vector<Named>& all, const std::string& name, std::size_t count) {
  const auto first = std::ranges::find(all, name, &Named::name);
  if (first == all.end()) return;
  std::vector<Named> more;
  for (std::size_t i = 1; i < count; ++i)
    more.push_back(for_group(*first, "_" + std::to_string(i)));
  all.insert(std::next(first), more.begin(), more.end());
}

// As repeated() does in the text.
void repeat_groups(model::Table& table, const Gathered& gathered) {
  for (const std::string family : {"4", "6"}) {
    const std::size_t count = count_of(gathered, "inet.egr" + family);
    repeat(table.sets, "egr" + family + "_0", count);
    repeat(table.chains, "to" + family + "_0", count);
  }
}

// Answers name a rule by its handle; the kernel will give others.
void number_rules(model::Table& table) {
  std::uint64_t next = 1;
  for (model::Chain& chain : table.chains) {
    for (model::Rule& rule : chain.rules) rule.handle = next++;
  }
}

std::string head(const Input& input, const Compiled& compiled) {
  std::string out = "# Made by bulkhead compile from " + escape_text(input.config.file) + ": " +
                    std::to_string(compiled.held.size()) + " containers held, " +
                    std::to_string(compiled.audited.size()) + " audited, " +
                    std::to_string(compiled.elements) + " elements.\n";
  for (const std::string& what : compiled.unheld) out += "# not held: " + what + "\n";
  return out;
}

// Tables that are not loaded are taken away nevertheless: an earlier policy may have had them.
std::string without(std::string_view shape) {
  std::string out;
  while (!shape.empty()) {
    const std::size_t end = std::min(shape.find('\n'), shape.size() - 1) + 1;
    const std::string_view line = shape.substr(0, end);
    if (line.starts_with("add table ") || line.starts_with("delete table ")) out += line;
    shape.remove_prefix(end);
  }
  return out;
}

// A shape with the elements of a policy in it.
struct Filled {
  std::vector<model::Table> tables;
  std::string text;
};
Result<Filled> filled(std::string_view shape, std::string_view record, const Gathered& gathered) {
  auto read = model::read_snapshot(record);
  if (!read || read->namespaces.size() != 1)
    return fail(ErrorCode::kInternal, "the record of the rules cannot be read");
  Filled out{std::move(read->namespaces[0].ruleset.tables), fill(shape, gathered)};
  for (model::Table& table : out.tables) {
    if (table.family == model::NfFamily::kInet) repeat_groups(table, gathered);
    number_rules(table);
    for (model::SetDef& set : table.sets) {
      auto elements = gathered.elements.model(std::string(word(table.family)) + set.name);
      if (!elements.empty()) set.elements = std::move(elements);
    }
  }
  return out;
}

bool holds(const Gathered& gathered) {
  return !gathered.held.empty() || gathered.host_held;
}

// Puts a shape into `out`, or what takes its tables away.
Status put(std::string_view shape, std::string_view record, const Gathered* gathered,
           Compiled& out) {
  if (gathered == nullptr) {
    out.text += without(shape);
    return {};
  }
  auto made = filled(shape, record, *gathered);
  if (!made) return std::unexpected(made.error());
  out.text += made->text;
  for (model::Table& table : made->tables) out.tables.push_back(std::move(table));
  out.elements += gathered->elements.size();
  return {};
}

// What is only counted is found by the elements of a policy that enforces it, too; null when there
// is nothing in mode audit.
Result<std::unique_ptr<Gathered>> audited(const Input& input, const Gathered& enforced,
                                          Compiled& out) {
  if (input.enforce_audited) return nullptr;
  const Input both{input.config,   input.bound,  input.zones,
                   input.snapshot, input.now_ms, /*enforce_audited=*/true};
  auto gathered = gather(both);
  if (!gathered) return std::unexpected(gathered.error());
  std::ranges::set_difference(gathered->held, enforced.held, std::back_inserter(out.audited));
  out.host_audited = gathered->host_held && !enforced.host_held;
  for (const std::string& what : gathered->apart) {
    if (std::ranges::find(out.unheld, what) == out.unheld.end()) out.unheld.push_back(what);
  }
  if (out.audited.empty() && !out.host_audited) return nullptr;
  return std::make_unique<Gathered>(*std::move(gathered));
}

}  // namespace

bool is_enforced(const Input& input, policy::Mode mode) {
  return mode == policy::Mode::kEnforce || (mode == policy::Mode::kAudit && input.enforce_audited);
}

Result<Compiled> compile(const Input& input) {
  auto gathered = gather(input);
  if (!gathered) return std::unexpected(gathered.error());
  Compiled out;
  out.held = gathered->held;
  out.host_held = gathered->host_held;
  out.unheld = gathered->unheld;
  const auto counted = audited(input, *gathered, out);
  if (!counted) return std::unexpected(counted.error());
  out.interfaces = *counted ? (*counted)->interfaces : gathered->interfaces;
  const Gathered* enforced = holds(*gathered) ? &*gathered : nullptr;
  if (auto s = put(shape_text(), shape_json(), enforced, out); !s)
    return std::unexpected(s.error());
  if (auto s = put(audit_text(), audit_json(), counted->get(), out); !s)
    return std::unexpected(s.error());
  out.text.insert(0, head(input, out));
  return out;
}

bool is_audit(const model::Table& table) {
  return table.name == kAuditTable && table.family == model::NfFamily::kInet;
}

bool is_ours(const model::Table& table) {
  return is_audit(table) || (table.name == kTable && !word(table.family).empty());
}

void install(model::Snapshot& snapshot, const std::vector<model::Table>& tables) {
  std::vector<model::Table>& all = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  std::erase_if(all, is_ours);
  all.insert(all.end(), tables.begin(), tables.end());
}

}  // namespace bulkhead::compile
