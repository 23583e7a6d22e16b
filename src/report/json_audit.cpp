#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/scoped_address.h"
#include "report/json.h"
#include "report/json_pieces.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;
using audit::Finding;

void put(Json& to, const char* key, const std::string& value) {
  if (!value.empty()) to[key] = value;
}

Json subject_json(const audit::Subject& s) {
  Json out = Json::object();
  put(out, "engine", s.engine);
  put(out, "project", s.project);
  put(out, "service", s.service);
  put(out, "container", s.container);
  put(out, "image", s.image);
  put(out, "process", s.process);
  put(out, "tenant", s.tenant);
  put(out, "network", s.network);
  if (s.port) {
    out["port"] = s.port->number;
    out["proto"] = to_string(s.protocol);
  }
  out["on_host"] = s.on_host;
  if (s.known_as != nullptr) {
    out["known_as"] = {{"id", s.known_as->id},
                       {"name", s.known_as->name},
                       {"class", to_string(s.known_as->service_class)},
                       {"impact", to_string(s.known_as->impact)},
                       {"by", to_string(s.known_by)}};
  }
  return out;
}

Json rules_json(const std::vector<audit::RuleQuote>& rules) {
  Json out = Json::array();
  for (const audit::RuleQuote& r : rules) {
    Json rule = {{"place", r.place}, {"text", r.text}};
    put(rule, "author", r.author);
    out.push_back(std::move(rule));
  }
  return out;
}

Json path_json(const std::vector<audit::PathStep>& path) {
  Json out = Json::array();
  for (const audit::PathStep& s : path) {
    Json step = {{"leg", s.reply ? "reply" : "request"}, {"where", s.where}, {"stage", s.stage}};
    put(step, "interface", s.interface);
    put(step, "detail", s.detail);
    if (!s.rules.empty()) step["rules"] = rules_json(s.rules);
    out.push_back(std::move(step));
  }
  return out;
}

// What the witness has beside its source, and what of it is forged.
Json forged_json(const audit::Forgery& f) {
  Json what = Json::array();
  if (f.foreign_source) what.push_back("source");
  if (f.other_source) what.push_back("other-source");
  if (f.odd_port) what.push_back("source-port");
  if (f.foreign_mac) what.push_back("source-mac");
  if (f.tagged) what.push_back("vlan-tag");
  if (f.frame) what.push_back("frame");
  Json out = {{"what", std::move(what)}, {"source_port", f.source_port.number}};
  if (f.frame) {
    out["frame_source"] = f.source_mac.to_string();
    out["frame_destination"] = f.destination_mac.to_string();
  }
  if (f.tagged) out["vlan_tag"] = 0;
  out["closed_by"] = rules_json(f.stops);
  put(out, "closed_because", f.reason);
  return out;
}

Json reach_json(const audit::Reach& r) {
  Json out = {{"from", r.vantage},
              {"to", ScopedAddress{r.to, r.link}.to_string()},
              {"port", r.port.number},
              {"proto", to_string(r.protocol)},
              {"via", r.via == audit::Via::kPublished ? "published" : "direct"}};
  out["as"] = r.forged ? "attacker" : "ordinary";
  if (r.role) out["role"] = to_string(*r.role);
  if (r.guessed_zone) out["guessed_zone"] = true;
  if (r.up_to_uplink) out["computed_up_to_uplink"] = true;
  put(out, "tenant", r.tenant);
  if (!r.also.empty()) out["also"] = r.also;
  if (r.source) out["witness"] = r.source->to_string();
  if (r.some) out["some"] = true;
  out["rules"] = rules_json(r.rules);
  if (r.socket) {
    Json socket = {{"address", r.socket->address.to_string()},
                   {"port", r.socket->port.number},
                   {"uid", r.socket->uid}};
    put(socket, "process", r.socket->process);
    if (r.socket->pid != 0) socket["pid"] = r.socket->pid;
    put(socket, "container", r.socket->container);
    out["socket"] = std::move(socket);
  }
  if (!r.path.empty()) out["path"] = path_json(r.path);
  put(out, "observed", r.observed);
  if (r.forged) out["forged"] = forged_json(*r.forged);
  return out;
}

Json text_json(const audit::Text& text, const Finding& finding, const Style& style) {
  return {{"id", audit::phrase_id(text.phrase)}, {"text", say(text, finding, style)}};
}

Json texts_json(const std::vector<audit::Text>& texts, const Finding& finding, const Style& style) {
  Json out = Json::array();
  for (const audit::Text& t : texts) out.push_back(text_json(t, finding, style));
  return out;
}

Json cure_json(const audit::Cure& cure, const Finding& finding, const Style& style) {
  Json effect = {{"computed", cure.effect.computed}};
  if (cure.effect.computed) {
    effect["gone"] = cure.effect.gone;
    effect["closes"] = cure.effect.closes;
    effect["opens"] = cure.effect.opens;
    if (!cure.effect.closed_pairs.empty()) effect["closed_pairs"] = cure.effect.closed_pairs;
  }
  return {{"say", text_json(cure.say, finding, style)},
          {"where", cure.where},
          {"paste", cure.paste},
          {"effect", std::move(effect)}};
}

Json crossings_json(const Finding& f, const Style& style) {
  Json out = Json::array();
  for (const audit::LinkCrossing& c : f.crossings) {
    out.push_back({{"way", to_string(c.way)},
                   {"open", c.open},
                   {"closed", c.closed},
                   {"unknown", c.unknown},
                   {"stops", texts_json(c.stops, f, style)}});
  }
  return out;
}

Json finding_json(const Finding& f, const Style& style) {
  Json out = {{"id", f.id},
              {"kind", to_string(f.kind)},
              {"threat", audit::is_threat(f.kind)},
              {"as", audit::only_forged(f.reaches) ? "attacker" : "ordinary"},
              {"severity", to_string(f.severity)},
              {"severity_reasons", texts_json(f.severity_reasons, f, style)},
              {"state", to_string(f.state)},
              {"assumed", f.assumed},
              {"subject", subject_json(f.subject)},
              {"what", text_json(f.what, f, style)},
              {"why", text_json(f.why, f, style)},
              {"notes", texts_json(f.notes, f, style)}};
  Json members = Json::array(), reaches = Json::array(), cures = Json::array(),
       references = Json::array();
  for (const auto& m : f.members) members.push_back(subject_json(m));
  for (const auto& r : f.reaches) reaches.push_back(reach_json(r));
  for (const auto& c : f.cures) cures.push_back(cure_json(c, f, style));
  for (const auto& r : f.references)
    references.push_back({{"standard", r.standard}, {"section", r.section}});
  if (!members.empty()) out["members"] = std::move(members);
  out["reaches"] = std::move(reaches);
  if (!f.crossings.empty()) out["crossings"] = crossings_json(f, style);
  if (!f.closing.empty()) out["closing_rules"] = rules_json(f.closing);
  if (!f.opening.empty()) out["opening_rules"] = rules_json(f.opening);
  out["cures"] = std::move(cures);
  out["references"] = std::move(references);
  if (!f.suppressed_by.empty()) out["suppressed_by"] = f.suppressed_by;
  return out;
}

Json zones_json(const audit::Report& report) {
  Json out = Json::array();
  for (const policy::Zone& z : report.zones) {
    Json zone = {{"name", z.name}, {"role", to_string(z.role)}, {"guessed", z.guessed}};
    put(zone, "interface", z.interface);
    put(zone, "remark", z.remark);
    out.push_back(std::move(zone));
  }
  return out;
}

// One exposure as an element of its array. Its openings are written as text: a large host has a
// million.
class ExposureWriter {
 public:
  explicit ExposureWriter(const audit::Report& report) : report_(report) {
    for (const audit::ReportVantage& v : report.all_vantages)
      vantages_.push_back(JsonPieces::quoted(v.text));
  }

  [[nodiscard]] std::string text(const audit::Exposure& e) {
    std::string out = "{\n      \"subject\": " + indented(subject_json(e.subject), 6) +
                      ",\n      \"open_from\": [";
    for (const audit::Exposed& one : e.open) {
      if (&one != e.open.data()) out += ',';
      opening(one, out);
    }
    out += e.open.empty() ? "]" : "\n      ]";
    if (!e.unknown.empty()) {
      Json unknown = Json::array();
      for (const std::uint32_t v : e.unknown) unknown.push_back(report_.all_vantages.at(v).text);
      out += ",\n      \"unknown_from\": " + indented(unknown, 6);
    }
    return out + "\n    }";
  }

 private:
  void opening(const audit::Exposed& one, std::string& out) {
    constexpr std::string_view kNext = ",\n          ";
    out += "\n        {\n          \"from\": ";
    out += vantages_.at(one.vantage);
    out.append(kNext).append("\"to\": ").append(to(one));
    out.append(kNext).append("\"port\": ").append(std::to_string(one.port.number));
    out.append(kNext).append("\"as\": ");
    out += one.as_attacker ? "\"attacker\"" : "\"ordinary\"";
    out += "\n        }";
  }
  // Most are the same as the one before.
  const std::string& to(const audit::Exposed& one) {
    if (to_.empty() || address_ != one.to || link_ != one.link) {
      address_ = one.to;
      link_ = one.link;
      const std::string link = link_ ? report_.links.at(*link_) : std::string();
      to_ = JsonPieces::quoted(ScopedAddress{one.to, link}.to_string());
    }
    return to_;
  }

  const audit::Report& report_;
  std::vector<std::string> vantages_;  // quoted
  IpAddress address_;
  std::optional<std::uint32_t> link_;
  std::string to_;  // of these
};

Json counts_json(const audit::Report& report) {
  std::size_t confirmed = 0, suppressed = 0, contradicted = 0;
  Json by = Json::object();
  for (const auto s : {audit::Severity::kCritical, audit::Severity::kHigh, audit::Severity::kMedium,
                       audit::Severity::kLow, audit::Severity::kInfo}) {
    by[std::string(to_string(s))] = std::ranges::count_if(report.findings, [s](const Finding& f) {
      return f.suppressed_by.empty() && f.severity == s;
    });
  }
  for (const Finding& f : report.findings) {
    suppressed += f.suppressed_by.empty() ? 0 : 1;
    confirmed += f.suppressed_by.empty() && f.state == audit::State::kConfirmed ? 1 : 0;
    contradicted += f.state == audit::State::kContradicted ? 1 : 0;
  }
  return {{"findings", report.findings.size() - suppressed},
          {"by_severity", std::move(by)},
          {"confirmed", confirmed},
          {"contradicted", contradicted},
          {"suppressed", suppressed},
          {"containers", report.containers},
          {"services", report.services},
          {"vantages", report.vantages},
          {"pairs", report.asked},
          {"open", report.open},
          {"closed", report.closed},
          {"unknown", report.unknown},
          {"observed", report.observed}};
}

void write_others(const audit::Report& report, JsonPieces& out) {
  Json contradictions = Json::array(), unknowns = Json::array(), suppressions = Json::array(),
       gaps = Json::array();
  for (const auto& c : report.contradictions) {
    contradictions.push_back({{"from", c.vantage},
                              {"to", c.to.to_string()},
                              {"port", c.port.number},
                              {"proto", to_string(c.protocol)},
                              {"computed", c.computed},
                              {"observed", c.observed},
                              {"reason", c.reason}});
    if (c.last) contradictions.back()["last_port"] = c.last->number;
  }
  const auto unknown_json = [](const audit::Unknown& u) -> Json {
    return {{"reason", u.reason}, {"count", u.count}, {"examples", u.examples}};
  };
  for (const auto& u : report.unknowns) unknowns.push_back(unknown_json(u));
  Json forged_unknowns = Json::array();
  for (const auto& u : report.attacker_unknowns) forged_unknowns.push_back(unknown_json(u));
  static constexpr std::array<std::string_view, 3> kStates{"active", "expired", "unused"};
  for (const auto& s : report.suppressions) {
    suppressions.push_back({{"id", s.id},
                            {"reason", s.reason},
                            {"expires", s.expires},
                            {"state", kStates[static_cast<std::size_t>(s.state)]}});
  }
  for (const auto& [what, reason] : report.gaps)
    gaps.push_back({{"what", what}, {"reason", reason}});
  out.member("contradictions", contradictions);
  out.member("unknown", unknowns);
  out.member("attacker", {{"pairs", report.attackers.asked},
                          {"open", report.attackers.open},
                          {"closed", report.attackers.closed},
                          {"unknown", report.attackers.unknown},
                          {"reasons", std::move(forged_unknowns)}});
  out.member("suppressions", suppressions);
  out.member("gaps", gaps);
}

Json compared_json(const audit::Report& report) {
  Json out = Json::array();
  for (const audit::ComparedScan& c : report.compared)
    out.push_back({{"from", c.vantage},
                   {"host", c.host},
                   {"taken_at_ms", c.taken_at_ms},
                   {"after", c.after},
                   {"age_ms", c.age_ms}});
  return out;
}

}  // namespace

std::string audit_json(const audit::Report& report, const Style& style) {
  JsonPieces out;
  out.member("schema", "https://bulkhead.example/schemas/audit/1");
  out.member("host", report.host_name);
  out.member("at_ms", report.at_ms);
  out.member("engines", report.engines);
  out.member("zones", zones_json(report));
  out.member("counts", counts_json(report));
  out.begin_array("findings");
  for (const Finding& f : report.findings) out.element(finding_json(f, style));
  out.end_array();
  constexpr std::size_t kBytesOfOpening = 180;
  std::size_t openings = 0;
  for (const audit::Exposure& e : report.exposures) openings += e.open.size();
  out.expect(openings * kBytesOfOpening);
  ExposureWriter exposures(report);
  out.begin_array("exposures");
  for (const audit::Exposure& e : report.exposures) out.element_text(exposures.text(e));
  out.end_array();
  write_others(report, out);
  if (!report.compared.empty()) out.member("compared", compared_json(report));
  return std::move(out).finish() + "\n";
}

}  // namespace bulkhead::report
