// What a policy says of a flow that was seen: covered by a line, not its matter, to be proposed, or
// nothing that should be proposed, and why.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "flows/book.h"
#include "policy/config.h"
#include "policy/meaning.h"
#include "policy/zone.h"

namespace bulkhead::learn {

enum class Ruling : std::uint8_t {
  kCovered,     // a line permits it
  kUngoverned,  // no line could, and none is needed
  kWanted,      // a line would
  kRefused,
};

// Why it is not proposed.
enum class Refusal : std::uint8_t {
  kNone,
  kUnanswered,  // no answer was seen
  kScan,        // it is part of one
  kUnclear,     // picked up in its middle, or begun by a helper
  kLost,        // whether it was answered was lost
  kNobody,      // nobody held the address
  kUnsure,      // who held it is not known
  kManagement,  // manages a host or more
  kNever,       // the policy says never
  kNoTenant,    // of a container of no tenant
  kNoService,   // of a container of no service of its tenant
  kCopied,      // the tenant's rules are another's
  kHost,        // of the host, and the policy does not speak of its services
  kOthers,      // more addresses than are listed
  kInside,      // from outside to a container's own address
  kOwnAddress,  // of the host, to a port published at its own address
  kLinkLocal,
  kName,  // a name that cannot be written
};
[[nodiscard]] std::string_view to_string(Refusal refusal);  // "unanswered"

// A service of a tenant, as lines name it.
struct Place {
  const policy::Tenant* tenant = nullptr;
  std::string service;
};

struct Judged {
  Ruling ruling = Ruling::kRefused;
  Refusal refusal = Refusal::kNone;
  std::string reason;  // of a refusal, and what to do; escaped, one line
  policy::LineKind section = policy::LineKind::kAllow;  // kWanted
  std::optional<Place> from, to;                        // kWanted: containers
};

class Judge {
 public:
  // What it is given must outlive it. O(flows log flows).
  Judge(const flows::Book& book, const policy::Config& config, std::span<const policy::Zone> zones,
        std::uint64_t now_ms);

  [[nodiscard]] Judged judge(const flows::Flow& flow, const flows::Counts& counts) const;
  // A line of the policy permits it. O(lines).
  [[nodiscard]] bool covered(const flows::Flow& flow) const;
  // Whether this is what a proxy of the engine sends to the container when `dialled` is dialled.
  [[nodiscard]] bool is_proxied(const flows::Flow& flow, policy::PortSpec dialled) const;

 private:
  struct Burst {  // of connections that nobody answered
    std::uint64_t first_ms = 0, last_ms = 0;
    std::size_t asked = 0;
  };
  void find_scans();
  [[nodiscard]] std::size_t scanned(const flows::Flow& flow, const flows::Counts& counts) const;
  [[nodiscard]] std::optional<Judged> unfit(const flows::Flow& flow,
                                            const flows::Counts& counts) const;
  [[nodiscard]] bool is_governed(const flows::Flow& flow) const;
  [[nodiscard]] std::optional<Judged> place(const flows::Flow& flow, Judged& out) const;
  [[nodiscard]] std::optional<Judged> place_one(const flows::Peer& peer,
                                                std::optional<Place>& out) const;
  [[nodiscard]] const policy::NeverRule* forbids(const flows::Flow& flow,
                                                 const Judged& judged) const;
  [[nodiscard]] bool names(const policy::Party& party, const flows::Peer& peer,
                           std::string_view service, bool as_line) const;
  [[nodiscard]] bool names_address(const policy::Party& party, const IpAddress& address,
                                   bool as_line) const;
  [[nodiscard]] bool any_names(std::span<const policy::Party> parties, const flows::Peer& peer,
                               std::string_view service, bool as_line) const;
  [[nodiscard]] bool permits(const policy::Line& line, const flows::Flow& flow) const;

  const flows::Book& book_;
  const policy::Config& config_;
  std::span<const policy::Zone> zones_;
  std::vector<policy::Line> lines_;
  std::vector<const policy::Tenant*> tenants_;  // of Book::whos; null: of none
  std::vector<model::Container> containers_;    // the same
  std::map<flows::Peer, std::vector<Burst>> bursts_;
  std::map<std::pair<flows::Peer, flows::Peer>, std::size_t> refused_;  // ports, by both ends
  // Container, the host's port, its own: those that were seen.
  std::set<std::tuple<std::uint32_t, policy::PortSpec, policy::PortSpec>> published_;
  std::uint64_t now_ms_;
};

// For people, escaped: "shop-web-1 -> 192.0.2.7:443/tcp".
[[nodiscard]] std::string describe(const flows::Flow& flow, const flows::Book& book);
[[nodiscard]] std::string describe(const flows::Peer& peer, const flows::Book& book);

}  // namespace bulkhead::learn
