// All that a scan saw, as a plain value that outlives it: written as JSON, read again, compared
// with another. Pure.
//
// `bulkhead-scan` makes one. That of `bulkhead scan --json` holds more (what is computed, and who
// listens); of it, what was seen can be read as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/scoped_address.h"
#include "seen/observed.h"

namespace bulkhead::seen {

// What answers at an open port, told by what it says itself (identify/). Hostile but for the id.
struct Service {
  std::string id, name;  // of the catalogue
  std::string access;    // open, protected, unowned (the first visitor becomes its owner), unknown
  std::string evidence;  // raw bytes of the answer
  friend bool operator==(const Service&, const Service&) = default;
};

struct KnownPort {
  Port port;
  Service service;
};

struct Target {
  IpAddress to;
  std::string link = {};  // of a link-local address: the seat's interface, by its name
  std::vector<std::string> names = {};  // by which it was asked for
  IpProtocol protocol = IpProtocol::kTcp;
  Swept swept = {};
  std::vector<KnownPort> services = {};                   // of open ports, ascending
  [[nodiscard]] const Service* service(Port port) const;  // null: not known
  [[nodiscard]] ScopedAddress scoped() const { return {to, link}; }
};

struct SeenFrom {
  std::string vantage;  // "outside", or as `bulkhead scan --from` takes it
  SeatCheck check;
  std::vector<Target> targets;
};

struct Record {
  std::string host, tool;  // that scanned
  std::string zone;        // of the targets' host, in which it stood: internet, lan; "": not said
  std::uint64_t taken_at_ms = 0, elapsed_ms = 0;
  std::uint64_t paused_ms = 0;  // of elapsed_ms: the scanner's machine was too busy
  bool finished = true;         // neither interrupted nor out of time
  std::vector<SeenFrom> seats;
  struct LeftOut {
    std::string what, why;
  };
  std::vector<LeftOut> left_out;
};

// Ports stayed unknown for want of time, sockets or answers that were lost, a seat could not be
// used, or something was left out. A silent UDP port is no such thing.
[[nodiscard]] bool is_incomplete(const Record& record);

// Of all targets together, by State.
[[nodiscard]] std::array<std::uint64_t, kStates> count_states(const Record& record);

inline constexpr std::size_t kLargestRecord = 64UL * 1024 * 1024;  // bytes of JSON

// Form: schemas/outside.schema.json. Always valid UTF-8, whatever services answered.
[[nodiscard]] std::string record_json(const Record& record);

// Reads that form and the one of `bulkhead scan --json`; `file` names it in errors. kInvalidInput
// for what is neither, too large, or contradicts itself (ports out of order, an address twice).
// Linear.
[[nodiscard]] Result<Record> read_record(std::string_view text, std::string_view file);

}  // namespace bulkhead::seen
