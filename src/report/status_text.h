// What is in force and whether it still is, for people and for programs
// (schemas/status.schema.json). Each ends with a newline; what is given is escaped here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "report/style.h"

namespace bulkhead::report {

struct Uncovered {  // a container of an enforced tenant that the rules do not know as it is now
  std::string engine, name;
  enum class Why : std::uint8_t {
    kSince,  // was started since
    kAnew,   // was held, and was started anew since
    kMoved,  // is held, but has got or lost addresses since
  };
  Why why = Why::kSince;
};

struct HeldName {
  std::string engine, name;
};

// What would have been refused if what is in mode audit were enforced: one way, with its packets.
struct WouldRefuse {
  std::string tenant;     // whose lines are asked; "": those about the host
  std::string_view kind;  // compile::to_string(Refusal)
  std::string from, to;   // "shop/web", "container x", "host", "lan"; "": nobody's now
  IpAddress from_address, to_address;
  IpProtocol protocol = IpProtocol::kTcp;
  Port port;                               // 0: the protocol has none
  std::uint64_t packets = 0, last_ms = 0;  // Unix time
};

struct Audited {
  std::vector<HeldName> containers;
  bool host = false;
  bool counting = false;                  // its table is there and was read
  std::vector<WouldRefuse> would_refuse;  // by tenant, kind, most packets first
  std::uint64_t missed = 0;               // packets of more ways than are kept
  std::vector<std::string_view> full;     // kinds of which there were more
  std::vector<Uncovered> since;           // containers whose addresses its rules do not know
};

// An interface of the host that is not as it was when the rules were made.
struct Shifted {
  enum class Change : std::uint8_t {
    kRenamed,
    kGone,
    kAnew,  // another one has its name, and counts as it did
    kNew,   // no rule knows it
  };
  enum class Role : std::uint8_t {
    kBridge,  // of containers that are held or audited
    kZone,
    kOther,  // an engine's, where nobody is held
    kNone,
  };
  std::string name, was;  // was: when renamed
  Change change = Change::kNew;
  Role role = Role::kNone;
};

struct Applied {
  std::string id, file, sha256, user;
  std::uint64_t at_ms = 0;
  std::uint32_t uid = 0;
  std::vector<HeldName> held;
  bool host_held = false;
  std::optional<Audited> audited;  // absent: nothing is in mode audit
  std::uint64_t elements = 0;
  std::vector<std::string> unheld;       // escaped lines
  std::optional<bool> file_changed;      // absent: it could not be read
  bool interrupted = false;              // apply did not come to its end
  std::uint64_t until_ms = 0;            // awaits confirmation; 0: kept
  bool guarded = false;                  // its guardian is there
  std::optional<std::string> unread;     // why the kernel's tables are not known
  std::vector<std::string> differences;  // escaped lines; empty: exactly what was applied
  std::vector<Uncovered> uncovered;
  std::optional<std::string> unknown;  // why `uncovered` is not known
  std::vector<Shifted> shifted;
};

struct TakenBack {  // the last apply
  std::string file;
  std::uint64_t at_ms = 0;
  bool unconfirmed = false;
};

struct Standing {
  std::string host;
  std::optional<Applied> applied;
  bool foreign = false;  // nothing is applied, and yet there are tables of that name
  std::optional<TakenBack> taken_back;
  // The rules are those that were applied, hold whom the policy names, name interfaces as they are
  // called, and go unless confirmed.
  [[nodiscard]] bool sound() const;
  [[nodiscard]] bool known() const;
};

// Whether an interface that the rules name has another name now.
[[nodiscard]] bool renamed(const Applied& applied);

[[nodiscard]] std::string status_text(const Standing& standing, const Style& style);
[[nodiscard]] std::string status_json(const Standing& standing);

}  // namespace bulkhead::report
