#include "report/parts.h"

#include <algorithm>

#include "base/scoped_address.h"
#include "base/text.h"
#include "services/catalogue.h"

namespace bulkhead::report {
namespace {

constexpr std::size_t kLongestName = 40, kLongestValue = 160;

std::string container_name(std::string_view vantage) {
  const std::size_t colon = vantage.find(':');
  std::string_view name = colon == std::string_view::npos ? vantage : vantage.substr(colon + 1);
  const std::size_t slash = name.find('/');
  return safe(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

// "connections and forged packets pass; not known of frames that are not IP"
std::string ways_text(const audit::Finding& finding, const Style& style) {
  std::string out;
  for (const auto& [verdict, label] : {std::pair{Verdict::kOpen, Label::kWayPasses},
                                       std::pair{Verdict::kClosed, Label::kWayStopped},
                                       std::pair{Verdict::kUnknown, Label::kWayUnknown}}) {
    std::vector<std::string> ways;
    for (const audit::LinkCrossing& c : finding.crossings) {
      if (c.verdict() == verdict) ways.push_back(say(way_label(c.way), style));
    }
    if (ways.empty()) continue;
    out += (out.empty() ? "" : "; ") + say(label, style, {{"ways", joined(ways, style)}});
  }
  if (out.empty())
    out = say(Label::kWayUnknown, style, {{"ways", say(Label::kWayConnections, style)}});
  return out;
}

}  // namespace

std::string safe(std::string_view name) {
  return escape_text(name, kLongestName);
}

std::string port_text(Port port, IpProtocol protocol) {
  return std::to_string(port.number) + "/" + to_string(protocol);
}

std::string inner_port_text(Port port, IpProtocol protocol) {
  if (port.number != 0) return port_text(port, protocol);
  return "?/" + std::string(to_string(protocol));
}

std::string contradicted_text(const audit::Contradiction& c) {
  if (!c.last) return port_text(c.port, c.protocol);
  return std::to_string(c.port.number) + "-" + port_text(*c.last, c.protocol);
}

std::string dial_text(IpAddress to, Port port) {
  return (to.is_v6() ? "[" + to.to_string() + "]" : to.to_string()) + ":" +
         std::to_string(port.number);
}

std::string dial_text(const audit::Opening& opening) {
  if (opening.link.empty()) return dial_text(opening.to, opening.port);
  return "[" + ScopedAddress{opening.to, opening.link}.to_string() +
         "]:" + std::to_string(opening.port.number);
}

std::string utc_text(std::uint64_t unix_ms) {
  const std::uint64_t minutes = unix_ms / 60000;
  const std::uint64_t days = minutes / 1440;
  // Days to a civil date: eras of 400 years that begin on 1 March (proleptic Gregorian).
  const std::uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
  const std::uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const std::uint64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  const std::uint64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const auto two = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return std::to_string(year) + "-" + two(month) + "-" + two(day) + " " + two(minutes / 60 % 24) +
         ":" + two(minutes % 60) + " UTC";
}

std::string utc_seconds_text(std::uint64_t unix_ms) {
  std::string out = utc_text(unix_ms);
  const std::uint64_t seconds = unix_ms / 1000 % 60;
  return out.insert(out.size() - 4, (seconds < 10 ? ":0" : ":") + std::to_string(seconds));
}

std::string say(Label label, const Style& style,
                const std::vector<std::pair<std::string_view, std::string>>& values) {
  return fill(words(style.language, label), values);
}

std::string owner_text(const audit::Subject& subject, const Style& style) {
  if (subject.container.empty()) return say(Label::kHostService, style);
  std::string owner = subject.project.empty() || subject.service.empty()
                          ? safe(subject.container)
                          : safe(subject.project) + "/" + safe(subject.service);
  if (subject.rootless) owner += " (" + safe(subject.engine) + ")";
  if (subject.on_host) return say(Label::kOnHostNetwork, style, {{"owner", owner}});
  return owner;
}

std::string service_text(const audit::Subject& subject, const Style& style) {
  if (subject.known_as == nullptr) {
    return subject.process.empty() ? say(Label::kSomeService, style) : safe(subject.process);
  }
  const std::string name(subject.known_as->name);
  return subject.known_by == services::KnownBy::kPort
             ? say(Label::kByPort, style, {{"service", name}})
             : name;
}

std::string vantage_text(const audit::Opening& reach, const Style& style) {
  const std::string& v = reach.vantage;
  if (v == "internet") return say(Label::kTheInternet, style);
  if (v == "lan") return say(Label::kTheLan, style);
  if (v == "host") return say(Label::kTheHost, style);
  if (v.starts_with("lan:")) return say(Label::kLanOf, style, {{"interface", safe(v.substr(4))}});
  if (v.starts_with("zone:")) return say(Label::kZone, style, {{"zone", safe(v.substr(5))}});
  return say(Label::kOneContainer, style, {{"a", container_name(v)}});
}

std::string listener_text(const model::Socket* socket, Port port, IpProtocol protocol,
                          const Style& style) {
  const bool owned = socket != nullptr && !socket->owners.empty();
  const std::string process = owned ? socket->owners.front().command : std::string();
  const auto match =
      services::match(socket != nullptr ? socket->port : port, protocol, process, "");
  std::string out;
  if (match.service != nullptr) {
    out = match.service->name;
    if (match.by == services::KnownBy::kPort) out = say(Label::kByPort, style, {{"service", out}});
  }
  if (!process.empty()) out += (out.empty() ? "" : ", ") + safe(process);
  return out;
}

std::string joined(const std::vector<std::string>& parts, const Style& style) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += say(i + 1 == parts.size() ? Label::kAnd : Label::kListSeparator, style);
    out += parts[i];
  }
  return out;
}

std::string who_text(const std::vector<audit::Reach>& reaches, const Style& style) {
  std::vector<std::string> parts, containers;
  const bool forged = audit::only_forged(reaches);
  for (const audit::Reach& reach : reaches) {
    if (reach.forged.has_value() != forged) continue;
    if (reach.vantage.starts_with("container:")) {
      containers.push_back(container_name(reach.vantage));
      for (const std::string& other : reach.also) containers.push_back(safe(other));
    } else if (std::string text = vantage_text(reach, style);
               std::ranges::find(parts, text) == parts.end()) {
      parts.push_back(std::move(text));
    }
  }
  if (containers.size() == 1)
    parts.push_back(say(Label::kOneContainer, style, {{"a", containers[0]}}));
  if (containers.size() == 2) {
    parts.push_back(
        say(Label::kTwoContainers, style, {{"a", containers[0]}, {"b", containers[1]}}));
  }
  if (containers.size() > 2) {
    parts.push_back(
        say(Label::kManyContainers, style, {{"count", std::to_string(containers.size())}}));
  }
  return joined(parts, style);
}

std::string forged_text(const audit::Reach& reach, const Style& style) {
  if (!reach.forged) return {};
  const audit::Forgery& f = *reach.forged;
  std::vector<std::string> parts;
  const std::string source = reach.source ? reach.source->to_string() : "";
  if (f.foreign_source) parts.push_back(say(Label::kForgedSource, style, {{"address", source}}));
  if (f.other_source) parts.push_back(say(Label::kForgedOtherSource, style, {{"address", source}}));
  if (f.odd_port) {
    parts.push_back(
        say(Label::kForgedPort, style, {{"port", std::to_string(f.source_port.number)}}));
  }
  if (f.foreign_mac)
    parts.push_back(say(Label::kForgedMac, style, {{"mac", f.source_mac.to_string()}}));
  if (f.tagged) parts.push_back(say(Label::kForgedVlanTag, style));
  if (parts.empty())
    parts.push_back(say(f.frame ? Label::kForgedFrame : Label::kForgedPacket, style));
  return joined(parts, style);
}

std::string say(const audit::Text& text, const audit::Finding& finding, const Style& style) {
  std::vector<std::pair<std::string_view, std::string>> values;
  values.reserve(text.values.size());
  for (const auto& [name, value] : text.values)
    values.emplace_back(name, escape_text(value, kLongestValue));
  const audit::Subject& subject = finding.subject;
  values.emplace_back("service", service_text(subject, style));
  values.emplace_back("owner", owner_text(subject, style));
  values.emplace_back("who", who_text(finding.reaches, style));
  values.emplace_back("network", safe(subject.network));
  values.emplace_back("tenant", safe(subject.tenant));
  values.emplace_back("image", safe(subject.image));
  const auto forged = std::ranges::find_if(
      finding.reaches, [](const audit::Reach& r) { return r.forged.has_value(); });
  if (forged != finding.reaches.end()) values.emplace_back("forged", forged_text(*forged, style));
  if (finding.kind == audit::Kind::kT6) values.emplace_back("ways", ways_text(finding, style));
  if (subject.port) values.emplace_back("port", port_text(*subject.port, subject.protocol));
  if (!finding.reaches.empty()) {
    values.emplace_back("dial", dial_text(finding.reaches.front()));
  }
  return fill(words(style.language, text.phrase), values);
}

Label way_label(audit::LinkWay way) {
  switch (way) {
    case audit::LinkWay::kConnections: return Label::kWayConnections;
    case audit::LinkWay::kForged: return Label::kWayForged;
    case audit::LinkWay::kArp: return Label::kWayArp;
    case audit::LinkWay::kFrames: return Label::kWayFrames;
  }
  return Label::kWayConnections;
}

Label severity_label(audit::Severity severity) {
  switch (severity) {
    case audit::Severity::kCritical: return Label::kSeverityCritical;
    case audit::Severity::kHigh: return Label::kSeverityHigh;
    case audit::Severity::kMedium: return Label::kSeverityMedium;
    case audit::Severity::kLow: return Label::kSeverityLow;
    case audit::Severity::kInfo: return Label::kSeverityInfo;
  }
  return Label::kSeverityInfo;
}

Label how_label(trace::How how) {
  switch (how) {
    case trace::How::kAccepted: return Label::kHowAccepted;
    case trace::How::kRefused: return Label::kHowRefused;
    case trace::How::kUnreachable: return Label::kHowUnreachable;
    case trace::How::kDropped: return Label::kHowDropped;
    case trace::How::kUnknown: return Label::kHowUnknown;
  }
  return Label::kHowUnknown;
}

Label verdict_label(trace::Verdict verdict) {
  switch (verdict) {
    case trace::Verdict::kOpen: return Label::kVerdictOpen;
    case trace::Verdict::kClosed: return Label::kVerdictClosed;
    case trace::Verdict::kUnknown: return Label::kVerdictUnknown;
  }
  return Label::kVerdictUnknown;
}

}  // namespace bulkhead::report
