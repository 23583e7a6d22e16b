// What was applied, and what is to become of it: the file state.json of the folder. Plain values.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead::enforce {

struct Held {  // a container that the rules hold, or audit
  std::string engine, name, id;
  std::uint64_t netns = 0;             // inode of its network namespace
  std::vector<std::string> addresses;  // there, ascending, but for those of one machine or wire
  friend bool operator==(const Held&, const Held&) = default;
};

struct Interface {  // of the host, as it was when the rules were loaded
  enum class Role : std::uint8_t {
    kBridge,  // of containers that are held or audited
    kZone,
    kOther,  // an engine's, where nobody is held
    kNone,   // was up, and no rule knows it
  };
  std::string name;
  std::uint32_t number = 0;
  Role role = Role::kNone;
  friend bool operator==(const Interface&, const Interface&) = default;
};

// One apply. The folder also has ID.nft (what was loaded), ID.json (the same as the kernel reads it
// back, a snapshot of these tables alone) and ID.yaml (the policy).
struct Record {
  std::string id;                     // hexadecimal
  std::uint64_t applied_at_ms = 0;    // Unix time
  std::uint64_t applied_boot_ns = 0;  // CLOCK_BOOTTIME, when the rules were loaded
  std::uint32_t uid = 0;              // who asked for it: of the login, else of the process
  std::string user;                   // its name; "" when it has none
  std::string file;                   // the policy's path
  std::string sha256;                 // of its bytes
  bool console = false;               // --console was given
  std::vector<Held> held, audited;
  std::optional<std::vector<Interface>> interfaces;  // absent: an older version did not keep them
  bool host_held = false, host_audited = false;
  std::uint64_t elements = 0;
  std::vector<std::string> unheld;  // escaped lines
  friend bool operator==(const Record&, const Record&) = default;
};

enum class Phase : std::uint8_t {
  kNothing,   // nothing is applied
  kLoading,   // under way: loaded or not, and to be taken back at the deadline
  kAwaiting,  // loaded, and to be taken back at the deadline
  kKept,
};

struct Process {  // its pid may be another's by now: the start tells
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // /proc/PID/stat, field 22
  friend bool operator==(const Process&, const Process&) = default;
};

struct Undone {  // the last apply that was taken back
  std::string id, file;
  std::uint64_t at_ms = 0;
  bool by_guardian = false;  // it was not confirmed in time
  friend bool operator==(const Undone&, const Undone&) = default;
};

struct State {
  std::string boot_id;
  Phase phase = Phase::kNothing;
  std::optional<Record> current;
  std::optional<Record> before;        // what a rollback brings back; none: no tables
  bool can_undo = false;               // a rollback was not made yet
  std::uint64_t deadline_boot_ns = 0;  // kLoading, kAwaiting: CLOCK_BOOTTIME
  std::uint64_t deadline_ms = 0;       // the same as Unix time, to be shown
  Process guardian;
  std::optional<Undone> undone;
  friend bool operator==(const State&, const State&) = default;
};

inline constexpr std::uint32_t kStateVersion = 3;

[[nodiscard]] std::string write_state(const State& state);
// kInvalidInput names what is wrong; kUnsupported for a newer version.
[[nodiscard]] Result<State> read_state(std::string_view json);

// The same for a record alone, and for one that is still to get its id and times.
[[nodiscard]] std::string write_record(const Record& record);
[[nodiscard]] Result<Record> read_record(std::string_view json);

}  // namespace bulkhead::enforce
