#include "compile/compile.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "base/text.h"
#include "compile/gather.h"
#include "compile/shape.h"
#include "model/json.h"

namespace bulkhead::compile {
namespace {

constexpr std::string_view kTable = "bulkhead";
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
std::string repeated(const Gathered& gathered) {
  constexpr std::string_view kEach = "\t@@each ", kEnd = "\t@@end@@\n";
  std::string out;
  std::string_view rest = shape_text();
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
std::string fill(const Gathered& gathered) {
  std::string out;
  const std::string text = repeated(gathered);
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

std::string head(const Input& input, const Gathered& gathered) {
  std::string out = "# Made by bulkhead compile from " + escape_text(input.config.file) + ": " +
                    std::to_string(gathered.held.size()) + " containers held, " +
                    std::to_string(gathered.elements.size()) + " elements.\n";
  for (const std::string& what : gathered.unheld) out += "# not held: " + what + "\n";
  return out;
}

}  // namespace

bool is_enforced(const Input& input, policy::Mode mode) {
  return mode == policy::Mode::kEnforce || (mode == policy::Mode::kAudit && input.enforce_audited);
}

Result<Compiled> compile(const Input& input) {
  auto gathered = gather(input);
  if (!gathered) return std::unexpected(gathered.error());
  auto shape = model::read_snapshot(shape_json());
  if (!shape || shape->namespaces.size() != 1)
    return fail(ErrorCode::kInternal, "shape.json cannot be read");
  Compiled out;
  out.tables = std::move(shape->namespaces[0].ruleset.tables);
  for (model::Table& table : out.tables) {
    if (table.family == model::NfFamily::kInet) repeat_groups(table, *gathered);
    number_rules(table);
    for (model::SetDef& set : table.sets) {
      auto elements = gathered->elements.model(std::string(word(table.family)) + set.name);
      if (!elements.empty()) set.elements = std::move(elements);
    }
  }
  out.text = head(input, *gathered) + fill(*gathered);
  out.elements = gathered->elements.size();
  out.held = std::move(gathered->held);
  out.host_held = gathered->host_held;
  out.unheld = std::move(gathered->unheld);
  return out;
}

bool is_ours(const model::Table& table) {
  return table.name == kTable && !word(table.family).empty();
}

void install(model::Snapshot& snapshot, const std::vector<model::Table>& tables) {
  std::vector<model::Table>& all = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  std::erase_if(all, is_ours);
  all.insert(all.end(), tables.begin(), tables.end());
}

}  // namespace bulkhead::compile
