#include "audit/inventory.h"
#include "base/text.h"
#include "report/parts.h"
#include "report/sarif.h"
#include "report/sarif_log.h"
#include "report/scan_parts.h"

namespace bulkhead::report {
namespace {

constexpr std::size_t kDisagreement = 0, kUnowned = 1, kNoLogin = 2, kOpenPort = 3,
                      kBeyondFirst = 4;  // in scan_rules()

const std::vector<SarifRule>& scan_rules() {
  static const std::vector<SarifRule> kRules{
      {"disagreement", "ComputedAndObservedDiffer",
       "Real packets were answered otherwise than the computed answer says."},
      {"unowned-service", "UnownedService",
       "A service has no owner yet: the first visitor becomes its administrator."},
      {"open-service", "ServiceWithoutLogin", "A service answers without a login."},
      {"open-port", "OpenPort", "A port answers."},
      {"T2", "ManagementBeyondHost",
       "A management interface beyond the host is reachable from containers."},
      {"T5", "TraditionalServiceBeyondHost",
       "A service beyond the host is reachable from containers."},
      {"management-network", "ManagementNetworkReachable",
       "A network for management is reachable from containers."}};
  return kRules;
}

class ScanLog {
 public:
  ScanLog(const model::Snapshot& snapshot, const scan::Result& result, const Style& style,
          std::string_view version)
      : snapshot_(snapshot), result_(result), style_(style), log_(scan_rules(), version) {}

  std::string write() {
    for (const scan::Disagreement& d : result_.judged.disagreements) disagreement(d);
    for (const scan::BeyondFinding& finding : result_.beyond) beyond(finding);
    for (std::size_t i = 0; i < result_.plan.aims.size(); ++i) {
      if (result_.plan.aims[i].beyond) continue;  // told with who gets there
      for (const scan::OpenPort& port : result_.judged.open[i])
        open_port(result_.plan.aims[i], port);
    }
    if (!result_.finished) log_.problem(say(Label::kScanPartial, style_));
    for (const auto& left : result_.plan.left_out)
      log_.problem(say(Label::kScanLeftOut, style_,
                       {{"seat", safe(left.what)}, {"reason", escape_text(left.why, 400)}}));
    for (const auto& note : result_.plan.notes)
      log_.note(say(Label::kScanNote, style_,
                    {{"what", safe(note.what)}, {"reason", escape_text(note.why, 400)}}));
    for (std::size_t i = 0; i < result_.checks.size(); ++i) {
      if (!result_.checks[i].passed)
        log_.problem(seat_text(i) + ": " +
                     say(Label::kScanUnchecked, style_,
                         {{"reason", escape_text(result_.checks[i].why, 400)}}));
    }
    return log_.text();
  }

 private:
  [[nodiscard]] std::string seat_text(std::size_t seat) const {
    return safe(result_.plan.seats[seat].vantage);
  }

  // The address with its port, and whoever has it.
  [[nodiscard]] std::vector<SarifLog::Place> places(const scan::Aim& aim,
                                                    const scan::PortRange& ports) const {
    std::vector<SarifLog::Place> out{{aimed_text(aim, ports), "address"}};
    for (const model::NsId ns : aim.at)
      out.push_back(
          {safe(audit::name_of(snapshot_, ns)), ns == snapshot_.host ? "host" : "namespace"});
    return out;
  }

  void disagreement(const scan::Disagreement& d) {
    const scan::Aim& aim = result_.plan.aims[d.aim];
    SarifLog::Result out;
    out.rule = kDisagreement;
    out.level = SarifLevel::kError;
    const DisagreementText text = disagreement_text(snapshot_, result_, d, style_);
    out.message = text.head + "\n" + text.observed + "\n" + text.computed;
    out.fingerprint =
        "disagreement " + seat_text(aim.seat) + " " + aimed_text(aim, d.observed.ports);
    out.places = places(aim, d.observed.ports);
    out.properties = {{"from", seat_text(aim.seat)}};
    log_.add(std::move(out));
  }

  static std::size_t rule_of(audit::Kind kind) {
    if (kind == audit::Kind::kT2) return kBeyondFirst;
    return kind == audit::Kind::kT5 ? kBeyondFirst + 1 : kBeyondFirst + 2;
  }

  void beyond(const scan::BeyondFinding& f) {
    const policy::Beyond& machine = result_.plan.beyond[f.beyond];
    const BeyondText text = beyond_text(result_, f, style_);
    SarifLog::Result out;
    out.rule = rule_of(f.kind);
    if (f.severity >= audit::Severity::kHigh) out.level = SarifLevel::kError;
    if (f.severity == audit::Severity::kMedium) out.level = SarifLevel::kWarning;
    out.message = text.head + (text.permitted.empty() ? "" : "\n" + text.permitted);
    const std::string dial = dial_text(machine.to, f.port) + "/" + to_string(f.protocol);
    out.fingerprint = f.id + " " + dial;
    out.suppressed_by = escape_text(f.suppressed_by);
    out.places.push_back({safe(machine.target) + " " + dial, "address"});
    out.file = "bulkhead.yaml";  // which declares it
    SarifLog::Json from = SarifLog::Json::array();
    for (const std::string& vantage : f.from) from.push_back(safe(vantage));
    out.properties = {{"severity", to_string(f.severity)}, {"reached_from", std::move(from)}};
    if (f.service)
      out.properties["service"] = {{"id", f.service->id}, {"access", f.service->access}};
    log_.add(std::move(out));
  }

  void open_port(const scan::Aim& aim, const scan::OpenPort& port) {
    const scan::PortRange ports{port.port.number, port.port.number};
    SarifLog::Result out;
    out.rule = kOpenPort;
    if (port.service && port.service->access == "unowned")
      out.rule = kUnowned, out.level = SarifLevel::kError;
    if (port.service && port.service->access == "open")
      out.rule = kNoLogin, out.level = SarifLevel::kWarning;
    const std::string service = open_service_text(aim, port, style_);
    out.message = seat_text(aim.seat) + " -> " + aimed_text(aim, ports) +
                  (service.empty() ? "" : ": " + service) + ", " +
                  say(agreement_label(port.agreement), style_);
    out.fingerprint = "open " + seat_text(aim.seat) + " " + aimed_text(aim, ports);
    out.places = places(aim, ports);
    out.properties = {{"from", seat_text(aim.seat)}, {"agreement", to_string(port.agreement)}};
    if (port.service)
      out.properties["service"] = {{"id", port.service->id}, {"access", port.service->access}};
    log_.add(std::move(out));
  }

  const model::Snapshot& snapshot_;
  const scan::Result& result_;
  const Style& style_;
  SarifLog log_;
};

}  // namespace

std::string scan_sarif(const model::Snapshot& snapshot, const scan::Result& result,
                       const Style& style, std::string_view version) {
  return ScanLog(snapshot, result, style, version).write();
}

}  // namespace bulkhead::report
