#include "report/audit_parts.h"

#include <algorithm>

#include "base/text.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

constexpr std::size_t kLongestPair = 120, kLongestReason = 200, kLongestExample = 100;

}  // namespace

std::string quote_text(const audit::RuleQuote& quote, const Style& style) {
  std::string out = quote.place + ": " + quote.text;
  if (!quote.author.empty())
    out += " (" + say(Label::kPolicyOf, style, {{"author", quote.author}}) + ")";
  return out;
}

std::string reached_text(const audit::Reach& reach, const Style& style) {
  std::string out =
      vantage_text(reach, style) + " -> " + dial_text(reach) + "/" + to_string(reach.protocol);
  if (reach.source)
    out += ", " + say(Label::kWitness, style, {{"source", reach.source->to_string()}});
  if (reach.some) out += " (" + say(Label::kSome, style) + ")";
  if (reach.forged)
    out += "; " + say(Label::kForgedOnly, style, {{"forged", forged_text(reach, style)}});
  if (!reach.observed.empty())
    out += "; " + say(Label::kObserved, style, {{"how", safe(reach.observed)}});
  return out;
}

std::string socket_text(const audit::SocketEvidence& socket) {
  std::string who =
      safe(socket.process) + (socket.pid == 0 ? "" : " pid " + std::to_string(socket.pid));
  if (!socket.container.empty()) who += " (" + safe(socket.container) + ")";
  return dial_text(socket.address, socket.port) + " " + who;
}

std::string step_text(const audit::PathStep& step, const Style& style) {
  std::string out =
      (step.reply ? say(Label::kReplyLeg, style) + " " : "") + safe(step.where) + " " + step.stage;
  if (!step.interface.empty()) out += " " + safe(step.interface);
  return out + (step.detail.empty() ? "" : ": " + step.detail);
}

std::string crossing_text(const audit::LinkCrossing& crossing, const Style& style) {
  return say(Label::kCrossing, style,
             {{"way", say(way_label(crossing.way), style)},
              {"open", std::to_string(crossing.open)},
              {"count", std::to_string(crossing.open + crossing.closed + crossing.unknown)},
              {"unknown", std::to_string(crossing.unknown)}});
}

std::string closes_text(const audit::Effect& effect, const Style& style) {
  const auto pairs = each(effect.closed_pairs,
                          [](const std::string& pair) { return escape_text(pair, kLongestPair); });
  return say(Label::kEffectCloses, style,
             {{"count", std::to_string(effect.closes)}, {"pairs", listed(pairs)}});
}

std::string references_text(const audit::Finding& finding) {
  return listed(each(finding.references, [](const audit::Reference& r) {
    return std::string(r.standard) + " " + std::string(r.section);
  }));
}

std::string unknown_text(const audit::Unknown& unknown, const Style& style) {
  return say(
      Label::kUnknownReason, style,
      {{"count", std::to_string(unknown.count)},
       {"reason", escape_text(unknown.reason, kLongestReason)},
       {"example",
        unknown.examples.empty() ? "-" : escape_text(unknown.examples.front(), kLongestExample)}});
}

std::string attackers_text(const audit::Report& report, const Style& style) {
  const auto& pairs = report.attackers;
  return say(Label::kAttackerLine, style,
             {{"asked", std::to_string(pairs.asked)},
              {"open", std::to_string(pairs.open)},
              {"unknown", std::to_string(pairs.unknown)}});
}

std::vector<std::pair<std::string, std::vector<std::string>>> open_to_zones(
    const audit::Report& report, const Style& style) {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (const audit::Exposure& e : report.exposures) {
    for (const audit::Exposed& exposed : e.open) {
      if (!report.all_vantages[exposed.vantage].role || exposed.as_attacker) continue;
      const audit::Opening reach = report.opening(e, exposed);
      const std::string zone = vantage_text(reach, style);
      auto at = std::ranges::find(out, zone, [](const auto& z) { return z.first; });
      if (at == out.end()) at = out.insert(out.end(), {zone, {}});
      at->second.push_back(port_text(reach.port, reach.protocol) + " " +
                           service_text(e.subject, style) + " - " + owner_text(e.subject, style));
    }
  }
  return out;
}

std::vector<std::string> guessed_zones(const audit::Report& report) {
  std::vector<std::string> out;
  for (const policy::Zone& z : report.zones) {
    if (z.guessed) out.push_back(safe(z.name) + " (" + safe(z.interface) + ")");
  }
  return out;
}

bool is_up_to_uplink(const audit::Report& report) {
  return std::ranges::any_of(report.exposures, [&](const audit::Exposure& e) {
    return std::ranges::any_of(e.open, [&](const audit::Exposed& exposed) {
      return exposed.to.is_v4() && report.all_vantages[exposed.vantage].private_uplink;
    });
  });
}

std::string listed(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

std::vector<std::string> compared_lines(const audit::Report& report, const Style& style) {
  constexpr std::uint64_t kHourMs = 3'600'000;
  return each(report.compared, [&](const audit::ComparedScan& scan) {
    return say(scan.after ? Label::kComparedAfter : Label::kCompared, style,
               {{"zone", safe(scan.vantage)},
                {"host", safe(scan.host)},
                {"instant", utc_text(scan.taken_at_ms)},
                {"hours", std::to_string(scan.age_ms / kHourMs)}});
  });
}

}  // namespace bulkhead::report
