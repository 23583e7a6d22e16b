// The English words. One line each, so that a translation can be compared line by line.
#include "report/messages.h"

namespace bulkhead::report::english {

std::string_view words(audit::Phrase phrase) {
  using enum audit::Phrase;
  switch (phrase) {
    case kT1What: return "{service} of {owner} is open to {who} ({dial})";
    case kT2What: return "{service} of {owner} is open to {who} ({dial})";
    case kT3What: return "{who} can reach {service} of {owner} ({dial})";
    case kT4What: return "{service} of {owner} is open to {who} ({dial}); assumed needless";
    case kT5What: return "{service} of {owner} is open to {who} ({dial})";
    case kT6What: return "{count} tenants share the network {network}: {tenants}";
    case kManagementNetworkWhat: return "{who} can get to the management network {zone}";
    case kBeyondWhat: return "{who} can send to {target}, beyond this host ({dial})";
    case kFirewallWhat: return "{dial} is open to {who}, though the firewall says closed";
    case kV4OnlyWhat:
      return "Port {port} of {owner} is closed over IPv4, but open to {who} over IPv6";
    case kIpv6What: return "{service} of {owner} is open to {who} over IPv6 only ({dial})";
    case kLoopbackWhat: return "{owner} publishes {port} on 127.0.0.1, yet {who} gets there";
    case kSocketWhat: return "{owner} holds the engine's socket {source}";
    case kHostModeWhat: return "{owner} runs in the host's network without a visible need";
    case kMetadataWhat:
      return "{count} of {of} {of|container|containers} can reach the cloud's metadata service";
    case kDefaultBridgeWhat:
      return "{count} {count|container is|containers are} on the engine's default network "
             "{network}";
    case kEgressWhat:
      return "{count} of {of} {of|container|containers} can reach the whole Internet";
    case kWhyPublished: return "published on {bind}; let in by {place}";
    case kWhyPublishedProxy: return "published on {bind}; the engine's proxy takes the connection";
    case kWhyRouted: return "not published, but the host forwards packets for {dial} to it";
    case kWhySocketListens:
      return "a socket without a visible process listens on {bind}, and no rule is in the way";
    case kWhyHostListens:
      return "{process} listens on {bind}, and no rule of the host is in the way";
    case kWhyHostMode: return "it runs in the host's network, where no rule stops {dial}";
    case kWhySameSegment: return "nothing stands between them and {dial}";
    case kWhySegment: return "one link-layer segment; today {ways}";
    case kWhyManagementNetwork: return "the host forwards to {interface}, and no rule stops it";
    case kWhyBeyond: return "the host sends it on by {interface}, and no rule stops it";
    case kWhyFirewall: return "{closing} would refuse; {opening} sends it on before that is asked";
    case kWhyV4Only: return "{closing} closes IPv4 only; [{address}] has no such rule";
    case kWhyIpv6: return "{closing} closes IPv4; for {address} there is no such rule";
    case kWhyLoopback: return "the container's own address {address} is routed and not filtered";
    case kWhySocket: return "whoever controls the container controls the engine, and so the host";
    case kWhyHostModeSees:
      return "it reaches {count} {count|service that listens|services that listen} for the host "
             "alone: {sees}";
    case kWhyHostModePlain: return "no rule of the engine stands between it and the host";
    case kWhyMetadata: return "packets for {address} leave the host; it may hand out credentials";
    case kWhyDefaultBridge: return "everything on it can talk to everything else, by address only";
    case kWhyForged: return "only with {forged}: ordinary connections are closed by {place}";
    case kWhyForgedNoRule: return "only with {forged}: ordinary connections end ({reason})";
    case kWhyEgress: return "a way out for stolen data, and for whoever has got in";
    case kImpactHost: return "whoever controls it controls the host";
    case kImpactCluster: return "whoever controls it controls the cluster";
    case kImpactCode: return "it runs programs for whoever controls it";
    case kImpactSecrets: return "it holds secrets";
    case kImpactData: return "it holds data";
    case kImpactConsole: return "it is a way to a console";
    case kImpactControl: return "it steers other things";
    case kImpactInfo: return "it tells about the inside";
    case kImpactApplication: return "an application";
    case kFromInternet: return "reachable from the Internet";
    case kFromLan: return "reachable from a neighbouring network";
    case kTargetDeclared: return "bulkhead.yaml names it as a target";
    case kFromContainers: return "reachable from containers";
    case kByPortOnly: return "known by its port only: one step lower";
    case kAssumed: return "assumed: no policy says that it is needed, and no traffic was seen";
    case kTenantsDeclared: return "the tenants are declared, or Compose projects";
    case kTenantsGuessed: return "each container is taken for a tenant of its own: one step lower";
    case kOpenBetweenTenants: return "connections between the tenants pass";
    case kClosedToday: return "rules stop ordinary connections between the tenants today";
    case kCloudRoute: return "the host has spoken to that address or has a route of its own to it";
    case kMaybeNoCloud: return "matters only where a cloud answers at that address";
    case kMutualTls: return "asks for a client certificate: one step lower";
    case kNeedsLogin: return "asks for a login";
    case kAdviceOnly: return "advice, not a threat by itself";
    case kOnlyForged: return "only for root there who forges packets: one step lower";
    case kNothingPasses: return "nothing passes between the tenants today: one step lower";
    case kFalseBelief: return "somebody believes that it is closed";
    case kNoteReadOnlySocket:
      return "mounted read-only: that protects the file, not what is said through it";
    case kNoteLoopbackPublished:
      return "it is published on 127.0.0.1, which does not keep neighbours from its own address";
    case kNoteUpToUplink:
      return "the uplink's address is private: computed up to the uplink; only a scan from outside "
             "can confirm it";
    case kNoteGuessedZones: return "the zones are guesses from routes; name them in bulkhead.yaml";
    case kNoteContradicted: return "a real connection from {vantage} ended as {observed}";
    case kNoteNotComputed: return "what the model says once this is applied was not computed";
    case kNoteBeyond:
      return "computed up to the edge of this host; bulkhead scan asks what answers there";
    case kNoteRepresentative: return "asked for one address, {address} port {port}";
    case kStopRule: return "the rule {place}: {rule}";
    case kStopReason: return "what it meets: {reason}";
    case kStopNoRight: return "{name} may not forge: it has neither NET_RAW nor NET_ADMIN";
    case kStopPortState: return "{name} is down or does not forward";
    case kStopIsolated: return "bridge port isolation, at {name}";
    case kStopRules: return "{name} drops every frame";
    case kStopMayRules: return "rules of {name} look at frames: what they do is not computed";
    case kStopMayOptions: return "{name} has VLAN filtering or a port option that is not computed";
    case kStopMayParent: return "the switch beyond {name} decides";
    case kStopNoPort: return "the port of {name} is not known";
    case kCureLoopback: return "publish for this host alone: {short} ({file})";
    case kCureUnpublish: return "do not publish it: drop {short} ({file})";
    case kCureDropPublished: return "drop it before the engine sees it, in nft: {short}";
    case kCureDropRouted: return "drop packets for container addresses, in nft: {short}";
    case kCureDropInput: return "drop it at the host, in nft: {short}";
    case kCureDaemonHosts: return "listen on the unix socket alone, in {file}";
    case kCureSplit: return "give each tenant a network of its own in place of {short}";
    case kCureShared: return "or say why it is shared: {short} ({file})";
    case kCureInternal: return "give those that need no way out a network with {short} ({file})";
    case kCureDropEgress: return "drop what leaves, in nft: {short}";
    case kCureDropMetadata: return "drop it in nft: {short}";
    case kCureDropBeyond: return "drop it in nft: {short}";
    case kCureDropManagement: return "drop it in nft: {short}";
    case kCureUnmount: return "put a socket proxy with few rights in place of {short} ({file})";
    case kCureNoHostModeQuiet: return "it listens on nothing: drop {short} ({file})";
    case kCureNoHostMode: return "publish what it needs: {short} ({file})";
    case kCureOwnNetwork: return "a network of its own for {short}";
    case kCureDropRaw: return "take away the right to forge packets: {short} ({file})";
    case kCureReversePath: return "refuse sources that are not behind the interface: {short}";
  }
  return {};
}

std::string_view words(Label label) {
  using enum Label;
  switch (label) {
    case kAuditTitle: return "Bulkhead audit of {host}, {time}";
    case kAuditScope:
      return "{engines}: {containers} {containers|container|containers}, {services} "
             "{services|service|services}, {vantages} {vantages|vantage|vantages}";
    case kNoEngine: return "no container engine";
    case kNoFindings: return "No finding: nothing is reachable that should not be.";
    case kNoFindingsButUnknown:
      return "No finding, but not everything could be answered: see below.";
    case kCounts:
      return "{findings} {findings|finding|findings}: {critical} critical, {high} high, {medium} "
             "medium, {low} low; "
             "{confirmed} confirmed; {unknown} unknown";
    case kUnknownLine: return "Not known: {count} of {asked} pairs of vantage and service";
    case kUnknownReason: return "{count}: {reason} (such as {example})";
    case kGaps: return "Could not be read: {what}: {reason}";
    case kReachableTitle: return "Open from outside:";
    case kReachableNone: return "Open from outside: nothing";
    case kMoreHint: return "Evidence, paths and lines to paste: --details; for programs: --json";
    case kSuppressedCount: return "{count} suppressed by bulkhead.yaml";
    case kSuppressionExpired:
      return "The suppression of {id} ended on {expires}: the finding stands again";
    case kSuppressionUnused: return "The suppression of {id} matches no finding";
    case kContradictionTitle:
      return "CONTRADICTED: real connections ended otherwise than computed. Trust the connection, "
             "and please report this.";
    case kContradictionLine:
      return "{vantage} -> {to} {port}: computed {computed}, observed {observed}";
    case kContradictionOutside:
      return "Of what was seen from outside, something that stands before this host may have "
             "decided.";
    case kZonesGuessed: return "Zones are guessed: {zones}";
    case kUplinkPrivate:
      return "The uplink has a private address: the Internet is computed up to it.";
    case kIncomplete: return "Not everything could be read: this is not the whole picture.";
    case kWhy: return "why";
    case kFix: return "fix";
    case kSeverityCritical: return "CRITICAL";
    case kSeverityHigh: return "HIGH";
    case kSeverityMedium: return "MEDIUM";
    case kSeverityLow: return "LOW";
    case kSeverityInfo: return "INFO";
    case kStateComputed: return "computed";
    case kStateConfirmed: return "confirmed by a real connection";
    case kStateContradicted: return "contradicted by a real connection";
    case kAdvice: return "advice";
    case kReachedFrom: return "reached from";
    case kForgedTag: return "forged packets only";
    case kForgedOnly: return "only with {forged}";
    case kForgedSource: return "a forged source address ({address})";
    case kForgedOtherSource: return "another of its own addresses ({address})";
    case kForgedPort: return "source port {port}";
    case kForgedMac: return "a forged source MAC ({mac})";
    case kForgedVlanTag: return "a VLAN tag of number 0";
    case kForgedFrame: return "frames past its own routes and rules";
    case kForgedPacket: return "packets of an attacker's making";
    case kWayPasses: return "{ways} pass";
    case kWayStopped: return "{ways} are stopped";
    case kWayUnknown: return "not known of {ways}";
    case kWayConnections: return "connections";
    case kWayForged: return "forged packets";
    case kWayArp: return "false ARP answers";
    case kWayFrames: return "frames that are not IP";
    case kCrossing: return "{way}: {open} of {count} {count|pair|pairs} open, {unknown} not known";
    case kCrossingStop: return "stopped by";
    case kAttackerLine:
      return "As attacker: {asked} {asked|pair|pairs} asked that are closed to ordinary "
             "connections, "
             "{open} open to forged packets, {unknown} not known";
    case kBecause: return "severity";
    case kRules: return "rules";
    case kClosing: return "says closed";
    case kOpening: return "opens it";
    case kPath: return "path";
    case kPaste: return "paste into {where}";
    case kEffectGone: return "once applied: this finding is gone";
    case kEffectStays: return "once applied: this finding stays; it is only a part of the cure";
    case kEffectCloses: return "it also closes {count}: {pairs}";
    case kEffectOpens: return "it opens {count} {count|other|others}";
    case kEffectUnknown: return "not computed";
    case kReferences: return "see";
    case kMembers: return "concerns";
    case kNote: return "note";
    case kSome: return "from some of its addresses only";
    case kSocket: return "socket";
    case kObserved: return "a real connection: {how}";
    case kReplyLeg: return "answer";
    case kTheInternet: return "the Internet";
    case kTheLan: return "the LAN";
    case kLanOf: return "the LAN at {interface}";
    case kZone: return "zone {zone}";
    case kTheHost: return "the host";
    case kOneContainer: return "container {a}";
    case kTwoContainers: return "containers {a} and {b}";
    case kManyContainers: return "{count} containers";
    case kHostService: return "the host";
    case kSomeService: return "A service";
    case kByPort: return "{service} (by its port)";
    case kOnHostNetwork: return "{owner} (host network)";
    case kAnd: return " and ";
    case kListSeparator: return ", ";
    case kTraceTitle: return "{from} -> {to} {port}";
    case kVerdictOpen: return "open";
    case kVerdictClosed: return "closed";
    case kVerdictUnknown: return "unknown";
    case kHowAccepted: return "accepted";
    case kHowRefused: return "refused";
    case kHowUnreachable: return "unreachable";
    case kHowDropped: return "dropped";
    case kHowUnknown: return "unknown";
    case kReason: return "because";
    case kRequestLeg: return "request";
    case kDecidedBy: return "decided by";
    case kAnsweredBy: return "answered by";
    case kLeavesBy: return "leaves by";
    case kPolicyOf: return "by {author}";
    case kWitness: return "sent from {source}";
    case kOpeningTitle: return "It would be open with {count|this change|all of these changes}:";
    case kOpeningPart: return "In its way, as far as changes are known:";
    case kOpeningLeft: return "No change is known for: {reason}";
    case kChangeAccept: return "{where}: an accept for {match} before {place}";
    case kChangeRemove: return "{where}: without {place}";
    case kChangePolicy: return "{where}: policy accept at {place}";
    case kChangeListen: return "{where}: somebody listens on {port}";
    case kChangeForward: return "{where}: {setting}";
    case kChangeReversePath: return "{where}: no reverse path filter on {interface} (rp_filter=0)";
    case kChangeIsolation: return "{where}: port {interface} not isolated";
    case kMapTitle: return "Network of {host}";
    case kMapInternet: return "to the Internet";
    case kMapLan: return "to a LAN";
    case kMapDmz: return "to a DMZ";
    case kMapManagement: return "to a management network";
    case kMapGuessed: return "guessed";
    case kMapNetwork: return "network {network}";
    case kMapInternal: return "internal";
    case kMapContainer: return "to one container";
    case kMapNamespace: return "to {peer}";
    case kMapLoopback: return "to the host itself";
    case kMapNowhere: return "nothing is attached";
    case kMapUnknown: return "the other end is not known";
    case kMapMadeBy: return "made by {author}";
    case kMapDown: return "down";
    case kMapHostListeners: return "the host listens on";
    case kMapHostMode: return "in the host's network";
    case kMapNoNetwork: return "in no network of the host";
    case kMapStopped: return "{count} {count|container does|containers do} not run";
    case kMapUnjoined:
      return "{count} other network {count|namespace is|namespaces are} joined to nothing here";
    case kMapNamespaces: return "other network namespaces";
    case kMapListens: return "listens on {ports}";
    case kMapPublished: return "published {ports}";
    case kMapEmpty: return "no container";
    case kReachTitle: return "{from} reaches ({what}):";
    case kReachNothing: return "nothing that listens";
    case kReachLeaves:
      return "leaves by {link} of {where} ({what}): who answers there is not known";
    case kReachUnknown: return "Not known: {reason} (such as {example})";
    case kReachContradiction:
      return "CONTRADICTION: {to} is computed as open, but one packet walked through is {verdict}: "
             "{reason}. Please report it.";
    case kReachMore: return "There is more than is listed.";
    case kReachSome: return "some senders only";
    case kReachForged: return "forged only (from {packet})";
    case kReachCounts:
      return "{count} {count|way|ways} in to {places} {places|place|places}; {confirmed} confirmed "
             "by "
             "a traced packet, {contradicted} contradicted, {unknown} not known";
    case kWhyTitle: return "Connections from {from} to {to} port {port}: {verdict}";
    case kWhyTitleForged:
      return "Packets from {from} to {to} port {port}, forged ones too: {verdict}";
    case kWhyForgedOnly: return "to forged packets only";
    case kWhyOne: return "One of them:";
    case kMatrixTitle:
      return "Who reaches what: {seats} {seats|vantage|vantages}, {services} "
             "{services|service|services}";
    case kMatrixNothing: return "nobody reaches a service of somebody else";
    case kMatrixLegend:
      return "O open  o open for some senders only  . closed  ? not known  ! contradiction";
    case kMatrixLegendForged:
      return "O open  o open for some senders only  F open to forged packets only  . closed  "
             "? not known  ! contradiction";
    case kViewForged:
      return "As attacker: root there may forge packets, where it is allowed to (NET_RAW).";
    case kMatrixUnreached:
      return "{count} more {count|service is|services are} closed to everybody else.";
    case kViewContradiction: return "CONTRADICTION: {pair}: {reason}. Please report it.";
    case kWhoTitle: return "Who reaches {what} ({seats} {seats|vantage|vantages} asked):";
    case kWhoNoService: return "no service that anybody else reaches";
    case kWhoNobody: return "nobody else";
    case kWhoFrom: return "from {source}";
    case kWhoUnknown: return "not known for {pair}: {reason}";
    case kUnusedTitle:
      return "Published ports that nobody outside reaches: {count} of {published} ({zones} "
             "{zones|zone|zones} asked); not known: {unknown}";
    case kUnusedPacket: return "{packet}: {reason}";
    case kUnusedNobodyListens: return "nobody listens on {inside} in the container";
    case kUnusedLoopback: return "published on the loopback of the host only";
    case kUnusedFirewall: return "the firewall closes it: {rule}";
    case kUnusedNoAddress: return "the host has no such address";
    case kUnusedOther: return "closed: {reason}";
    case kUnusedUnknown: return "NOT KNOWN whether somebody gets there";
    case kThroughTitle:
      return "From {from}, at most {depth} {depth|step|steps}. This assumes that each reached "
             "service "
             "can be taken over.";
    case kThroughMore:
      return "Containers reached in the last step may reach more: raise the number of steps.";
    case kThroughCounts:
      return "{taken} {taken|container falls|containers fall}; {unknown} not known";
    case kPrizeHostManagement: return "MANAGEMENT OF THE HOST";
    case kPrizeManagement: return "MANAGEMENT";
    case kPrizeHost: return "HOST SERVICE (T3)";
    case kPrizeContainer: return "container";
    case kScanTitle:
      return "Scan from {seats} {seats|namespace|namespaces}, {targets} {targets|target|targets}:";
    case kScanLeftOut: return "NOT SCANNED: {seat}: {reason}";
    case kScanNote: return "Note: {what}: {reason}";
    case kScanPartial: return "PARTIAL: stopped before the end; what was not asked is unknown.";
    case kScanDisagreement: return "DISAGREEMENT: {from} -> {to} {whose}";
    case kScanObserved: return "observed {state}: {proof}";
    case kScanComputed: return "computed {verdict}: {reason}";
    case kCompared:
      return "Compared with a scan from {zone} by {host} of {instant}, {hours} {hours|hour|hours} "
             "before this host was read.";
    case kComparedAfter:
      return "Compared with a scan from {zone} by {host} of {instant}, {hours} {hours|hour|hours} "
             "after this host was read.";
    case kScanPaused: return "Paused for {seconds} s: the host's load was above --max-load.";
    case kScanBeyond:
      return "{severity} {threat} {target}, beyond this host: {service} at {dial} is open to {who}";
    case kScanBeyondPermitted: return "permitted by the whitelist: {who}";
    case kScanBeyondSuppressed: return "suppressed: {reason}";
    case kScanMore: return "and {count} more";
    case kScanNothingOpen: return "nothing open";
    case kScanUnchecked: return "SELF-CHECK FAILED, silence is unknown: {reason}";
    case kScanConfirmed: return "confirmed";
    case kScanResolved: return "was not known";
    case kScanDisagrees: return "computed closed";
    case kScanCounts: return "{open} open, {closed} closed, {filtered} filtered, {unknown} unknown";
    case kScanAgreement:
      return "Model and packets agree on {confirmed} {confirmed|port|ports} and disagree on "
             "{disagreeing}; {resolved} were not known and are now; {unproven} stay unknown.";
    case kScanRates:
      return "; {sent} sent at {rate}/s, {lost} lost here, {seats} {seats|seat|seats}, {seconds} s";
    case kStateOpen: return "open";
    case kStateClosed: return "closed";
    case kStateFiltered: return "filtered";
    case kStateUnknown: return "unknown";
    case kPageAgreement: return "as computed?";
    case kProofAccepted: return "accepted";
    case kProofReset: return "reset";
    case kProofPortUnreachable: return "ICMP port unreachable";
    case kProofSilence: return "silence in every round";
    case kProofIcmp: return "ICMP error";
    case kProofSendRefused: return "not sent by its own kernel";
    case kProofLost: return "answers were lost in the queue of our socket";
    case kProofNoSocket: return "no socket or port for it";
    case kProofNotFinished: return "not asked to the end";
    case kProofNoUdpAnswer: return "no answer: open or filtered";
    case kProofUnchecked: return "silence, and the self-check of the seat did not pass";
    case kPolicyTitle:
      return "{file}: {tenants} {tenants|tenant|tenants}, {lines} {lines|line|lines}";
    case kPolicyNothing: return "no line permits anything";
    case kPolicyTenant: return "{tenant}: {mode}, {count} {count|container|containers}";
    case kPolicyHost: return "Services of the host";
    case kPolicyUnheld: return "not held for {container}: {reason}";
    case kPolicyStrangers:
      return "{count} running {count|container belongs|containers belong} to no tenant: {names}";
    case kPolicyDrawing:
      return "Left: who may come in. Right: where a service may go. Each arrow is a permission, in "
             "the colour of its rail or its "
             "target; a dashed frame is not enforced.";
    case kPolicyLegend: return "X permitted (some port)  . denied";
    case kPolicyUntil: return "until {day}";
    case kPolicyOver: return "over since {day}";
    case kLintCounts:
      return "{file}: {errors} {errors|error|errors}, {warnings} {warnings|warning|warnings}";
    case kTrialsTitle: return "{file} against {host}, as computed";
    case kTrialsNone: return "the file has no never and no tests: nothing was tried";
    case kTrialHolds: return "holds";
    case kTrialBroken: return "BROKEN";
    case kTrialUnknown: return "unknown";
    case kTrialVoid: return "void";
    case kTrialGets: return "{from} gets to {service} at {dial}";
    case kTrialLeaves: return "{from} sends to {dial}, out of the host";
    case kTrialForged: return "with forged packets";
    case kTrialMore: return "and {count} more";
    case kTrialCounts: return "{holds} hold, {broken} broken, {unknown} unknown, {void} void";
    case kPlanTitle:
      return "Plan of {file} for {host}: {containers} {containers|container|containers} held, "
             "{elements} {elements|element|elements}";
    case kPlanNobody: return "no tenant is in mode enforce: there is nothing to hold";
    case kPlanCloses: return "It closes {count} {count|way|ways} that {count|is|are} open now";
    case kPlanReopens:
      return "It opens {count} {count|way|ways} that an earlier policy keeps closed now";
    case kPlanOpens:
      return "Open with these rules, and ought to be closed, {count} {count|way|ways}: a bug of "
             "ours";
    case kPlanBlocked: return "Permitted, yet closed by others, {count} {count|way|ways}";
    case kPlanSeen:
      return "Of the flows that were seen, {stays} {stays|stays|stay} open, {permitted} "
             "{permitted|is|are} permitted but not "
             "proved to stay open, {breaks} {breaks|breaks|break}, {closed} {closed|is|are} "
             "closed now already, {unknown} {unknown|is|are} not known, {gone} {gone|is|are} of "
             "somebody who is not there "
             "now, and {unasked} {unasked|was|were} not asked about: never answered, or of nobody "
             "known";
    case kPlanBlockedBy: return "{pair}: {reason}";
    case kPlanUnknown: return "Not known with these rules, {count} {count|way|ways}";
    case kPlanNotHeld: return "What these rules do not hold";
    case kPlanFit: return "every never and every test holds with these rules; nothing was changed";
    case kPlanUnfit: return "this plan must not be applied: {reason}";
    case kApplied:
      return "{file} is applied to {host}: {containers} {containers|container|containers} held, "
             "{elements} elements";
    case kAppliedHost:
      return "The services of the host are held, too; by interfaces that come later only those are "
             "reached that are open to internet";
    case kAppliedAwaits:
      return "Not kept yet: open a NEW session to this host, and say there until {time}";
    case kAppliedAwaitsConsole: return "Not kept yet: say until {time}";
    case kAppliedElse:
      return "Else what was before comes back by itself; at once with bulkhead rollback";
    case kAppliedKept: return "It is kept: nothing but bulkhead rollback takes it back";
    case kConfirmed: return "confirmed: {file} is kept";
    case kConfirmedBefore:
      return "{file}, applied {time}, is kept already: nothing awaits confirmation";
    case kRolledBack: return "rolled back: no rules of Bulkhead are left";
    case kRolledBackTo:
      return "rolled back: the rules of {file}, applied {time}, are in force again";
    case kRollbackNothing: return "nothing is applied: there is nothing to roll back";
    case kRollbackBefore:
      return "rolled back already: the rules of {file}, applied {time}, are in force; bulkhead "
             "rollback --remove takes them away, too";
    case kRollbackRemoved: return "all rules of Bulkhead are taken away";
    case kStatusNothing: return "no policy is applied to {host}";
    case kStatusForeign:
      return "but there are tables named bulkhead that no apply loaded; bulkhead rollback --remove "
             "takes them away";
    case kStatusApplied: return "{file} is applied to {host} since {time}, by {user}";
    case kStatusHeld:
      return "{containers} {containers|container is|containers are} held, {elements} elements";
    case kStatusFileChanged: return "The file is another now than what was applied";
    case kStatusInterrupted:
      return "The apply did not come to its end: bulkhead rollback, and apply again";
    case kStatusAwaits:
      return "Not confirmed: it is rolled back at {time} unless you say bulkhead confirm";
    case kStatusNoGuardian:
      return "Its guardian is gone, so that nobody rolls it back: bulkhead rollback, or bulkhead "
             "confirm";
    case kStatusUnread: return "What the kernel has could not be read: {reason}";
    case kStatusExact: return "The kernel has exactly the tables that were applied";
    case kStatusDrift: return "The kernel does not have what was applied:";
    case kStatusUncovered: return "Not covered by these rules; apply again:";
    case kStatusUncoveredUnknown:
      return "Whether all containers are covered is not known: {reason}";
    case kStatusAnew: return "{container} was started anew since";
    case kStatusMoved: return "{container} has other addresses since, on which it is not held";
    case kStatusSince: return "{container} was started since";
    case kStatusInterfaces:
      return "Interfaces are not what they were when these rules were made; apply again:";
    case kStatusRenamed:
      return "{was} is called {name} now: what is held is not reached from there, and of the "
             "host's services, where they are held, only what is open to internet";
    case kStatusRenamedBridge:
      return "{was} is called {name} now: the host and the containers there do not reach each "
             "other";
    case kStatusGone: return "{name} is gone: nothing comes or goes by it";
    case kStatusMadeAnew: return "{name} was made anew: it counts as the one before";
    case kStatusCame:
      return "{name} came since: what is held is not reached from there, nor gets out by it; of "
             "the host's services, where they are held, only what is open to internet is reached";
    case kStatusAudited:
      return "{containers} {containers|container is|containers are} in mode audit: what would be "
             "refused is counted and let through";
    case kStatusAuditedHost: return "So are the services of the host";
    case kStatusNotCounting:
      return "Nothing is counted: its table is not in the kernel; apply again";
    case kStatusRefusesNothing: return "Nothing was seen that would be refused";
    case kStatusWouldRefuse:
      return "{count} {count|way|ways} would be refused (seen since the rules were loaded, within "
             "7 days)";
    case kStatusRefused:
      return "{from} -> {to} {port}: {packets} {packets|packet|packets}, the last {time}";
    case kStatusOfHost: return "of no tenant (the host, addresses that nobody has now)";
    case kStatusAuditFull:
      return "more ways than there is room for ({kinds}): {packets} {packets|packet|packets} are "
             "not listed";
    case kStatusAuditSince:
      return "{container} was started or moved since: its addresses are no service's in these "
             "rules; apply again";
    case kAppliedAudited:
      return "{containers} {containers|container|containers} in mode audit: what would be refused "
             "is counted; bulkhead status lists it";
    case kPlanAudited:
      return "{containers} {containers|container is|containers are} in mode audit: these rules "
             "count what they would refuse; plan --enforce tells what that would be";
    case kPlanFitAwaits:
      return "every other never and test holds with these rules; nothing was changed";
    case kTrialAudited:
      return "does not hold while its ends are in mode audit; holds once they are enforced";
    case kStatusNoGuard:
      return "who may change rules can flush these: nothing guards against it yet";
    case kStatusNoRearm:
      return "containers that start, or start anew, are not taken in by themselves";
    case kStatusNoBoot: return "the rules are gone after a restart of the machine";
    case kStatusUnconfirmed: return "{file} was rolled back {time}: nobody confirmed it";
    case kStatusTakenBack: return "{file} was rolled back {time}";
    case kMapPort: return "port {name}";
    case kDrawSummary:
      return "{containers} {containers|container|containers} in {networks} "
             "{networks|network|networks}, {zones} {zones|zone|zones} outside; {stopped}";
    case kDrawInternet: return "Internet";
    case kDrawLan: return "LAN";
    case kDrawDmz: return "DMZ";
    case kDrawManagement: return "Management network";
    case kDrawShared: return "shared by {count} tenants";
    case kDrawAlsoIn: return "also in {networks}";
    case kDrawSame: return "the same container";
    case kLegendZone: return "zone outside the host";
    case kLegendNetwork: return "network";
    case kLegendInternal: return "internal network";
    case kLegendShared: return "network of several tenants";
    case kLegendSame: return "same number: one container in several networks";
    case kLegendTenant: return "colour of the tenant";
    case kLegendListening: return "listens on";
    case kLegendPublished: return "published on the host";
  }
  return {};
}

}  // namespace bulkhead::report::english
