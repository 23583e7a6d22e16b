#include "report/why.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/inventory.h"
#include "base/text.h"
#include "query/jsonl.h"
#include "report/json_reached.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/trace_text.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;
using Values = std::vector<std::pair<std::string_view, std::string>>;

// Of an open one: for how many senders and which packets.
std::string limits_text(const verify::Why& why, const Style& style) {
  const auto& open = why.computed.open;
  if (why.verdict() != trace::Verdict::kOpen) return {};
  const auto all = [&](bool verify::Reached::* what) {
    return std::ranges::all_of(open, [what](const verify::Reached& r) { return r.*what; });
  };
  std::string out;
  if (all(&verify::Reached::some)) out += " (" + say(Label::kReachSome, style) + ")";
  if (all(&verify::Reached::forged)) out += " (" + say(Label::kWhyForgedOnly, style) + ")";
  return out;
}

void doubts(std::string& out, const model::Snapshot& snapshot, const verify::Why& why,
            const Style& style) {
  const auto& computed = why.computed;
  const std::string example =
      dial_text(why.target.to, why.target.port) + "/" + std::string(to_string(why.target.protocol));
  const auto line = [&](Label label, const Values& values) {
    add_wrapped(out, "  ", say(label, style, values), style);
  };
  if (why.contradicted())
    line(Label::kReachContradiction,
         {{"to", example},
          {"verdict", say(verdict_label(why.reply.answer.verdict), style)},
          {"reason", why.reply.answer.reason}});
  for (const verify::WayOut& w : computed.leaves)
    line(Label::kReachLeaves, {{"link", safe(audit::link_name(snapshot, w.ns, w.link))},
                               {"where", safe(audit::name_of(snapshot, w.ns))},
                               {"what", std::string(to_string(w.protocol))}});
  for (const verify::Unknown& u : computed.unknown)
    line(Label::kReachUnknown, {{"reason", u.reason}, {"example", example}});
}

Json ways_json(const model::Snapshot& snapshot, const std::vector<verify::Reached>& ways) {
  Json out = Json::array();
  for (const verify::Reached& r : ways) out.push_back(reached_json(snapshot, r));
  return out;
}

}  // namespace

std::string why_text(const model::Snapshot& snapshot, const query::Vantage& from,
                     const verify::Why& why, const Style& style) {
  std::string out;
  const Label title = why.target.as_attacker ? Label::kWhyTitleForged : Label::kWhyTitle;
  add_wrapped(out, "",
              say(title, style,
                  {{"from", escape_text(from.to_string(), 60)},
                   {"to", why.target.to.to_string()},
                   {"port", port_text(why.target.port, why.target.protocol)},
                   {"verdict", say(verdict_label(why.verdict()), style)}}) +
                  limits_text(why, style),
              style);
  doubts(out, snapshot, why, style);
  add_wrapped(out, "", say(Label::kWhyOne, style), style);
  return out + trace_text(snapshot, from, why.target, why.reply, why.opening, style);
}

std::string why_json(const model::Snapshot& snapshot, const query::Vantage& from,
                     const verify::Why& why) {
  Json leaves = Json::array(), unknown = Json::array();
  for (const verify::WayOut& w : why.computed.leaves)
    leaves.push_back({{"link", audit::link_name(snapshot, w.ns, w.link)},
                      {"place", audit::name_of(snapshot, w.ns)}});
  for (const verify::Unknown& u : why.computed.unknown) unknown.push_back(u.reason);
  Json out = {{"schema", "https://bulkhead.example/schemas/reach-why/1"},
              {"from", from.to_string()},
              {"to", why.target.to.to_string()},
              {"port", why.target.port.number},
              {"proto", to_string(why.target.protocol)}};
  if (why.target.as_attacker) out["as"] = "attacker";
  out["verdict"] = trace::to_string(why.verdict());
  if (why.contradicted()) out["contradicted"] = true;
  out["ways"] = ways_json(snapshot, why.computed.open);
  out["leaves"] = std::move(leaves);
  out["unknown"] = std::move(unknown);
  const std::string packet = query::answer_line(from, why.target, why.reply, why.opening);
  out["packet"] = Json::parse(packet, nullptr, false);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
