#include "report/views_text.h"

#include <algorithm>

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/views_parts.h"

namespace bulkhead::report {
namespace {

using Values = std::vector<std::pair<std::string_view, std::string>>;

// "192.0.2.10:8080, from 198.51.100.7 (some senders only)"
std::string witness_text(const verify::Reached& way, bool some, const Style& style) {
  std::string out = way_text(way);
  if (way.witness.source && !way.witness.source->is_unspecified())
    out += " " + say(Label::kWhoFrom, style, {{"source", way.witness.source->to_string()}});
  if (some) out += " (" + say(Label::kReachSome, style) + ")";
  if (way.forged) out += " (" + say(Label::kWhyForgedOnly, style) + ")";
  return out;
}

void one_service(std::string& out, const model::Snapshot& snapshot, const views::ServiceReached& s,
                 const Style& style) {
  std::string title = service_label(s.service.subject);
  if (s.service.subject.known_as != nullptr) title += ", " + service_text(s.service.subject, style);
  add_wrapped(out, "  ", inked(title, Ink::kBold, style), style);
  if (s.open.empty()) add_wrapped(out, "    ", say(Label::kWhoNobody, style), style);
  for (const views::Seen& seen : s.open) {
    const std::string who = names_text(views::names_of(snapshot, seen.seat));
    std::string how = witness_text(seen.cell.ways.front(), seen.cell.some, style);
    if (const std::size_t more = seen.cell.ways.size() - 1; more > 0 && style.details)
      how = ways_text(seen.cell.ways, 16);
    add_wrapped(out, "    " + padded(shortened(who, 28), 28) + " ", how, style);
  }
  for (const views::Seen& seen : s.unknown) {
    const Label label = seen.cell.contradicted ? Label::kViewContradiction : Label::kWhoUnknown;
    add_wrapped(out, "    ",
                say(label, style,
                    {{"pair", names_text(views::names_of(snapshot, seen.seat))},
                     {"reason", seen.cell.reason}}),
                style);
  }
}

std::string why_text(const views::PublishedUnused& port, const Style& style) {
  const Values values = {
      {"inside", inner_port_text(port.container_port, port.protocol)},
      {"rule", port.rules.empty() ? std::string() : rule_text(port.rules.back())},
      {"reason", port.reason}};
  if (port.contradicted) {
    return say(Label::kViewContradiction, style,
               {{"pair", safe(port.vantage)}, {"reason", port.reason}});
  }
  Label label = Label::kUnusedOther;
  switch (port.why) {
    case views::Why::kNobodyListens: label = Label::kUnusedNobodyListens; break;
    case views::Why::kLoopback: label = Label::kUnusedLoopback; break;
    case views::Why::kFirewall: label = Label::kUnusedFirewall; break;
    case views::Why::kNoAddress: label = Label::kUnusedNoAddress; break;
    case views::Why::kOther: label = Label::kUnusedOther; break;
    case views::Why::kUnknown: label = Label::kUnusedUnknown; break;
  }
  return say(label, style, values);
}

void one_port(std::string& out, const views::PublishedUnused& port, const Style& style) {
  std::string at;
  for (const IpAddress& bind : port.binds)
    at += (at.empty() ? "" : " ") + dial_text(bind, port.host_port);
  const std::string head = at + " -> " + safe(port.subject.container) + " " +
                           inner_port_text(port.container_port, port.protocol);
  add_wrapped(out, "  ", inked(head, Ink::kBold, style), style);
  add_wrapped(out, "    ", why_text(port, style), style);
  if (port.vantage.empty()) return;
  const std::string packet =
      safe(port.vantage) + " -> " + dial_text(port.witness.to, port.witness.port);
  add_wrapped(out, "    ",
              say(Label::kUnusedPacket, style, {{"packet", packet}, {"reason", port.reason}}),
              style);
}

Label prize_label(views::Prize prize) {
  switch (prize) {
    case views::Prize::kHostManagement: return Label::kPrizeHostManagement;
    case views::Prize::kManagement: return Label::kPrizeManagement;
    case views::Prize::kHost: return Label::kPrizeHost;
    case views::Prize::kContainer: return Label::kPrizeContainer;
  }
  return Label::kPrizeContainer;
}

Ink prize_ink(views::Prize prize) {
  switch (prize) {
    case views::Prize::kHostManagement:
    case views::Prize::kManagement: return Ink::kRed;
    case views::Prize::kHost: return Ink::kYellow;
    case views::Prize::kContainer: return Ink::kPlain;
  }
  return Ink::kPlain;
}

void one_chain(std::string& out, const views::Chain& chain, const Style& style) {
  const audit::Subject& target = chain.steps.back().service.subject;
  std::string title = say(prize_label(chain.prize), style) + ": " + service_label(target);
  if (target.known_as != nullptr) title += ", " + service_text(target, style);
  add_wrapped(out, "  ", inked(title, prize_ink(chain.prize), style), style);
  for (std::size_t i = 0; i < chain.steps.size(); ++i) {
    const views::Step& step = chain.steps[i];
    add_wrapped(out, "    " + std::to_string(i + 1) + ". ",
                safe(step.from) + " -> " + service_label(step.service.subject) + "  " +
                    witness_text(step.way, step.some, style),
                style);
  }
}

}  // namespace

std::string who_reaches_text(const model::Snapshot& snapshot, std::string_view what,
                             const views::WhoReaches& who, const Style& style) {
  std::string out;
  add_wrapped(out, "",
              say(Label::kWhoTitle, style,
                  {{"what", escape_text(what, 60)}, {"seats", std::to_string(who.seats)}}),
              style);
  if (who.as_attacker) add_wrapped(out, "", say(Label::kViewForged, style), style);
  if (who.services.empty()) add_wrapped(out, "  ", say(Label::kWhoNoService, style), style);
  for (const views::ServiceReached& s : who.services) one_service(out, snapshot, s, style);
  return out;
}

std::string unused_text(const views::Unused& unused, const Style& style) {
  std::string out;
  const auto unknown = static_cast<std::size_t>(
      std::ranges::count(unused.ports, views::Why::kUnknown, &views::PublishedUnused::why));
  add_wrapped(out, "",
              say(Label::kUnusedTitle, style,
                  {{"count", std::to_string(unused.ports.size() - unknown)},
                   {"unknown", std::to_string(unknown)},
                   {"published", std::to_string(unused.published)},
                   {"zones", std::to_string(unused.zones)}}),
              style);
  for (const views::PublishedUnused& port : unused.ports) one_port(out, port, style);
  return out;
}

std::string through_text(std::string_view from, const views::Through& through, const Style& style) {
  std::string out;
  add_wrapped(out, "",
              say(Label::kThroughTitle, style,
                  {{"from", escape_text(from, 60)}, {"depth", std::to_string(through.depth)}}),
              style);
  if (through.as_attacker) add_wrapped(out, "", say(Label::kViewForged, style), style);
  if (through.chains.empty()) add_wrapped(out, "  ", say(Label::kReachNothing, style), style);
  for (const views::Chain& chain : through.chains) one_chain(out, chain, style);
  if (through.more) add_wrapped(out, "", say(Label::kThroughMore, style), style);
  add_wrapped(
      out, "",
      say(Label::kThroughCounts, style,
          {{"taken", std::to_string(through.taken)}, {"unknown", std::to_string(through.unknown)}}),
      style);
  return out;
}

}  // namespace bulkhead::report
