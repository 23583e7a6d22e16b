#include "report/scan_parts.h"

#include <algorithm>
#include <system_error>

#include "audit/inventory.h"
#include "base/text.h"
#include "report/audit_parts.h"
#include "report/parts.h"
#include "seen/text.h"

namespace bulkhead::report {
namespace {

using scan::Proof;

Label proof_label(Proof proof) {
  switch (proof) {
    case Proof::kAccepted: return Label::kProofAccepted;
    case Proof::kReset: return Label::kProofReset;
    case Proof::kPortUnreachable: return Label::kProofPortUnreachable;
    case Proof::kSilence: return Label::kProofSilence;
    case Proof::kIcmp: return Label::kProofIcmp;
    case Proof::kSendRefused: return Label::kProofSendRefused;
    case Proof::kLost: return Label::kProofLost;
    case Proof::kNoSocket: return Label::kProofNoSocket;
    case Proof::kNotFinished: return Label::kProofNotFinished;
    case Proof::kNoUdpAnswer: return Label::kProofNoUdpAnswer;
    case Proof::kUnchecked: return Label::kProofUnchecked;
  }
  return Label::kProofNotFinished;
}

constexpr std::size_t kMostVantagesNamed = 6;

std::string vantages_text(const std::vector<std::string>& vantages, const Style& style) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(vantages.size(), kMostVantagesNamed); ++i)
    names.push_back(safe(vantages[i]));
  if (vantages.size() > kMostVantagesNamed)
    names.push_back(say(Label::kScanMore, style,
                        {{"count", std::to_string(vantages.size() - kMostVantagesNamed)}}));
  return listed(names);
}

}  // namespace

Label state_label(scan::State state) {
  switch (state) {
    case scan::State::kOpen: return Label::kStateOpen;
    case scan::State::kClosed: return Label::kStateClosed;
    case scan::State::kFiltered: return Label::kStateFiltered;
    case scan::State::kUnknown: return Label::kStateUnknown;
  }
  return Label::kStateUnknown;
}

Label agreement_label(scan::Agreement agreement) {
  switch (agreement) {
    case scan::Agreement::kConfirmed: return Label::kScanConfirmed;
    case scan::Agreement::kResolved: return Label::kScanResolved;
    case scan::Agreement::kDisagrees: return Label::kScanDisagrees;
  }
  return Label::kScanConfirmed;
}

std::string proof_text(const scan::PortRun& run, const Style& style) {
  std::string out = say(proof_label(run.proof), style);
  if (run.error != 0) out += " (" + std::generic_category().message(run.error) + ")";
  return out;
}

std::string range_text(const scan::PortRange& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.last ? first : first + "-" + std::to_string(range.last);
}

std::string whose_text(const model::Snapshot& snapshot, const scan::Aim& aim) {
  std::string out;
  for (const model::NsId ns : aim.at)
    out += (out.empty() ? "" : ", ") + safe(audit::name_of(snapshot, ns));
  return out;
}

std::string aimed_text(const scan::Aim& aim, const scan::PortRange& ports) {
  std::string out = aim.link.empty()
                        ? dial_text(aim.to, Port{ports.first})
                        : "[" + aim.scoped().to_string() + "]:" + std::to_string(ports.first);
  if (ports.first != ports.last) out += "-" + std::to_string(ports.last);
  return out + "/" + to_string(aim.protocol);
}

std::string names_text(const scan::Seat& seat) {
  std::string out;
  for (const std::string& name : seat.names) out += (out.empty() ? "" : ", ") + safe(name);
  return out;
}

std::string counts_text(const std::array<std::uint64_t, scan::kStates>& counts,
                        const Style& style) {
  return say(Label::kScanCounts, style,
             {{"open", std::to_string(counts[0])},
              {"closed", std::to_string(counts[1])},
              {"filtered", std::to_string(counts[2])},
              {"unknown", std::to_string(counts[3])}});
}

std::string agreement_text(const scan::Judged& judged, const Style& style) {
  return say(Label::kScanAgreement, style,
             {{"confirmed", std::to_string(judged.confirmed)},
              {"resolved", std::to_string(judged.resolved)},
              {"disagreeing", std::to_string(judged.disagreeing)},
              {"unproven", std::to_string(judged.unproven)}});
}

DisagreementText disagreement_text(const model::Snapshot& snapshot, const scan::Result& result,
                                   const scan::Disagreement& d, const Style& style) {
  const scan::Aim& aim = result.plan.aims[d.aim];
  return {say(Label::kScanDisagreement, style,
              {{"from", safe(result.plan.seats[aim.seat].vantage)},
               {"to", aimed_text(aim, d.observed.ports)},
               {"whose", whose_text(snapshot, aim)}}),
          say(Label::kScanObserved, style,
              {{"state", say(state_label(d.observed.state), style)},
               {"proof", proof_text(d.observed, style)}}),
          say(Label::kScanComputed, style,
              {{"verdict", say(verdict_label(d.computed), style)},
               {"reason", d.reason.empty() ? say(how_label(d.how), style) : d.reason}})};
}

namespace {

// As bulkhead-scan says it.
std::string service_text(const seen::Service& service, const Style& style) {
  return seen::service_text(service, style.language == Language::kJapanese
                                         ? seen::Language::kJapanese
                                         : seen::Language::kEnglish);
}

}  // namespace

std::string open_service_text(const scan::Aim& aim, const scan::OpenPort& port,
                              const Style& style) {
  if (port.service) return service_text(*port.service, style);
  return listener_text(port.socket, port.port, aim.protocol, style);
}

BeyondText beyond_text(const scan::Result& result, const scan::BeyondFinding& finding,
                       const Style& style) {
  const policy::Beyond& machine = result.plan.beyond[finding.beyond];
  std::string service = say(Label::kSomeService, style);
  if (finding.service)
    service = service_text(*finding.service, style);
  else if (!finding.likely.empty())
    service = say(Label::kByPort, style, {{"service", safe(finding.likely)}});
  BeyondText out;
  out.head = say(Label::kScanBeyond, style,
                 {{"severity", say(severity_label(finding.severity), style)},
                  {"threat", std::string(to_string(finding.kind))},
                  {"target", safe(machine.target)},
                  {"service", service},
                  {"dial", dial_text(machine.to, finding.port) + "/" + to_string(finding.protocol)},
                  {"who", vantages_text(finding.from, style)}});
  if (!finding.permitted.empty())
    out.permitted =
        say(Label::kScanBeyondPermitted, style, {{"who", vantages_text(finding.permitted, style)}});
  if (!finding.suppressed_by.empty())
    out.suppressed = say(Label::kScanBeyondSuppressed, style,
                         {{"reason", escape_text(finding.suppressed_by, 160)}});
  return out;
}

}  // namespace bulkhead::report
