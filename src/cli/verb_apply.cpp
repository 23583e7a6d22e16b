// The half of `apply` without rights: reads, computes and asks; enforce::Helper loads.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/text.h"
#include "cli/bench.h"
#include "cli/fingerprint.h"
#include "cli/held_addresses.h"
#include "cli/interfaces.h"
#include "cli/language.h"
#include "collect/collect.h"
#include "compile/compare.h"
#include "enforce/helper.h"
#include "model/json.h"
#include "plan/lockout.h"
#include "plan/plan.h"
#include "report/apply_text.h"
#include "report/plan_text.h"
#include "threads/processors.h"

namespace bulkhead::cli {
namespace {

constexpr std::uint32_t kNoLogin = 0xffffffff;  // /proc/PID/loginuid of who never logged in

Result<std::chrono::seconds> read_within(std::string_view text) {
  constexpr std::uint32_t kMinute = 60, kHour = 3600, kLongest = 24 * kHour;
  std::uint32_t number = 0, unit = 0;
  const char *first = text.data(), *last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, number);
  const std::string_view rest(end, last);
  if (rest == "s") unit = 1;
  if (rest == "m") unit = kMinute;
  if (rest == "h") unit = kHour;
  if (error == std::errc() && rest.empty() && number == 0) return std::chrono::seconds(0);
  if (error != std::errc() || unit == 0 || number == 0 || number > kLongest / unit)
    return fail(ErrorCode::kInvalidInput, "--confirm-within is '" + escape_text(text, 32) +
                                              "'; write 60s, 5m or 1h (24h at most), or 0 to keep "
                                              "it at once");
  return std::chrono::seconds(number * unit);
}

// Who logged in, whatever sudo has made of him.
std::uint32_t login_uid() {
  std::ifstream file("/proc/self/loginuid");
  std::uint32_t uid = kNoLogin;
  if (!(file >> uid) || uid == kNoLogin) return ::getuid();
  return uid;
}

std::string user_name(std::uint32_t uid) {
  const passwd* entry = ::getpwuid(uid);
  return entry == nullptr ? "" : entry->pw_name;
}

enforce::Held held_of(const Bench& bench, std::size_t member_at) {
  const policy::Member& member = bench.bound.members[member_at];
  enforce::Held out;
  out.engine = member.engine->name;
  out.name = member.container->name;
  out.id = member.container->id;
  if (const auto& ns = member.container->netns) {
    const model::NetNs& place = bench.session.snapshot->namespaces[ns->value];
    out.netns = place.inode;
    out.addresses = held_addresses(place);
  }
  return out;
}

enforce::Record record_of(const Bench& bench, const compile::Compiled& compiled) {
  enforce::Record out;
  std::error_code ignored;
  out.file = std::filesystem::absolute(bench.session.config.file, ignored).string();
  out.sha256 = fingerprint(bench.session.config_text);
  out.host_held = compiled.host_held;
  out.host_audited = compiled.host_audited;
  out.elements = compiled.elements;
  out.unheld = compiled.unheld;
  for (const std::size_t i : compiled.held) out.held.push_back(held_of(bench, i));
  for (const std::size_t i : compiled.audited) out.audited.push_back(held_of(bench, i));
  const model::Snapshot& snapshot = *bench.session.snapshot;
  out.interfaces = interfaces_of(compiled, snapshot.namespaces[snapshot.host.value]);
  return out;
}

// The tables alone, as a snapshot: what the kernel is to read back.
std::string tables_text(const compile::Compiled& compiled) {
  model::Snapshot snapshot;
  snapshot.namespaces.resize(1);
  snapshot.namespaces[0].ruleset.tables = compiled.tables;
  return model::write_snapshot(snapshot);
}

bool is_own(const Bench& bench, const IpAddress& address) {
  const model::Snapshot& snapshot = *bench.session.snapshot;
  const auto& own = snapshot.namespaces[snapshot.host.value].addresses;
  return std::ranges::any_of(own, [&](const model::Address& a) { return a.local == address; });
}

// SSH_CONNECTION adds a connection when it is one to this host; it never stands for one alone.
void add_named(const Bench& bench, std::vector<enforce::AdminSession>& sessions) {
  const char* text = std::getenv("SSH_CONNECTION");
  const auto named = text == nullptr ? std::nullopt : enforce::session_of(text);
  if (named && is_own(bench, named->local)) sessions.push_back(*named);
}

std::string session_text(const enforce::AdminSession& s) {
  std::string out = s.peer.to_string() + " to port " + std::to_string(s.local_port.number) +
                    " of " + s.local.to_string();
  if (s.process.pid == 0) return out + " (SSH_CONNECTION)";
  return out + " (" + escape_text(s.command, 32) + ", pid " + std::to_string(s.process.pid) +
         (s.callers ? ", your own session)" : ")");
}

// Nobody who administers the host may be shut out without wanting it. What --console overrides:
// that nobody is there over SSH, or that somebody else is cut off; never the session it is given
// in.
Status check_lockout(const Bench& bench, const compile::Compiled& compiled, bool console,
                     std::vector<enforce::AdminSession> sessions) {
  if (sessions.empty() && !console)
    return fail(ErrorCode::kUnsupported,
                "no SSH session to this host was found, so it cannot be seen whether you could get "
                "in again; at a console of the machine say --console");
  add_named(bench, sessions);
  std::vector<plan::Administrator> administrators;
  administrators.reserve(sessions.size());
  for (const enforce::AdminSession& s : sessions)
    administrators.push_back({s.peer, s.local, s.local_port});
  const auto out = plan::shut_out(bench.input(false), compiled, administrators);
  if (!out) return std::unexpected(out.error());
  std::string said;
  bool own = false;
  for (const plan::ShutOut& one : *out) {
    said += "\n  " + session_text(sessions[one.who]) + ": " + one.reason;
    own = own || sessions[one.who].callers;
  }
  if (said.empty() || (console && !own)) return {};
  return fail(ErrorCode::kUnsupported,
              "these rules would shut out who administers this host:" + said +
                  "\nPermit it in the file, as in: host: {ssh: {port: 22/tcp, from: admins}}" +
                  (own ? "" : "; or at a console of the machine say --console"));
}

// What the kernel reads back must be what everything was computed with.
Status check_loaded(Bench& bench, const compile::Compiled& compiled) {
  const model::Snapshot& snapshot = *bench.session.snapshot;
  std::optional<collect::Broker>& broker = bench.session.broker;
  if (!broker) return fail(ErrorCode::kInternal, "nobody can read them back");
  const auto rules = collect::read_rules(*broker, snapshot.namespaces[snapshot.host.value].inode);
  if (!rules) return std::unexpected(rules.error());
  const auto differ = compile::differences(compiled.tables, rules->tables);
  if (differ.empty()) return {};
  return fail(ErrorCode::kInternal,
              "the kernel made something else of the rules (" + differ.front() + ")");
}

Exit load(Bench& bench, const compile::Compiled& compiled, enforce::Helper& helper,
          enforce::Request request) {
  request.rules = compiled.text;
  request.tables = tables_text(compiled);
  request.policy = bench.session.config_text;
  const auto state = helper.apply(request);
  if (!state)
    return state.error().code == ErrorCode::kInterrupted ? refuse(state.error())
                                                         : complain(state.error());
  if (auto exact = check_loaded(bench, compiled); !exact) {
    const auto back = helper.roll_back();
    return refuse(
        within(back ? "rolled back" : "NOT rolled back, say bulkhead rollback", exact.error())
            .error());
  }
  report::AppliedNow now;
  now.host = bench.session.snapshot->host_name;
  if (const auto& current = state->current) now.file = current->file;
  now.containers = compiled.held.size();
  now.host_held = compiled.host_held;
  now.audited = compiled.audited.size();
  now.host_audited = compiled.host_audited;
  now.elements = compiled.elements;
  now.unheld = compiled.unheld;
  now.until_ms = state->deadline_ms;
  now.console = request.record.console;
  return print_report(report::applied_text(now, text_style({})), Exit::kDone);
}

}  // namespace

Exit run_apply(const ApplyOptions& options) {
  const auto confirm_within = read_within(options.confirm_within);
  if (!confirm_within) return complain(confirm_within.error());
  if (auto rights = enforce::check_rights(); !rights) return complain(rights.error());
  const std::uint32_t uid = login_uid();
  const std::string user = user_name(uid);
  auto helper = enforce::Helper::start();
  if (!helper) return complain(helper.error());
  PolicyOptions policy;
  policy.source = options.source;
  auto bench = open_bench(policy);
  if (!bench) return complain(bench.error());
  const auto plan = plan::make_plan(bench->input(false), false, threads::processors());
  if (!plan) return complain(plan.error());
  if (!plan->fit())
    return print_report(report::plan_text(bench->session.config, bench->session.snapshot->host_name,
                                          *plan, text_style({})),
                        Exit::kFindings);
  if (plan->compiled.tables.empty())
    return complain({ErrorCode::kInvalidInput,
                     escape_text(bench->session.config.file) +
                         ": nothing that runs is in mode enforce or audit, so there is nothing to "
                         "apply; write mode: enforce, or take away what is applied with: bulkhead "
                         "rollback --remove"});
  auto sessions = helper->sessions();
  if (!sessions) return complain(sessions.error());
  if (auto safe = check_lockout(*bench, plan->compiled, options.console, *std::move(sessions));
      !safe)
    return refuse(safe.error());
  enforce::Request request;
  request.record = record_of(*bench, plan->compiled);
  request.record.uid = uid;
  request.record.user = user;
  request.record.console = options.console;
  request.confirm_within = *confirm_within;
  return load(*bench, plan->compiled, *helper, std::move(request));
}

}  // namespace bulkhead::cli
