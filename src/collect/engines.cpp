#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/text.h"
#include "collect/assemble.h"
#include "collect/conmon.h"

namespace bulkhead::collect {
namespace {

// The first that answers of each row. /var/run is a link to /run nearly everywhere.
constexpr const char* kUsual[][2] = {{"/run/docker.sock", "/var/run/docker.sock"},
                                     {"/run/podman/podman.sock", "/var/run/podman/podman.sock"}};

void read_one(Broker& broker, const engine::Endpoint& endpoint, model::Snapshot& snapshot) {
  const auto connect = [&broker](const std::string& path) { return broker.connect_unix(path); };
  auto read = engine::read_engine(endpoint, connect, engine::Limits{});
  if (!read) {
    snapshot.gaps.push_back({"engine " + escape_text(endpoint.url), read.error().message});
    return;
  }
  read->name = engine_name(snapshot, read->kind);
  if (read->rootless) {
    read->gaps.push_back({"rootless",
                          "its networks stand in a user's namespaces behind a forwarder in "
                          "user space: what that passes on is not known"});
  }
  snapshot.engines.push_back(*std::move(read));
}

// Podman needs no service to run containers: those that no engine told of are found by their
// processes.
void read_unlisted(Broker& broker, model::Snapshot& snapshot, std::vector<Forwarder>& forwarders) {
  auto answer = BrokerAccess::ask(broker, Op::kListConmons, {});
  auto conmons = answer ? decode_conmons(answer->bytes(Section::kConmons))
                        : Result<std::vector<Conmon>>(std::unexpected(answer.error()));
  if (!conmons) {
    snapshot.gaps.push_back({"containers of podman", conmons.error().message});
    return;
  }
  add_unlisted(*std::move(conmons), snapshot);
  auto found = decode_forwarders(answer->bytes(Section::kForwarders));
  if (!found) {
    snapshot.gaps.push_back({"forwarders in user space", found.error().message});
    return;
  }
  forwarders = *std::move(found);
}

// A usual socket that is not there, or that nobody serves, is an engine that does not run.
std::vector<engine::Endpoint> usual_engines(Broker& broker, model::Snapshot& snapshot) {
  std::vector<engine::Endpoint> out;
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : kUsual) rows.emplace_back(std::begin(row), std::end(row));
  // A user's own. Other users' are not talked to: whoever answers there could say anything to root.
  if (const uid_t uid = getuid(); uid != 0)
    rows.push_back({"/run/user/" + std::to_string(uid) + "/podman/podman.sock"});
  for (const auto& row : rows) {
    for (const std::string& path : row) {
      const auto fd = broker.connect_unix(path);
      if (fd) {
        close(*fd);
        out.push_back({.url = "unix://" + path, .tls_directory = {}});
        break;
      }
      if (fd.error().code == ErrorCode::kDenied) {
        snapshot.gaps.push_back({"engine unix://" + path, fd.error().message});
        break;
      }
    }
  }
  return out;
}

}  // namespace

void read_engines(Broker& broker, const Options& options, model::Snapshot& snapshot,
                  std::vector<Forwarder>& forwarders) {
  if (!options.read_engines) return;
  const auto endpoints =
      options.engines.empty() ? usual_engines(broker, snapshot) : options.engines;
  for (const engine::Endpoint& endpoint : endpoints) read_one(broker, endpoint, snapshot);
  read_unlisted(broker, snapshot, forwarders);
}

namespace {

Result<std::vector<std::uint64_t>> resolve(Broker& broker, const std::vector<std::string>& paths) {
  Bytes request;
  for (const std::string& path : paths) append_text(request, path);
  auto answer = BrokerAccess::ask(broker, Op::kResolvePaths, request);
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::uint64_t> out;
  Cursor cursor(answer->bytes(Section::kInodes));
  while (const auto inode = cursor.native<std::uint64_t>()) out.push_back(*inode);
  out.resize(paths.size());
  return out;
}

// Whether the process that the engine names is that container here, by the name of its cgroup.
// Decides for an engine that is reached over the network: its numbers may be those of another
// machine.
Result<std::vector<bool>> confirm_processes(Broker& broker, const model::Engine& engine) {
  std::vector<bool> out(engine.containers.size());
  Bytes request;
  for (const model::Container& container : engine.containers) append_value(request, container.pid);
  auto answer = BrokerAccess::ask(broker, Op::kProcessCgroups, request);
  if (!answer) return std::unexpected(answer.error());
  Cursor cursor(answer->bytes(Section::kCgroups));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto length = cursor.native<std::uint32_t>();
    const auto text = length ? cursor.take(*length) : std::nullopt;
    if (!text) break;
    const std::string_view cgroup(reinterpret_cast<const char*>(text->data()), text->size());
    const std::string& id = engine.containers[i].id;
    out[i] = engine.containers[i].pid != 0 && id.size() == 64 &&
             cgroup.find(id) != std::string_view::npos;
  }
  return out;
}

// Path of each container's namespace: its process (a container that joined another one's namespace
// has no sandbox file), else its sandbox. Empty for one that does not run: ".../default" is the
// engine's.
struct Places {
  std::vector<std::string> paths;
  std::vector<std::uint64_t> inodes;
};

Result<Places> find_places(Broker& broker, const model::Engine& engine) {
  const bool by_socket = engine.endpoint.starts_with("unix:");
  std::vector<bool> confirmed(engine.containers.size(), by_socket);
  if (!by_socket) {
    auto answer = confirm_processes(broker, engine);
    if (!answer) return std::unexpected(answer.error());
    confirmed = *std::move(answer);
  }
  Places out;
  std::vector<std::string> sandboxes;
  for (std::size_t i = 0; i < engine.containers.size(); ++i) {
    const model::Container& container = engine.containers[i];
    const bool process = confirmed[i] && container.pid != 0;
    out.paths.push_back(process ? "/proc/" + std::to_string(container.pid) + "/ns/net" : "");
    const bool sandbox = container.pid != 0 && container.sandbox.find('\0') == std::string::npos &&
                         !container.sandbox.ends_with("/default");
    sandboxes.push_back(sandbox ? container.sandbox : "");
  }
  auto by_process = resolve(broker, out.paths);
  if (!by_process) return std::unexpected(by_process.error());
  out.inodes = *std::move(by_process);
  const auto by_sandbox = resolve(broker, sandboxes);
  if (!by_sandbox) return std::unexpected(by_sandbox.error());
  for (std::size_t i = 0; i < out.inodes.size(); ++i) {
    if (out.inodes[i] != 0 || (*by_sandbox)[i] == 0) continue;
    out.inodes[i] = (*by_sandbox)[i];
    out.paths[i] = sandboxes[i];
  }
  return out;
}

}  // namespace

Status place_containers(Broker& broker, model::Snapshot& snapshot,
                        std::vector<std::pair<std::uint64_t, std::string>>& missing) {
  std::unordered_map<std::uint64_t, std::uint32_t> position;
  for (std::uint32_t i = 0; i < snapshot.namespaces.size(); ++i) {
    position.emplace(snapshot.namespaces[i].inode, i);
  }
  for (model::Engine& engine : snapshot.engines) {
    const auto places = find_places(broker, engine);
    if (!places) return std::unexpected(places.error());
    const auto found_here = [](std::uint64_t inode) { return inode != 0; };
    engine.local =
        engine.endpoint.starts_with("unix:") || std::ranges::any_of(places->inodes, found_here);
    for (std::size_t i = 0; i < engine.containers.size(); ++i) {
      model::Container& container = engine.containers[i];
      const std::uint64_t inode = places->inodes[i];
      if (const auto found = position.find(inode); found != position.end()) {
        container.netns = model::NsId{found->second};
      } else if (inode != 0) {
        missing.emplace_back(inode, places->paths[i]);
      }
    }
  }
  return {};
}

void name_unplaced(model::Snapshot& snapshot) {
  for (model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (!engine.local || container.pid == 0 || container.netns) continue;
      engine.gaps.push_back(
          {"container " + escape_text(container.name), "its network namespace was not found"});
    }
  }
}

}  // namespace bulkhead::collect
