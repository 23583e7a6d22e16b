// Loads rules so that they can be taken back, and takes them back: the privileged half of `apply`,
// and all of `confirm` and `rollback`.
//
// The order of apply: save how to get back; let the kernel look at the rules; start the guardian;
// write down that it is under way; load. Any error before the last leaves the kernel as it was; the
// last is one transaction. Killed at any point, the guardian takes back what was loaded.
//
// To get back to an earlier policy its own text is loaded again, which gives what nft lists of it
// but for counters; nft 1.0.6 cannot read its own listing of these tables.
//
// An error of nft does not say that the kernel did not take the transaction (it may have been ended
// after that): whatever fails from there on is taken back at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "enforce/folder.h"
#include "enforce/state.h"

namespace bulkhead::enforce {

// How long a guardian, a confirm or a rollback waits for whoever holds the lock: a guardian that
// takes something back is done in less.
inline constexpr std::chrono::seconds kPatience{5};

struct Request {
  Record record;                            // id and times are set here
  std::string rules, tables, policy;        // ID.nft, ID.json, ID.yaml
  std::chrono::seconds confirm_within{60};  // 0: kept at once, nobody guards it
};

// What the folder says; of an earlier start of the machine nothing counts.
[[nodiscard]] Result<State> current_state(const Folder& folder);

// The folder, its lock and what it says then. kNotFound as of Folder::open(), kUnavailable as of
// Folder::lock().
struct Place {
  Folder folder;
  Lock lock;
  State state;
};
[[nodiscard]] Result<Place> take_place(Folder::Make make, std::chrono::milliseconds patience);

// Whether one may begin: kUnsupported when an apply awaits confirmation, or when there are tables
// of ours that no apply made.
[[nodiscard]] Status check_ready(const State& state);

// The new state. In the state afterwards `before` is what a rollback brings back. kInterrupted: it
// failed while it loaded or after, and was taken back.
[[nodiscard]] Result<State> apply(const Folder& folder, const Lock& lock, const Request& request);

// Takes back what was applied last; the new state. Nothing to take back is no error: the state
// stays. Ends the guardian.
enum class By : std::uint8_t { kPerson, kGuardian };
[[nodiscard]] Result<State> roll_back(const Folder& folder, const Lock& lock, By by);

// Takes all tables of ours away, whoever loaded them, and forgets what was applied.
[[nodiscard]] Status remove_all(const Folder& folder, const Lock& lock);

// What the guardian of `id` does at its deadline. False: it was kept, or is another's by now. Who
// does not let go of the lock within kPatience is ended.
[[nodiscard]] Result<bool> roll_back_unconfirmed(const std::string& base, const std::string& id);

// The same when the folder cannot be used.
[[nodiscard]] Status load_without_folder(const std::string& back);

// Keeps what awaits confirmation and ends its guardian. The caller has seen that it may.
[[nodiscard]] Result<State> keep(const Folder& folder, const Lock& lock, State state);

}  // namespace bulkhead::enforce
