#include <sys/utsname.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <unordered_map>

#include "base/text.h"
#include "collect/assemble.h"
#include "collect/collect.h"

namespace bulkhead::collect {
namespace {

using model::NetNs;
using model::Snapshot;

constexpr std::size_t kMostPids = 16;  // shown of one namespace

void fill_host(Snapshot& snapshot) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  snapshot.taken_at_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  snapshot.tool_version = BULKHEAD_VERSION;
  snapshot.little_endian = std::endian::native == std::endian::little;
  utsname names{};
  if (uname(&names) != 0) return;
  snapshot.host_name = names.nodename;
  snapshot.kernel_release = names.release;
}

Result<std::vector<NamespaceRecord>> list_namespaces(Broker& broker, const Options& options,
                                                     Snapshot& snapshot) {
  Bytes request;
  append_value(request, options.most_namespaces);
  for (const std::string& path : options.extra_netns) append_text(request, path);
  auto answer = BrokerAccess::ask(broker, Op::kListNamespaces, request);
  if (!answer) return std::unexpected(answer.error());
  add_problems(*answer, "network namespaces", snapshot.gaps);
  auto records = decode_namespaces(answer->bytes(Section::kNamespaces));
  if (records && records->size() > options.most_namespaces + std::size_t{1}) {
    return fail(ErrorCode::kInvalidInput, "the reader listed more namespaces than were asked for");
  }
  return records;
}

void describe(NamespaceRecord record, NetNs& ns) {
  ns.inode = record.inode;
  ns.paths = std::move(record.paths);
  record.pids.resize(std::min(record.pids.size(), kMostPids));
  ns.pids = std::move(record.pids);
}

// Reads the namespaces from position `first` on.
Status read_namespaces(Broker& broker, std::vector<NetNs>& namespaces,
                       std::vector<Pending>& pending, std::vector<bool>& entered,
                       std::size_t first) {
  pending.resize(namespaces.size());
  entered.resize(namespaces.size());
  const auto request = [&](std::size_t i) {
    return read_request(namespaces[first + i].inode, kReadAll);
  };
  const auto take = [&](std::size_t i, Answer answer) {
    entered[first + i] =
        fill_namespace(std::move(answer), namespaces[first + i], pending[first + i]);
  };
  if (Status status =
          pipeline(broker, Op::kReadNamespace, namespaces.size() - first, request, take);
      !status) {
    return status;
  }
  for (std::size_t i = first; i < namespaces.size(); ++i) {
    if (!entered[i]) continue;
    if (Status status = fill_rules(broker, namespaces[i], pending[i]); !status) return status;
  }
  return {};
}

// A namespace that vanished is no part of the snapshot, but is named; nothing refers to it yet.
void drop_unread(Snapshot& snapshot, std::vector<Pending>& pending, std::vector<bool>& entered) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    NetNs& ns = snapshot.namespaces[i];
    if (i != 0 && !entered[i]) {
      const std::string name = ns.paths.empty() ? "net:[" + std::to_string(ns.inode) + "]"
                                                : escape_text(ns.paths.front());
      for (const model::Gap& gap : ns.gaps) {
        snapshot.gaps.push_back({"namespace " + name, gap.reason});
      }
      continue;
    }
    if (kept != i) {
      snapshot.namespaces[kept] = std::move(ns);
      pending[kept] = std::move(pending[i]);
    }
    ++kept;
  }
  snapshot.namespaces.resize(kept);
  pending.resize(kept);
  entered.assign(kept, true);
}

// Namespaces of containers that began after the list was made.
Status read_missing(Broker& broker, Snapshot& snapshot, std::vector<Pending>& pending,
                    std::vector<bool>& entered) {
  std::vector<std::pair<std::uint64_t, std::string>> missing;
  if (Status status = place_containers(broker, snapshot, missing); !status) return status;
  if (missing.empty()) return {};
  const std::size_t first = snapshot.namespaces.size();
  std::unordered_map<std::uint64_t, bool> seen;
  for (auto& [inode, path] : missing) {
    if (!seen.emplace(inode, true).second) continue;
    NetNs& ns = snapshot.namespaces.emplace_back();
    ns.inode = inode;
    ns.paths.push_back(std::move(path));
  }
  if (Status status = read_namespaces(broker, snapshot.namespaces, pending, entered, first);
      !status) {
    return status;
  }
  drop_unread(snapshot, pending, entered);
  missing.clear();
  return place_containers(broker, snapshot, missing);
}

bool has_gap(const Snapshot& snapshot) {
  return !snapshot.gaps.empty() || std::ranges::any_of(snapshot.namespaces, [](const NetNs& ns) {
    return !ns.gaps.empty();
  }) || std::ranges::any_of(snapshot.engines, [](const model::Engine& engine) {
    return !engine.gaps.empty();
  });
}

}  // namespace

Result<Snapshot> take_snapshot(Broker& broker, const Options& options) {
  Snapshot snapshot;
  fill_host(snapshot);
  std::vector<Forwarder> forwarders;
  read_engines(broker, options, snapshot, forwarders);
  auto records = list_namespaces(broker, options, snapshot);
  if (!records) return std::unexpected(records.error());
  if (records->empty())
    return fail(ErrorCode::kUnavailable, "no network namespace could be listed");
  snapshot.namespaces.resize(records->size());
  for (std::size_t i = 0; i < records->size(); ++i) {
    describe(std::move((*records)[i]), snapshot.namespaces[i]);
  }
  std::vector<Pending> pending;
  std::vector<bool> entered;
  Status status = read_namespaces(broker, snapshot.namespaces, pending, entered, 0);
  if (!status) return std::unexpected(status.error());
  if (!entered[0]) {
    return fail(ErrorCode::kUnavailable, "the own network namespace could not be read: " +
                                             snapshot.namespaces[0].gaps.front().reason);
  }
  drop_unread(snapshot, pending, entered);
  status = read_missing(broker, snapshot, pending, entered);
  name_unplaced(snapshot);
  if (status) status = resolve_peers(broker, snapshot, pending);
  describe_unlisted(snapshot);
  if (status) status = fill_owners(broker, snapshot, pending);
  if (!status) return std::unexpected(status.error());
  own_unlisted_sockets(snapshot);
  publish_forwarded(forwarders, snapshot);
  snapshot.complete = !has_gap(snapshot);
  return snapshot;
}

}  // namespace bulkhead::collect
