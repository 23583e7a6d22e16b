#include "enforce/apply.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "enforce/guardian.h"
#include "enforce/nft.h"
#include "enforce/transaction.h"

namespace bulkhead::enforce {
namespace {

constexpr const char* kStateFile = "state.json";
constexpr std::array<const char*, 3> kEndings{".nft", ".json", ".yaml"};

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string out;
  std::getline(file, out);
  return out;
}

Result<std::string> fresh_id() {
  std::array<std::uint8_t, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail(ErrorCode::kUnavailable, "no random numbers");
  return to_hex(bytes);
}

Status save(const Folder& folder, const State& state) {
  return folder.write(kStateFile, write_state(state));
}

// Files of records that nothing refers to any more.
void forget(const Folder& folder, const std::optional<Record>& record, const State& state) {
  if (!record) return;
  if (state.current && state.current->id == record->id) return;
  if (state.before && state.before->id == record->id) return;
  for (const char* ending : kEndings) folder.remove(record->id + ending);
}

// One transaction that brings `record` back, or the absence of our tables.
Result<std::string> way_back(const Folder& folder, const std::optional<Record>& record) {
  if (!record) return removal();
  auto text = folder.read(record->id + ".nft");
  if (!text) return std::unexpected(text.error());
  const std::optional<std::string> found = *std::move(text);
  if (!found)
    return fail(ErrorCode::kNotFound,
                folder.path() + "/" + record->id + ".nft is gone, and with it the way back");
  // An older program wrote rules that take away only the tables that it knew.
  return removal() + *found;
}

Status write_files(const Folder& folder, const std::string& id, const Request& request) {
  const std::array<const std::string*, 3> texts{&request.rules, &request.tables, &request.policy};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (auto written = folder.write(id + kEndings[i], *texts[i]); !written) return written;
  }
  return {};
}

// What is there now, and is to come back: an apply's tables, or none.
Result<std::optional<Record>> what_is_there(const State& state) {
  auto tables = our_tables();
  if (!tables) return std::unexpected(tables.error());
  if (tables->empty()) return std::nullopt;
  if (state.current) return state.current;
  return fail(ErrorCode::kUnsupported,
              "the kernel has tables named bulkhead that no apply made (" + tables->front() +
                  "), so they could not be brought back; take them away first: "
                  "bulkhead rollback --remove");
}

// Everything up to the transaction itself. On an error nothing is left of it.
Status prepare(const Folder& folder, const Request& request, State& next) {
  if (auto ours = check_transaction(request.rules); !ours) return ours;
  auto back = way_back(folder, next.before);
  if (!back) return std::unexpected(back.error());
  if (auto fine = check_rules(*back); !fine) return within("the way back", fine.error());
  if (auto fine = check_rules(request.rules); !fine) return fine;
  const std::string id = next.current ? next.current->id : "";
  if (auto written = write_files(folder, id, request); !written) return written;
  if (request.confirm_within.count() > 0) {
    auto guardian = start_guardian(folder.base(), id, next.deadline_boot_ns, *back);
    if (!guardian) return std::unexpected(guardian.error());
    next.guardian = *guardian;
  }
  return save(folder, next);
}

// As if `next` had not been begun. The state first: then nobody takes for loaded what is not, and
// the guardian stays until it says so.
Status abandon(const Folder& folder, const State& was, const State& next) {
  if (auto saved = save(folder, was); !saved) return saved;
  end_process(next.guardian);
  forget(folder, next.current, was);
  return {};
}

// The kernel may have the rules of `next`, and must not keep them. They go first: that the folder
// says so is the lesser thing, and its disk may be full.
Error take_back(const Folder& folder, const Lock& lock, const State& was, const State& next,
                const Error& error) {
  const auto back = way_back(folder, next.before);
  const Status done = back ? load_rules(*back, lock) : std::unexpected(back.error());
  if (!done)
    return {done.error().code, error.message + "; and it is NOT rolled back, say bulkhead " +
                                   "rollback: " + done.error().message};
  const Status written = abandon(folder, was, next);
  return {ErrorCode::kInterrupted,
          "rolled back: " + error.message +
              (written ? "" : "; and that cannot be written down: " + written.error().message)};
}

// Past the deadline nobody may hold things up: who was stopped, or waits for a terminal that does
// not take what he prints, is ended.
Result<Lock> lock_at_last(const Folder& folder) {
  auto lock = folder.lock(kPatience);
  if (lock) return lock;
  if (const auto holder = folder.lock_holder()) end_process(*holder);
  return lock;
}

State begun(const State& state, const std::optional<Record>& there, const Request& request,
            std::string id) {
  State next = state;
  next.phase = Phase::kLoading;
  next.before = there;
  next.current = request.record;
  next.current->id = std::move(id);
  next.current->applied_at_ms = now_ms();
  next.current->applied_boot_ns = boot_clock_ns();
  next.can_undo = true;
  next.guardian = {};
  next.undone.reset();
  const auto within_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(request.confirm_within).count());
  next.deadline_ms = within_ms == 0 ? 0 : next.current->applied_at_ms + within_ms;
  next.deadline_boot_ns =
      within_ms == 0 ? 0 : next.current->applied_boot_ns + within_ms * std::uint64_t{1'000'000};
  return next;
}

}  // namespace

Result<State> current_state(const Folder& folder) {
  auto text = folder.read(kStateFile);
  if (!text) return std::unexpected(text.error());
  State fresh;
  fresh.boot_id = boot_id();
  const std::optional<std::string>& found = *text;
  if (!found) return fresh;
  auto state = read_state(*found);
  if (!state)
    return fail(state.error().code, folder.path() + "/" + kStateFile + ": " +
                                        state.error().message +
                                        "; bulkhead rollback --remove takes the rules away and "
                                        "forgets it");
  return state->boot_id == fresh.boot_id ? *std::move(state) : fresh;
}

Result<Place> take_place(Folder::Make make, std::chrono::milliseconds patience) {
  auto folder = Folder::open(make);
  if (!folder) return std::unexpected(folder.error());
  auto lock = folder->lock(patience);
  if (!lock) return std::unexpected(lock.error());
  auto state = current_state(*folder);
  if (!state) return std::unexpected(state.error());
  return Place{*std::move(folder), *std::move(lock), *std::move(state)};
}

Status check_ready(const State& state) {
  if (state.phase == Phase::kLoading || state.phase == Phase::kAwaiting)
    return fail(ErrorCode::kUnsupported,
                "an apply is not confirmed yet; first: bulkhead confirm, or bulkhead rollback");
  return {};
}

Result<State> apply(const Folder& folder, const Lock& lock, const Request& request) {
  auto state = current_state(folder);
  if (!state) return std::unexpected(state.error());
  if (auto ready = check_ready(*state); !ready) return std::unexpected(ready.error());
  auto there = what_is_there(*state);
  if (!there) return std::unexpected(there.error());
  auto id = fresh_id();
  if (!id) return std::unexpected(id.error());
  State next = begun(*state, *there, request, *std::move(id));
  if (auto prepared = prepare(folder, request, next); !prepared) {
    if (auto gone = abandon(folder, *state, next); !gone)
      return within(prepared.error().message, gone.error());
    return std::unexpected(prepared.error());
  }
  if (auto loaded = load_rules(request.rules, lock); !loaded)
    return std::unexpected(take_back(folder, lock, *state, next, loaded.error()));
  // A session that began before this moment proves nothing of these rules.
  if (next.current) next.current->applied_boot_ns = boot_clock_ns();
  next.phase = request.confirm_within.count() > 0 ? Phase::kAwaiting : Phase::kKept;
  if (auto saved = save(folder, next); !saved)
    return std::unexpected(take_back(folder, lock, *state, next, saved.error()));
  // Of records there are two at most.
  forget(folder, state->before, next);
  forget(folder, state->current, next);
  return next;
}

Result<State> roll_back(const Folder& folder, const Lock& lock, By by) {
  auto state = current_state(folder);
  if (!state) return std::unexpected(state.error());
  const std::optional<Record> gone = state->current;
  if (!gone || !state->can_undo) return *std::move(state);
  auto back = way_back(folder, state->before);
  if (!back) return std::unexpected(back.error());
  if (auto loaded = load_rules(*back, lock); !loaded) return std::unexpected(loaded.error());
  State next;
  next.boot_id = state->boot_id;
  next.phase = state->before ? Phase::kKept : Phase::kNothing;
  next.current = state->before;
  next.undone = Undone{gone->id, gone->file, now_ms(), by == By::kGuardian};
  if (auto saved = save(folder, next); !saved) return std::unexpected(saved.error());
  if (by == By::kPerson) end_process(state->guardian);
  forget(folder, state->current, next);
  return next;
}

Status remove_all(const Folder& folder, const Lock& lock) {
  const auto state = current_state(folder);  // one that cannot be read is forgotten, too
  if (auto loaded = load_rules(removal(), lock); !loaded) return loaded;
  State next;
  next.boot_id = boot_id();
  if (auto saved = save(folder, next); !saved) return saved;
  if (!state) return {};
  end_process(state->guardian);
  forget(folder, state->current, next);
  forget(folder, state->before, next);
  return {};
}

Status load_without_folder(const std::string& back) {
  return load_rules(back, Lock(-1));
}

Result<bool> roll_back_unconfirmed(const std::string& base, const std::string& id) {
  auto folder = Folder::open(Folder::Make::kNo, base);
  if (!folder) return std::unexpected(folder.error());
  auto lock = lock_at_last(*folder);
  if (!lock) return std::unexpected(lock.error());
  auto state = current_state(*folder);
  if (!state) return std::unexpected(state.error());
  const bool open = state->phase == Phase::kLoading || state->phase == Phase::kAwaiting;
  const std::optional<Record>& current = state->current;
  if (!open || !current || current->id != id) return false;
  auto done = roll_back(*folder, *lock, By::kGuardian);
  if (!done) return std::unexpected(done.error());
  return true;
}

Result<State> keep(const Folder& folder, const Lock&, State state) {
  const Process guardian = state.guardian;
  state.phase = Phase::kKept;
  state.deadline_boot_ns = state.deadline_ms = 0;
  state.guardian = {};
  if (auto saved = save(folder, state); !saved) return std::unexpected(saved.error());
  end_process(guardian);
  return state;
}

}  // namespace bulkhead::enforce
