#include "compile/compile.h"

#include <algorithm>

#include "base/text.h"
#include "compile/gather.h"
#include "compile/shape.h"
#include "model/json.h"

namespace bulkhead::compile {
namespace {

constexpr std::string_view kTable = "bulkhead";
constexpr std::string_view kMark = "@@";

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

// "@@inet.pol4@@" becomes the elements of that set; a line that then is empty goes.
std::string fill(const Elements& elements) {
  std::string out;
  std::string_view rest = shape_text();
  while (true) {
    const std::size_t at = rest.find("\t\t" + std::string(kMark));
    const std::size_t begin = at + 2 + kMark.size();
    const std::size_t end = at == std::string_view::npos ? at : rest.find(kMark, begin);
    if (end == std::string_view::npos) return out + std::string(rest);
    out += rest.substr(0, at);
    const std::string text = elements.text(rest.substr(begin, end - begin));
    if (!text.empty()) out += "\t\t" + text + "\n";
    rest.remove_prefix(end + kMark.size() + 1);  // with the end of the line
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
    number_rules(table);
    for (model::SetDef& set : table.sets) {
      auto elements = gathered->elements.model(std::string(word(table.family)) + set.name);
      if (!elements.empty()) set.elements = std::move(elements);
    }
  }
  out.text = head(input, *gathered) + fill(gathered->elements);
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
