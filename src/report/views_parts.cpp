#include "report/views_parts.h"

#include <algorithm>

#include "report/parts.h"

namespace bulkhead::report {

std::string service_label(const audit::Subject& subject) {
  const std::string port = port_text(subject.port.value_or(Port{}), subject.protocol);
  if (!subject.container.empty())
    return (subject.rootless ? safe(subject.engine) + "/" : "") + safe(subject.container) +
           (subject.on_host ? " (host) " : " ") + port;
  return "host: " + (subject.process.empty() ? "" : safe(subject.process) + " ") + port;
}

std::string way_text(const verify::Reached& way) {
  return dial_text(way.witness.to, way.witness.port);
}

std::string ways_text(const std::vector<verify::Reached>& ways, std::size_t most) {
  std::vector<std::string> seen;
  for (const verify::Reached& way : ways) {
    std::string text = way_text(way);
    if (std::ranges::find(seen, text) == seen.end()) seen.push_back(std::move(text));
  }
  std::string out;
  for (std::size_t i = 0; i < std::min(most, seen.size()); ++i)
    out += (out.empty() ? "" : " ") + seen[i];
  if (seen.size() > most) out += " +" + std::to_string(seen.size() - most);
  return out;
}

std::string names_text(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + safe(name);
  if (names.size() > 1) out += " (" + std::to_string(names.size()) + ")";
  return out;
}

std::string rule_text(const audit::RuleQuote& rule) {
  return rule.place + ": " + rule.text + (rule.author.empty() ? "" : " [" + rule.author + "]");
}

}  // namespace bulkhead::report
