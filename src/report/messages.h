// The words, by id and language. What an audit can say is listed in audit/phrase.h; what only
// reports say is listed here. A catalogue that lacks an id does not compile.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "audit/phrase.h"
#include "report/style.h"

namespace bulkhead::report {

// clang-format off: it nests the members of such a list in each other, anew on each run
#define BULKHEAD_LABELS(X)                                                                         \
  /* head and foot */                                                                              \
  X(kAuditTitle) X(kAuditScope) X(kNoEngine) X(kNoFindings) X(kNoFindingsButUnknown) X(kCounts)                 \
  X(kUnknownLine) X(kUnknownReason) X(kGaps) X(kReachableTitle) X(kReachableNone) X(kMoreHint)     \
  X(kSuppressedCount) X(kSuppressionExpired) X(kSuppressionUnused) X(kContradictionTitle)          \
  X(kContradictionLine) X(kContradictionOutside) X(kZonesGuessed) X(kUplinkPrivate) X(kIncomplete)                          \
  /* one finding */                                                                                \
  X(kWhy) X(kFix) X(kSeverityCritical) X(kSeverityHigh) X(kSeverityMedium) X(kSeverityLow)         \
  X(kSeverityInfo) X(kStateComputed) X(kStateConfirmed) X(kStateContradicted) X(kAdvice)           \
  X(kReachedFrom) X(kBecause) X(kRules) X(kClosing) X(kOpening) X(kPath) X(kPaste) X(kEffectGone)  \
  X(kEffectStays) X(kEffectCloses) X(kEffectOpens) X(kEffectUnknown) X(kReferences) X(kMembers)    \
  X(kNote) X(kSome) X(kSocket) X(kObserved) X(kReplyLeg)                                           \
  /* as attacker */                                                                                \
  X(kForgedTag) X(kForgedOnly) X(kForgedSource) X(kForgedOtherSource) X(kForgedPort)               \
  X(kForgedMac) X(kForgedVlanTag) X(kForgedFrame) X(kForgedPacket) X(kAttackerLine)                \
  /* across a segment */                                                                           \
  X(kWayPasses) X(kWayStopped) X(kWayUnknown) X(kWayConnections) X(kWayForged) X(kWayArp)          \
  X(kWayFrames) X(kCrossing) X(kCrossingStop)                                                      \
  /* who and what */                                                                               \
  X(kTheInternet) X(kTheLan) X(kLanOf) X(kZone) X(kTheHost) X(kOneContainer) X(kTwoContainers)     \
  X(kManyContainers) X(kHostService) X(kSomeService) X(kByPort) X(kOnHostNetwork) X(kAnd)          \
  X(kListSeparator)                                                                                \
  /* trace */                                                                                      \
  X(kTraceTitle) X(kVerdictOpen) X(kVerdictClosed) X(kVerdictUnknown) X(kHowAccepted)              \
  X(kHowRefused) X(kHowUnreachable) X(kHowDropped) X(kHowUnknown) X(kReason) X(kRequestLeg)        \
  X(kDecidedBy) X(kAnsweredBy) X(kLeavesBy) X(kPolicyOf) X(kWitness)                               \
  X(kOpeningTitle) X(kOpeningPart) X(kOpeningLeft) X(kChangeAccept) X(kChangeRemove)               \
  X(kChangePolicy) X(kChangeListen) X(kChangeForward) X(kChangeReversePath) X(kChangeIsolation)    \
  /* map */                                                                                        \
  X(kMapTitle) X(kMapInternet) X(kMapLan) X(kMapDmz) X(kMapManagement) X(kMapGuessed)              \
  X(kMapNetwork) X(kMapInternal) X(kMapContainer) X(kMapNamespace) X(kMapLoopback) X(kMapNowhere)  \
  X(kMapUnknown) X(kMapMadeBy) X(kMapDown) X(kMapHostListeners) X(kMapHostMode) X(kMapNoNetwork)   \
  X(kMapStopped) X(kMapNamespaces) X(kMapUnjoined) X(kMapListens) X(kMapPublished) X(kMapEmpty)    \
  X(kMapPort)                                                                                      \
  /* drawings of the map */                                                                        \
  X(kDrawSummary) X(kDrawInternet) X(kDrawLan) X(kDrawDmz) X(kDrawManagement) X(kDrawShared)       \
  X(kDrawAlsoIn) X(kDrawSame) X(kLegendZone) X(kLegendNetwork) X(kLegendInternal)                  \
  X(kLegendShared) X(kLegendSame) X(kLegendTenant) X(kLegendListening) X(kLegendPublished)         \
  /* reach */                                                                                      \
  X(kReachTitle) X(kReachNothing) X(kReachLeaves) X(kReachUnknown) X(kReachContradiction)          \
  X(kReachMore) X(kReachSome) X(kReachForged) X(kReachCounts)                                      \
  X(kWhyTitle) X(kWhyTitleForged) X(kWhyForgedOnly) X(kWhyOne) X(kViewForged)                      \
  /* views of reach */                                                                             \
  X(kMatrixTitle) X(kMatrixNothing) X(kMatrixLegend) X(kMatrixLegendForged) X(kMatrixUnreached) X(kViewContradiction)     \
  X(kWhoTitle) X(kWhoNoService) X(kWhoNobody) X(kWhoFrom) X(kWhoUnknown)                           \
  X(kUnusedTitle) X(kUnusedPacket) X(kUnusedNobodyListens) X(kUnusedLoopback) X(kUnusedFirewall)   \
  X(kUnusedNoAddress) X(kUnusedOther) X(kUnusedUnknown)                                            \
  X(kThroughTitle) X(kThroughMore) X(kThroughCounts) X(kPrizeHostManagement) X(kPrizeManagement)   \
  X(kPrizeHost) X(kPrizeContainer)                                                                 \
  /* scan */                                                                                       \
  X(kScanTitle) X(kScanLeftOut) X(kScanNote) X(kScanPartial) X(kScanDisagreement) X(kScanObserved) \
  X(kScanComputed) X(kScanMore) X(kScanNothingOpen) X(kScanUnchecked) X(kScanConfirmed)            \
  X(kScanResolved) X(kScanDisagrees) X(kScanCounts) X(kScanAgreement) X(kScanRates)                \
  X(kPageAgreement) X(kScanBeyond) X(kScanBeyondPermitted) X(kScanBeyondSuppressed) X(kScanPaused) X(kCompared) X(kComparedAfter) \
  X(kStateOpen) X(kStateClosed) X(kStateFiltered) X(kStateUnknown) X(kProofAccepted)               \
  X(kProofReset) X(kProofPortUnreachable) X(kProofSilence) X(kProofIcmp) X(kProofSendRefused)      \
  X(kProofLost) X(kProofNoSocket) X(kProofNotFinished) X(kProofNoUdpAnswer) X(kProofUnchecked)                      \
  /* policy */                                                                                     \
  X(kPolicyTitle) X(kPolicyNothing) X(kPolicyTenant) X(kPolicyHost) X(kPolicyUnheld)               \
  X(kPolicyStrangers) X(kPolicyLegend) X(kPolicyDrawing) X(kPolicyUntil) X(kPolicyOver) X(kLintCounts)               \
  X(kTrialsTitle) X(kTrialsNone) X(kTrialHolds) X(kTrialBroken) X(kTrialUnknown) X(kTrialVoid)     \
  X(kTrialGets) X(kTrialLeaves) X(kTrialForged) X(kTrialMore) X(kTrialCounts)                      \
  X(kPlanTitle) X(kPlanNobody) X(kPlanCloses) X(kPlanReopens) X(kPlanOpens) X(kPlanBlocked) X(kPlanBlockedBy)      \
  X(kPlanUnknown) X(kPlanSeen) X(kPlanNotHeld) X(kPlanFit) X(kPlanUnfit)                                        \
  /* apply, confirm, rollback, status */                                                           \
  X(kApplied) X(kAppliedHost) X(kAppliedAwaits) X(kAppliedAwaitsConsole) X(kAppliedElse)           \
  X(kAppliedKept) X(kConfirmed) X(kConfirmedBefore) X(kRolledBack) X(kRolledBackTo)                \
  X(kRollbackNothing) X(kRollbackBefore) X(kRollbackRemoved)                                       \
  X(kStatusNothing) X(kStatusForeign) X(kStatusApplied) X(kStatusHeld) X(kStatusFileChanged)       \
  X(kStatusInterrupted) X(kStatusAwaits) X(kStatusNoGuardian) X(kStatusUnread) X(kStatusExact)     \
  X(kStatusDrift) X(kStatusUncovered) X(kStatusUncoveredUnknown) X(kStatusAnew) X(kStatusSince)    \
  X(kStatusMoved) X(kStatusInterfaces) X(kStatusRenamed) X(kStatusRenamedBridge) X(kStatusGone)    \
  X(kStatusMadeAnew) X(kStatusCame) X(kStatusAudited) X(kStatusAuditedHost) X(kStatusNotCounting)  \
  X(kStatusRefusesNothing) X(kStatusWouldRefuse) X(kStatusRefused) X(kStatusOfHost)                \
  X(kStatusAuditFull) X(kStatusAuditSince) X(kAppliedAudited) X(kPlanAudited) X(kTrialAudited) X(kPlanFitAwaits) \
  X(kStatusNoGuard) X(kStatusNoRearm) X(kStatusNoBoot) X(kStatusUnconfirmed) X(kStatusTakenBack)
// clang-format on

enum class Label : std::uint16_t {
#define BULKHEAD_LABEL(name) name,
  BULKHEAD_LABELS(BULKHEAD_LABEL)
#undef BULKHEAD_LABEL
};

inline constexpr auto kLabels = std::to_array<Label>({
#define BULKHEAD_LABEL(name) Label::name,
    BULKHEAD_LABELS(BULKHEAD_LABEL)
#undef BULKHEAD_LABEL
});

[[nodiscard]] std::string_view words(Language language, audit::Phrase phrase);
[[nodiscard]] std::string_view words(Language language, Label label);

using Values = std::span<const std::pair<std::string_view, std::string>>;

// Puts values in place of {names}. Values are taken as they are: escape them before. A name without
// a value stays as it is written, braces included, so that tests see it.
[[nodiscard]] std::string fill(std::string_view pattern, Values values);

namespace english {
[[nodiscard]] std::string_view words(audit::Phrase phrase);
[[nodiscard]] std::string_view words(Label label);
}  // namespace english
namespace japanese {
[[nodiscard]] std::string_view words(audit::Phrase phrase);
[[nodiscard]] std::string_view words(Label label);
}  // namespace japanese

}  // namespace bulkhead::report
