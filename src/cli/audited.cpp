#include "cli/audited.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cli/held_addresses.h"
#include "cli/process_start.h"
#include "compile/audit.h"
#include "compile/compare.h"
#include "compile/whose.h"
#include "enforce/apply.h"
#include "learn/audited.h"
#include "policy/zones.h"

namespace bulkhead::cli {
namespace {

using Why = report::Uncovered::Why;

struct Resident {  // a container that is there now
  const model::Engine* engine = nullptr;
  const model::Container* container = nullptr;
  std::vector<std::string> addresses;
};

std::vector<Resident> residents_of(const model::Snapshot& snapshot) {
  std::vector<Resident> out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      const auto& netns = container.netns;
      if (!netns || netns->value >= snapshot.namespaces.size()) continue;
      out.push_back({&engine, &container, held_addresses(snapshot.namespaces[netns->value])});
    }
  }
  return out;
}

bool is_the_same(const enforce::Held& held, const Resident& one) {
  // One that was made anew by the same name is the same service.
  return one.container->id == held.id ||
         (one.engine->name == held.engine && one.container->name == held.name);
}

bool is_still_there(const enforce::Held& held, const std::string& address,
                    const std::vector<Resident>& residents) {
  return std::ranges::any_of(residents, [&](const Resident& one) {
    return is_the_same(held, one) && std::ranges::binary_search(one.addresses, address);
  });
}

// Engines give addresses of containers that have ended to others, who did not send what was
// counted before.
std::set<IpAddress> moved(const enforce::Record& record, const model::Snapshot& snapshot) {
  const std::vector<Resident> residents = residents_of(snapshot);
  std::set<IpAddress> out;
  for (const auto* known : {&record.held, &record.audited}) {
    for (const enforce::Held& held : *known) {
      for (const std::string& text : held.addresses) {
        const auto address = IpAddress::parse(text);
        if (address && !is_still_there(held, text, residents)) out.insert(*address);
      }
    }
  }
  return out;
}

void tell_refused(const compile::Tally& tally, const enforce::Record& record,
                  const compile::Input& input, report::Audited& out) {
  compile::Whose whose(input);
  for (const IpAddress& address : moved(record, input.snapshot)) whose.disown(address);
  std::map<std::string, std::vector<report::WouldRefuse>> by_tenant;
  for (const compile::Refused& one : tally.refused) {
    const std::string tenant = whose.tenant_of(one);
    report::WouldRefuse& way = by_tenant[tenant].emplace_back();
    way.tenant = tenant;
    way.kind = compile::to_string(one.refusal);
    way.from = whose.of(one.from).name;
    way.to = whose.of_target(one).name;
    way.from_address = one.from;
    way.to_address = one.to;
    way.protocol = one.protocol;
    way.port = one.port;
    way.packets = one.packets;
    way.last_ms = input.now_ms - std::min(one.ago_ms, input.now_ms);
  }
  for (const auto& [tenant, ways] : by_tenant)
    out.would_refuse.insert(out.would_refuse.end(), ways.begin(), ways.end());
  out.missed = tally.missed;
  for (const compile::Refusal full : tally.full) out.full.push_back(compile::to_string(full));
}

// The kernel gives the number of a network namespace that ended to the next one; a port that was
// made anew has another name.
bool holds_all(const std::vector<model::Table>& tables, const policy::Member& member) {
  return std::ranges::all_of(member.attached, [&tables](const policy::Attached& a) {
    return compile::holds_port(tables, a.port_name);
  });
}

}  // namespace

std::vector<report::Uncovered> unknown_members(const policy::Config& config,
                                               const policy::Bound& bound,
                                               const model::Snapshot& snapshot, policy::Mode mode,
                                               const std::vector<enforce::Held>& known,
                                               const std::vector<model::Table>* tables) {
  std::vector<report::Uncovered> out;
  for (const policy::Member& member : bound.members) {
    const model::Container& container = *member.container;
    if (config.mode_of(config.tenants[member.tenant]) != mode || !member.unheld.empty()) continue;
    const auto& netns = container.netns;
    if (!netns) continue;
    const model::NetNs& place = snapshot.namespaces[netns->value];
    const auto held = std::ranges::find(known, container.id, &enforce::Held::id);
    if (held == known.end()) {
      out.push_back({member.engine->name, container.name, Why::kSince});
    } else if (held->netns != place.inode) {
      out.push_back({member.engine->name, container.name, Why::kAnew});
    } else if (held->addresses != held_addresses(place)) {
      out.push_back({member.engine->name, container.name, Why::kMoved});
    } else if (tables != nullptr && !holds_all(*tables, member)) {
      out.push_back({member.engine->name, container.name, Why::kAnew});
    }
  }
  return out;
}

Result<enforce::Record> audited_record() {
  if (::geteuid() != 0)
    return fail(ErrorCode::kDenied,
                "--from-audit: only root can see what is applied; say it with sudo");
  const Error nothing{ErrorCode::kNotFound,
                      "--from-audit: nothing is in mode audit here, so nothing was counted; write "
                      "mode: audit into the file and apply it"};
  auto folder = enforce::Folder::open(enforce::Folder::Make::kNo);
  if (!folder)
    return std::unexpected(folder.error().code == ErrorCode::kNotFound ? nothing : folder.error());
  auto state = enforce::current_state(*folder);
  if (!state) return std::unexpected(state.error());
  const std::optional<enforce::Record>& current = state->current;
  if (!current || (current->audited.empty() && !current->host_audited))
    return std::unexpected(nothing);
  return *current;
}

std::map<IpAddress, std::uint64_t> unrecorded(const enforce::Record& record,
                                              const model::Snapshot& snapshot,
                                              const flows::StartOf& start_of) {
  std::map<IpAddress, std::uint64_t> out;
  std::set<std::string> recorded;  // a guest of such a container has its addresses
  const std::vector<Resident> residents = residents_of(snapshot);
  const auto is_recorded = [&record](const Resident& one) {
    const auto is_this = [&one](const enforce::Held& held) { return is_the_same(held, one); };
    return std::ranges::any_of(record.held, is_this) ||
           std::ranges::any_of(record.audited, is_this);
  };
  for (const Resident& one : residents) {
    if (is_recorded(one)) recorded.insert(one.addresses.begin(), one.addresses.end());
  }
  for (const Resident& one : residents) {
    const std::uint32_t pid = one.container->pid;
    const std::uint64_t started = pid == 0 ? 0 : start_of(pid);
    const std::uint64_t since = started == 0 ? snapshot.taken_at_ms : started;
    for (const std::string& text : one.addresses) {
      const auto address = IpAddress::parse(text);
      if (address && !recorded.contains(text)) out[*address] = std::max(out[*address], since);
    }
  }
  return out;
}

Result<std::size_t> add_counted(const enforce::Record& record, const Session& session,
                                flows::Book& book) {
  const model::Snapshot& snapshot = *session.snapshot;
  const auto& tables = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  const auto tally = compile::read_tally(tables);
  if (!tally)
    return fail(ErrorCode::kNotFound,
                "--from-audit: the kernel has no rules that count, or they could not be read; "
                "bulkhead status tells, and bulkhead apply loads them again");
  const std::set<IpAddress> gone = moved(record, snapshot);
  const auto since = unrecorded(record, snapshot, start_of_process);
  if (auto added = learn::add_audited(*tally, {snapshot, session.zones, gone, since}, book); !added)
    return std::unexpected(added.error());
  return tally->refused.size();
}

report::Audited audited_of(const enforce::Record& record, const policy::Config& config,
                           const policy::Bound& bound, const model::Snapshot& snapshot) {
  report::Audited out;
  for (const enforce::Held& one : record.audited) out.containers.push_back({one.engine, one.name});
  out.host = record.host_audited;
  out.since =
      unknown_members(config, bound, snapshot, policy::Mode::kAudit, record.audited, nullptr);
  const auto& tables = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  const auto tally = compile::read_tally(tables);
  if (!tally) return out;
  out.counting = true;
  const auto zones = policy::resolve_zones(config, snapshot);
  tell_refused(*tally, record, {config, bound, zones, snapshot, snapshot.taken_at_ms, false}, out);
  return out;
}

}  // namespace bulkhead::cli
