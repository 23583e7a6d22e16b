// What is in force, and whether the kernel still has it: the folder of apply against the host.
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "cli/audited.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/fingerprint.h"
#include "cli/interfaces.h"
#include "cli/language.h"
#include "compile/compare.h"
#include "enforce/guardian.h"
#include "enforce/helper.h"
#include "model/json.h"
#include "report/status_text.h"

namespace bulkhead::cli {
namespace {

using enforce::Folder;
using enforce::Phase;

constexpr std::size_t kMostPolicy = std::size_t{4} << 20;

// All of the folder that is needed, read before rights are given up.
struct Kept {
  enforce::State state;
  std::string tables, policy;
  bool guarded = false;
};

Result<Kept> read_kept() {
  Kept out;
  auto folder = Folder::open(Folder::Make::kNo);
  if (!folder && folder.error().code == ErrorCode::kNotFound) return out;
  if (!folder) return std::unexpected(folder.error());
  auto state = enforce::current_state(*folder);
  if (!state) return std::unexpected(state.error());
  out.state = *std::move(state);
  out.guarded = enforce::is_alive(out.state.guardian);
  const std::optional<enforce::Record>& current = out.state.current;
  if (!current) return out;
  const std::string& id = current->id;
  auto tables = folder->read(id + ".json");
  if (!tables) return std::unexpected(tables.error());
  auto policy = folder->read(id + ".yaml");
  if (!policy) return std::unexpected(policy.error());
  const std::optional<std::string> tables_text = *std::move(tables);
  const std::optional<std::string> policy_text = *std::move(policy);
  if (!tables_text || !policy_text)
    return fail(ErrorCode::kUnavailable,
                folder->path() + ": files of what is applied are gone; apply again");
  out.tables = *tables_text;
  out.policy = *policy_text;
  return out;
}

using Tables = std::vector<model::Table>;

Result<Tables> tables_of(const Kept& kept) {
  auto wanted = model::read_snapshot(kept.tables);
  if (!wanted) return std::unexpected(wanted.error());
  if (wanted->namespaces.size() != 1)
    return fail(ErrorCode::kInvalidInput, "what was applied was written otherwise");
  return std::move(wanted->namespaces[0].ruleset.tables);
}

void compare_kernel(const Result<Tables>& wanted, const model::NetNs& host, report::Applied& out) {
  const auto gap = std::ranges::find_if(
      host.gaps, [](const model::Gap& g) { return g.what.starts_with("nftables"); });
  if (gap != host.gaps.end()) {
    out.unread = escape_text(gap->reason);
    return;
  }
  if (!wanted) {
    out.unread = wanted.error().message;
    return;
  }
  out.differences = compile::differences(*wanted, host.ruleset.tables);
}

// By the policy as it was applied: containers that it holds today and that the rules do not know,
// and what was counted of those in mode audit.
void bind_today(const std::string& policy, const enforce::Record& record, const Session& session,
                const Result<Tables>& tables, report::Applied& out) {
  const model::Snapshot& snapshot = *session.snapshot;
  const auto config = policy::parse_config(policy, record.file);
  if (!config) {
    out.unknown = config.error().message;
    return;
  }
  for (const model::Engine& engine : snapshot.engines) {
    if (!engine.gaps.empty())
      out.unknown = escape_text(engine.name) + ": " + escape_text(engine.gaps.front().reason);
  }
  for (const model::Gap& gap : snapshot.gaps) {
    // A namespace that ended while it was read holds no container that runs.
    if (gap.what.starts_with("namespace ")) continue;
    out.unknown = escape_text(gap.what) + ": " + escape_text(gap.reason);
  }
  const policy::Bound bound = policy::bind(*config, snapshot);
  out.uncovered = unknown_members(*config, bound, snapshot, policy::Mode::kEnforce, record.held,
                                  tables ? &*tables : nullptr);
  if (!record.audited.empty() || record.host_audited)
    out.audited = audited_of(record, *config, bound, snapshot);
}

report::Applied applied_of(const Kept& kept, const enforce::Record& record,
                           const Session& session) {
  report::Applied out;
  out.id = record.id;
  out.file = record.file;
  out.sha256 = record.sha256;
  out.user = record.user;
  out.at_ms = record.applied_at_ms;
  out.uid = record.uid;
  for (const enforce::Held& one : record.held) out.held.push_back({one.engine, one.name});
  out.host_held = record.host_held;
  out.elements = record.elements;
  out.unheld = record.unheld;
  if (const auto text = read_file(record.file, kMostPolicy))
    out.file_changed = fingerprint(*text) != record.sha256;
  out.interrupted = kept.state.phase == Phase::kLoading;
  if (kept.state.phase != Phase::kKept) out.until_ms = kept.state.deadline_ms;
  out.guarded = kept.guarded;
  const Result<Tables> tables = tables_of(kept);
  const model::NetNs& host = session.snapshot->namespaces[session.snapshot->host.value];
  compare_kernel(tables, host, out);
  if (record.interfaces) out.shifted = shifted(*record.interfaces, host);
  bind_today(kept.policy, record, session, tables, out);
  return out;
}

report::Standing standing_of(const Kept& kept, const Session& session) {
  report::Standing out;
  const model::Snapshot& snapshot = *session.snapshot;
  out.host = snapshot.host_name;
  if (const auto& current = kept.state.current) {
    out.applied = applied_of(kept, *current, session);
  } else {
    out.foreign = std::ranges::any_of(snapshot.namespaces[snapshot.host.value].ruleset.tables,
                                      compile::is_ours);
  }
  if (kept.state.undone)
    out.taken_back = report::TakenBack{kept.state.undone->file, kept.state.undone->at_ms,
                                       kept.state.undone->by_guardian};
  return out;
}

}  // namespace

Exit run_status(const StatusOptions& options) {
  if (::geteuid() != 0)
    return complain({ErrorCode::kDenied, "only root can see what is applied; say it with sudo"});
  const auto kept = read_kept();
  if (!kept) return complain(kept.error());
  SourceOptions source = options.source;
  source.no_config = true;  // what counts is the policy as it was applied
  const auto session = open_session(source);
  if (!session) return complain(session.error());
  const report::Standing standing = standing_of(*kept, *session);
  return print_report(options.output.json
                          ? report::status_json(standing)
                          : report::status_text(standing, text_style(options.output)),
                      !standing.sound()   ? Exit::kFindings
                      : !standing.known() ? Exit::kIncomplete
                                          : Exit::kDone);
}

}  // namespace bulkhead::cli
