// Everything that an audit can say to a person, by id. The words are in report/ (one catalogue per
// language); what stands between braces there is a value of audit::Text or one that the report
// makes from the finding itself: {service} {owner} {port} {who} {dial} {network} {tenant} {image}
// {project} {forged} {ways}.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bulkhead::audit {

// clang-format off: it nests the members of such a list in each other, anew on each run
#define BULKHEAD_PHRASES(X)                                                                        \
  /* what */                                                                                       \
  X(kT1What) X(kT2What) X(kT3What) X(kT4What) X(kT5What) X(kT6What) X(kManagementNetworkWhat)      \
  X(kFirewallWhat) X(kV4OnlyWhat) X(kIpv6What) X(kLoopbackWhat) X(kSocketWhat) X(kHostModeWhat)    \
  X(kMetadataWhat) X(kDefaultBridgeWhat) X(kEgressWhat) X(kBeyondWhat)                             \
  /* why: {bind} {author} {rule} {process} {stops} {count} {of} {path} */                          \
  X(kWhyPublished) X(kWhyPublishedProxy) X(kWhyRouted) X(kWhyHostListens) X(kWhySocketListens)     \
  X(kWhyHostMode) X(kWhySameSegment) X(kWhySegment) X(kWhyManagementNetwork)    \
  X(kWhyFirewall) X(kWhyV4Only) X(kWhyIpv6) X(kWhyLoopback) X(kWhySocket) X(kWhyHostModeSees)      \
  X(kWhyHostModePlain) X(kWhyMetadata) X(kWhyDefaultBridge) X(kWhyEgress)                          \
  X(kWhyForged) X(kWhyForgedNoRule) X(kWhyBeyond)                                                  \
  /* severity */                                                                                   \
  X(kImpactHost) X(kImpactCluster) X(kImpactCode) X(kImpactSecrets) X(kImpactData)                 \
  X(kImpactConsole) X(kImpactControl) X(kImpactInfo) X(kImpactApplication) X(kFromInternet)        \
  X(kFromLan) X(kFromContainers) X(kByPortOnly) X(kAssumed) X(kTenantsDeclared)                    \
  X(kTenantsGuessed) X(kOpenBetweenTenants) X(kClosedToday) X(kCloudRoute) X(kMaybeNoCloud)        \
  X(kMutualTls) X(kNeedsLogin) X(kAdviceOnly) X(kFalseBelief) X(kOnlyForged) X(kNothingPasses) X(kTargetDeclared) \
  /* notes */                                                                                      \
  X(kNoteReadOnlySocket)                                                                           \
  X(kNoteLoopbackPublished) X(kNoteUpToUplink) X(kNoteGuessedZones) X(kNoteContradicted)           \
  X(kNoteNotComputed) X(kNoteRepresentative) X(kNoteBeyond)                                        \
  /* what stops one way across a segment: {place} {rule} {name} {reason} */                         \
  X(kStopRule) X(kStopReason) X(kStopNoRight) X(kStopPortState) X(kStopIsolated) X(kStopRules)     \
  X(kStopMayRules) X(kStopMayOptions) X(kStopMayParent) X(kStopNoPort)         \
  /* cures: {lines} {file} */                                                                      \
  X(kCureLoopback) X(kCureUnpublish) X(kCureDropPublished) X(kCureDropRouted) X(kCureDropInput)    \
  X(kCureDaemonHosts) X(kCureSplit) X(kCureShared) X(kCureInternal) X(kCureDropEgress)             \
  X(kCureDropMetadata) X(kCureDropManagement) X(kCureUnmount) X(kCureNoHostMode)                   \
  X(kCureNoHostModeQuiet) X(kCureOwnNetwork) X(kCureDropRaw) X(kCureReversePath) X(kCureDropBeyond)
// clang-format on

enum class Phrase : std::uint8_t {
#define BULKHEAD_PHRASE(name) name,
  BULKHEAD_PHRASES(BULKHEAD_PHRASE)
#undef BULKHEAD_PHRASE
};

inline constexpr auto kPhrases = std::to_array<Phrase>({
#define BULKHEAD_PHRASE(name) Phrase::name,
    BULKHEAD_PHRASES(BULKHEAD_PHRASE)
#undef BULKHEAD_PHRASE
});

// The id as machines read it: "T1What".
[[nodiscard]] constexpr std::string_view phrase_id(Phrase phrase) {
  constexpr auto kNames = std::to_array<std::string_view>({
#define BULKHEAD_PHRASE(name) std::string_view(#name).substr(1),
      BULKHEAD_PHRASES(BULKHEAD_PHRASE)
#undef BULKHEAD_PHRASE
  });
  return kNames[static_cast<std::size_t>(phrase)];
}

}  // namespace bulkhead::audit
