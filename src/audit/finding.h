// What an audit says, as plain values: findings, who reaches what, and what is not known.
//
// Names (containers, processes, networks, interfaces, reasons in bulkhead.yaml) are as they came
// from outside: whoever shows them escapes them. Rules, reasons of answers and steps are text that
// their makers have escaped already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/phrase.h"
#include "base/address.h"
#include "base/verdict.h"
#include "model/snapshot.h"
#include "policy/tenants.h"
#include "policy/zone.h"
#include "services/catalogue.h"
#include "trace/trace.h"

namespace bulkhead::audit {

// OWASP Docker Top 10 D03, T1..T6 as DESIGN §3 defines them, then advice.
enum class Kind : std::uint8_t {
  kT1,                    // management reachable from the Internet
  kT2,                    // management reachable from LAN, DMZ or containers
  kT3,                    // another service of the host reachable from containers
  kT4,                    // a microservice needlessly exposed
  kT5,                    // a traditional service exposed
  kT6,                    // tenants share a link-layer segment
  kManagementNetwork,     // somebody may get to a management network
  kFirewallContradicted,  // the firewall says closed, the engine opened it
  kV4OnlyRule,            // closed by a rule for IPv4 only, open over IPv6
  kIpv6Unfirewalled,      // not published, open over IPv6 only
  kLoopbackPublished,     // published on 127.0.0.1, reached from outside all the same
  kEngineSocket,          // the engine's socket is mounted into a container
  kHostMode,              // network_mode: host without need
  kMetadata,              // the cloud's metadata service
  kDefaultBridge,         // containers on the default bridge
  kEgress,                // the whole Internet reachable from containers
};
[[nodiscard]] std::string_view to_string(Kind kind);  // "T1", "egress": stable, part of ids
inline constexpr std::size_t kKinds = 16;
[[nodiscard]] bool is_threat(Kind kind);

enum class Severity : std::uint8_t { kInfo, kLow, kMedium, kHigh, kCritical };
[[nodiscard]] std::string_view to_string(Severity severity);

// computed: the model says so; confirmed: a real connection agreed; contradicted: it did not.
enum class State : std::uint8_t { kComputed, kConfirmed, kContradicted };
[[nodiscard]] std::string_view to_string(State state);

struct Subject {
  std::string engine, project, service, container, image;  // of a container
  std::string process;                                     // that holds the socket
  std::string tenant;
  std::string network;       // a segment, an interface, a zone
  std::optional<Port> port;  // where the service listens
  IpProtocol protocol = IpProtocol::kTcp;
  bool on_host = false;                         // in the host's network namespace
  bool rootless = false;                        // of a user's own engine, whose name says which
  const services::Service* known_as = nullptr;  // into the catalogue
  services::KnownBy known_by = services::KnownBy::kNothing;
};

struct RuleQuote {
  std::string place;   // "ip filter/DOCKER handle 12"
  std::string text;    // "-d 172.17.0.2/32 ... -j ACCEPT"
  std::string author;  // "docker", "ufw", ... or ""
  friend bool operator==(const RuleQuote&, const RuleQuote&) = default;
};

struct PathStep {
  bool reply = false;
  std::string where;  // "host", "container docker/web", "netns /run/netns/x"
  std::string stage, interface, detail;
  std::vector<RuleQuote> rules;
};

struct SocketEvidence {
  IpAddress address;
  Port port;
  std::string process;
  std::uint32_t pid = 0, uid = 0;
  std::string container;  // "" for the host's own
};

enum class Via : std::uint8_t { kDirect, kPublished };

// What the packet has, of an attacker who gets where no ordinary connection from there does.
struct Forgery {
  bool foreign_source = false;  // an address that the sender has not
  bool other_source = false;    // another of its own addresses than the route chooses
  bool odd_port = false;        // a source port that connect() does not choose by itself
  bool frame = false;           // put on the wire past the sender's own routes and rules
  bool foreign_mac = false;     // in it, a source MAC that the sender has not
  bool tagged = false;          // a VLAN tag of number 0
  Port source_port;
  MacAddress source_mac, destination_mac;  // of the frame
  std::vector<RuleQuote> stops;            // what closes the ordinary connection
  std::string reason;                      // of that
};

// One vantage that gets there.
struct Opening {
  std::string vantage;                   // as `bulkhead query` takes it
  std::optional<policy::ZoneRole> role;  // of a zone
  bool guessed_zone = false;
  bool up_to_uplink = false;  // Internet, and the uplink's address is private
  IpAddress to;
  std::string link = {};  // of a link-local address: the vantage's interface, raw
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  bool as_attacker = false;  // nothing but forged packets gets there
};

// And how.
struct Reach : Opening {
  std::optional<model::NsId> from;  // the namespace of a container or the host
  std::string tenant;               // of a container
  std::vector<std::string> also;    // containers that share its namespace
  Via via = Via::kDirect;
  std::optional<IpAddress> source;  // of the witness
  bool some = false;                // other senders of the zone get another answer
  std::vector<RuleQuote> rules;     // that let it through
  std::optional<SocketEvidence> socket;
  std::vector<PathStep> path;          // of the first reach of a finding
  std::string observed;                // how a real connection ended; "" when none was tried
  std::optional<Forgery> forged = {};  // as_attacker: what
};
[[nodiscard]] bool only_forged(const std::vector<Reach>& reaches);  // and there are some

struct Text {  // a phrase with its values
  Phrase phrase;
  std::vector<std::pair<std::string, std::string>> values;  // names without braces; raw
};

// What the model says once the cure is applied.
struct Effect {
  bool computed = false;
  bool gone = false;  // this finding is gone
  std::size_t closes = 0,
              opens = 0;  // other open connections that close; closed ones from zones that open
  std::vector<std::string> closed_pairs;  // "container:docker/web -> shop/db 5432/tcp", at most 5
};

struct Cure {
  Text say;                // one line; {short} is `short_form`
  std::string short_form;  // what changes, in a few words of configuration
  std::string where;       // "compose.yaml", "/etc/docker/daemon.json", "shell"
  std::string paste;       // the lines, without a trailing newline
  Effect effect;
};

struct Reference {
  std::string_view
      standard;  // "OWASP Docker Top 10", "CIS Docker Benchmark 1.5.0", "NIST SP 800-190"
  std::string_view section;  // "D03", "5.29", "4.3.3"
};

// How two tenants on one link-layer segment get at each other today: computed for pairs of members.
enum class LinkWay : std::uint8_t {
  kConnections,  // ordinary ones
  kForged,       // IP packets of whatever source address, port and MAC, to a service that listens
  kArp,          // ARP questions and answers that are lies
  kFrames,       // frames that are neither ARP nor IP
};
[[nodiscard]] std::string_view to_string(LinkWay way);  // "connections"
struct LinkCrossing {
  LinkWay way = LinkWay::kConnections;
  std::size_t open = 0, closed = 0, unknown = 0;  // pairs, each direction for itself
  std::vector<Text> stops;  // what closes it, or why it is not known; distinct, the first few
  // Of the segment: open where one pair is.
  [[nodiscard]] Verdict verdict() const {
    if (open != 0) return Verdict::kOpen;
    return unknown != 0 ? Verdict::kUnknown : Verdict::kClosed;
  }
};

struct Finding {
  std::string id;
  Kind kind = Kind::kT1;
  Severity severity = Severity::kInfo;
  std::vector<Text> severity_reasons;
  Subject subject;
  std::vector<Subject> members;  // of grouped advice and segments: the containers concerned
  Text what, why;
  std::vector<Text> notes;
  std::vector<Reach> reaches;               // nearest to the Internet first
  std::vector<RuleQuote> closing, opening;  // the two sides of a contradiction
  std::vector<LinkCrossing> crossings;      // of a segment: the ways that could be asked about
  State state = State::kComputed;
  bool beyond = false;      // of a machine beyond the host: an audit sends nothing to it
  bool assumed = false;     // no policy and no traffic says that it is needless
  std::vector<Cure> cures;  // the first is the advised one
  std::vector<Reference> references;
  std::string suppressed_by;  // the reason given; "" when it stands
};

struct Unknown {  // answers that could not be computed, by reason
  std::string reason;
  std::size_t count = 0;
  std::vector<std::string> examples;  // at most 3
};

// Somewhere that services are asked from.
struct ReportVantage {
  std::string text;  // as `bulkhead query` takes it
  std::optional<policy::ZoneRole> role;
  bool guessed_zone = false;
  bool private_uplink = false;  // an Internet zone, and the uplink has private IPv4 addresses alone
};

// An opening without what it shares with others: a large host has a million. The vantage and the
// link are places in the report's lists.
struct Exposed {
  std::uint32_t vantage = 0;
  std::optional<std::uint32_t> link = {};  // of a link-local address
  IpAddress to;
  Port port;
  bool as_attacker = false;
};

struct Exposure {
  Subject subject;
  std::vector<Exposed> open;           // zones, host, containers; then as attacker
  std::vector<std::uint32_t> unknown;  // vantages
};

struct Contradiction {
  std::string vantage;
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::string computed, observed;  // how
  std::string reason;              // of the computed answer
  std::optional<Port> last = {};   // of neighbouring ports of which the same is said
};

enum class SuppressionState : std::uint8_t { kActive, kExpired, kUnused };
struct SuppressionUse {
  std::string id, reason, expires;
  SuppressionState state = SuppressionState::kUnused;
};

// A scan from outside that was compared.
struct ComparedScan {
  std::string vantage, host;  // where it was made, by whom
  std::uint64_t taken_at_ms = 0;
  bool after = false;        // the host was read
  std::uint64_t age_ms = 0;  // between the two
};

struct Report {
  std::string host_name;
  std::uint64_t at_ms = 0;
  std::vector<policy::Zone> zones;
  std::vector<std::string> engines;  // "docker 20.10.24"
  std::vector<Finding> findings;     // suppressed ones last; else as they should be read
  std::vector<Contradiction> contradictions;
  std::vector<ReportVantage> all_vantages;  // of exposures
  std::vector<std::string> links;           // names, raw
  std::vector<Exposure> exposures;
  std::vector<Unknown> unknowns;
  std::vector<SuppressionUse> suppressions;
  std::vector<std::pair<std::string, std::string>> gaps;  // what could not be read, why
  std::size_t containers = 0, services = 0, vantages = 0;
  std::size_t asked = 0, open = 0, closed = 0, unknown = 0;  // pairs of vantage and service
  struct {
    std::size_t asked = 0, open = 0, closed = 0, unknown = 0;  // as attacker
  } attackers;
  std::vector<Unknown> attacker_unknowns;
  std::size_t observed = 0;  // real connections that were compared
  std::vector<ComparedScan> compared;
  [[nodiscard]] Opening opening(const Exposure& exposure, const Exposed& exposed) const;
};

}  // namespace bulkhead::audit
