#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/text.h"
#include "collect/assemble.h"

namespace bulkhead::collect {
#ifdef BULKHEAD_HAVE_ENGINE
namespace {

// The first that answers of each row. /var/run is a link to /run nearly everywhere.
constexpr const char* kUsual[][2] = {{"/run/docker.sock", "/var/run/docker.sock"},
                                     {"/run/podman/podman.sock", "/var/run/podman/podman.sock"}};

std::string kind_name(model::EngineKind kind) {
  switch (kind) {
    case model::EngineKind::kDocker: return "docker";
    case model::EngineKind::kPodman: return "podman";
  }
  return "engine";
}

void read_one(Broker& broker, const engine::Endpoint& endpoint, model::Snapshot& snapshot) {
  const auto connect = [&broker](const std::string& path) { return broker.connect_unix(path); };
  auto read = engine::read_engine(endpoint, connect, engine::Limits{});
  if (!read) {
    snapshot.gaps.push_back({"engine " + escape_text(endpoint.url), read.error().message});
    return;
  }
  const auto same_kind = std::ranges::count(snapshot.engines, read->kind, &model::Engine::kind);
  read->name = kind_name(read->kind);
  if (same_kind != 0) read->name += "-" + std::to_string(same_kind + 1);
  snapshot.engines.push_back(*std::move(read));
}

// A usual socket that is not there, or that nobody serves, is an engine that does not run.
std::vector<engine::Endpoint> usual_engines(Broker& broker, model::Snapshot& snapshot) {
  std::vector<engine::Endpoint> out;
  for (const auto& row : kUsual) {
    for (const char* path : row) {
      const auto fd = broker.connect_unix(path);
      if (fd) {
        close(*fd);
        out.push_back({.url = std::string("unix://") + path, .tls_directory = {}});
        break;
      }
      if (fd.error().code == ErrorCode::kDenied) {
        snapshot.gaps.push_back({std::string("engine unix://") + path, fd.error().message});
        break;
      }
    }
  }
  return out;
}

}  // namespace

void read_engines(Broker& broker, const Options& options, model::Snapshot& snapshot) {
  if (!options.read_engines) return;
  const auto endpoints =
      options.engines.empty() ? usual_engines(broker, snapshot) : options.engines;
  for (const engine::Endpoint& endpoint : endpoints) read_one(broker, endpoint, snapshot);
}

#else

void read_engines(Broker&, const Options&, model::Snapshot&) {}

#endif

namespace {

// Processes of this host may be named by number only by an engine of this host: one that is reached by
// a unix socket, or one whose sandbox files are here.
bool lives_here(const model::Engine& engine, const std::vector<std::uint64_t>& sandboxes) {
  if (engine.endpoint.starts_with("unix:")) return true;
  return std::ranges::any_of(sandboxes, [](std::uint64_t inode) { return inode != 0; });
}

Result<std::vector<std::uint64_t>> resolve(Broker& broker, const std::vector<std::string>& paths) {
  Bytes request;
  for (const std::string& path : paths) append_text(request, path);
  auto answer = BrokerAccess::ask(broker, Op::kResolvePaths, request);
  if (!answer) return std::unexpected(answer.error());
  const ByteView bytes = answer->bytes(Section::kInodes);
  std::vector<std::uint64_t> out;
  Cursor cursor(bytes);
  while (const auto inode = cursor.native<std::uint64_t>()) out.push_back(*inode);
  out.resize(paths.size());
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
    std::vector<std::string> sandboxes, processes;
    for (const model::Container& container : engine.containers) {
      // One that does not run is in no namespace; ".../default" would be that of the engine.
      const bool runs = container.pid != 0 && container.sandbox.find('\0') == std::string::npos;
      sandboxes.push_back(runs ? container.sandbox : "");
      processes.push_back(container.pid == 0 ? ""
                                             : "/proc/" + std::to_string(container.pid) + "/ns/net");
    }
    const auto by_sandbox = resolve(broker, sandboxes);
    if (!by_sandbox) return std::unexpected(by_sandbox.error());
    engine.local = lives_here(engine, *by_sandbox);
    if (!engine.local) continue;
    const auto by_process = resolve(broker, processes);
    if (!by_process) return std::unexpected(by_process.error());
    for (std::size_t i = 0; i < engine.containers.size(); ++i) {
      model::Container& container = engine.containers[i];
      // The process decides: a container that joined another one's namespace has no sandbox.
      const bool use_process = (*by_process)[i] != 0;
      const std::uint64_t inode = use_process ? (*by_process)[i] : (*by_sandbox)[i];
      if (inode == 0) {
        if (container.pid != 0) {
          engine.gaps.push_back({"container " + escape_text(container.name),
                                 "its network namespace was not found"});
        }
        continue;
      }
      if (const auto found = position.find(inode); found != position.end()) {
        container.netns = model::NsId{found->second};
      } else {
        missing.emplace_back(inode, use_process ? processes[i] : sandboxes[i]);
      }
    }
  }
  return {};
}

}  // namespace bulkhead::collect
