// Podman starts for each container (libpod/oci_conmon_common.go):
//   conmon --api-version 1 -c ID -u ID -r RUNTIME -b BUNDLE -p PIDFILE -n NAME ...
//          --exit-command /usr/bin/podman --exit-command-arg ... --exit-command-arg ID
// and the container's first process is its child. A member of a pod has the pod's id in its cgroup:
// libpod_parent/POD/libpod-ID, or machine-libpod_pod_POD.slice/libpod-ID.scope.
#include "collect/conmon.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <tuple>

#include "base/text.h"
#include "collect/listing.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kIdDigits = 64, kShortId = 12;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostConmonText = 65'536;  // of one text of the reader
constexpr std::size_t kMostNamed = 5;            // containers in the text of a gap
const std::string kUsersSockets = "unix:///run/user/";
constexpr std::string_view kUsersSocket = "/podman/podman.sock";

bool is_id(std::string_view text) {
  return text.size() == kIdDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

struct Command {
  std::string id, name, exit_command;
  bool exec = false;
};

Command parse_command(std::string_view line) {
  Command out;
  const auto next = [&line] {
    const std::string_view word = line.substr(0, line.find('\0'));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
  };
  while (!line.empty()) {
    const std::string_view word = next();
    if (word == "-c" || word == "--cid") out.id = next();
    if (word == "-n" || word == "--name") out.name = next();
    if (word == "--exit-command") out.exit_command = next();
    if (word == "--exit-command-arg" || word == "--runtime-arg" || word == "--runtime-opt") next();
    if (word == "-e" || word == "--exec") out.exec = true;
  }
  return out;
}

bool of_podman(const Command& command) {
  const std::size_t slash = command.exit_command.rfind('/');
  return command.exit_command.substr(slash == std::string::npos ? 0 : slash + 1) == "podman";
}

// The last id before the container's own.
std::string pod_of(std::string_view cgroup, const std::string& id) {
  const std::string_view path = cgroup.substr(0, cgroup.find(id));
  if (path.size() == cgroup.size()) return "";
  for (std::size_t at = path.size(); at-- > 0;) {
    if (is_id(path.substr(at, kIdDigits))) return std::string(path.substr(at, kIdDigits));
  }
  return "";
}

std::optional<model::Container> understand(std::uint32_t child, std::string_view line,
                                           std::string_view cgroup) {
  Command command = parse_command(line);
  if (child == 0 || command.exec || !is_id(command.id) || !of_podman(command)) return std::nullopt;
  model::Container out;
  out.id = std::move(command.id);
  out.name =
      command.name.empty() ? out.id.substr(0, kShortId) : command.name.substr(0, kLongestName);
  out.state = "running";
  out.pid = child;
  const std::string pod = pod_of(parse_cgroup(cgroup).path, out.id);
  if (!pod.empty()) {
    out.labels["io.podman.pod.id"] = pod;
    out.labels["io.podman.pod.name"] = pod.substr(0, kShortId);  // its name is not known
  }
  return out;
}

std::string names_of(const std::vector<model::Container>& containers) {
  std::string out;
  for (std::size_t i = 0; i < std::min(containers.size(), kMostNamed); ++i)
    out += (i == 0 ? "" : ", ") + escape_text(containers[i].name, 64);
  return out + (containers.size() > kMostNamed ? ", ..." : "");
}

bool podman_answers(const model::Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.engines, [](const model::Engine& engine) {
    return engine.kind == model::EngineKind::kPodman && !engine.rootless &&
           engine.endpoint.starts_with("unix:") && !engine.version.empty();
  });
}

// A report shows 200 characters of it: what to do comes first.
model::Gap rootful_gap(const model::Engine& engine, bool answers) {
  const std::string cure =
      answers ? "the Podman that answers does not list them (another --root?): --engine URL; "
              : "Podman's service does not answer: systemctl start podman.socket; ";
  return {"containers of podman",
          cure + std::to_string(engine.containers.size()) + " run (" + names_of(engine.containers) +
              "), of which the names, processes and addresses are known, not the published ports, "
              "networks' and pods' names, labels, mounts and rights"};
}

model::Gap rootless_gap(const model::Engine& engine, std::uint32_t uid) {
  return {
      "rootless podman of user " + std::to_string(uid),
      "what leaves its containers through user space (pasta, slirp4netns) is not known, nor are "
      "labels, mounts and rights; that user may read more: bulkhead --engine " +
          engine.endpoint + "; " + std::to_string(engine.containers.size()) + " run (" +
          names_of(engine.containers) + ")"};
}

void add_engine(std::uint32_t uid, std::vector<model::Container> containers,
                model::Snapshot& snapshot) {
  model::Engine engine;
  engine.kind = model::EngineKind::kPodman;
  engine.name = uid == 0 ? engine_name(snapshot, engine.kind) : "podman-uid" + std::to_string(uid);
  engine.endpoint = uid == 0 ? "unix:///run/podman/podman.sock"
                             : kUsersSockets + std::to_string(uid) + std::string(kUsersSocket);
  engine.rootless = uid != 0;
  engine.containers = std::move(containers);
  engine.gaps.push_back(uid == 0 ? rootful_gap(engine, podman_answers(snapshot))
                                 : rootless_gap(engine, uid));
  snapshot.engines.push_back(std::move(engine));
}

}  // namespace

Result<std::vector<Conmon>> decode_conmons(ByteView bytes) {
  std::vector<Conmon> out;
  Cursor cursor(bytes);
  while (!cursor.done()) {
    const auto pid = cursor.native<std::uint32_t>();
    const auto uid = cursor.native<std::uint32_t>();
    const auto child = cursor.native<std::uint32_t>();
    const auto line = child ? counted_text(cursor, kMostConmonText) : std::nullopt;
    const auto cgroup = line ? counted_text(cursor, kMostConmonText) : std::nullopt;
    if (!pid || !uid || !cgroup)
      return fail(ErrorCode::kInvalidInput, "list of conmon processes cut short");
    if (auto container = understand(*child, *line, *cgroup))
      out.push_back({*uid, *std::move(container)});
  }
  std::ranges::sort(out, {}, [](const Conmon& c) {
    return std::tie(c.uid, c.container.name, c.container.id, c.container.pid);
  });
  return out;
}

void add_unlisted(std::vector<Conmon> conmons, model::Snapshot& snapshot) {
  std::set<std::string> listed;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) listed.insert(container.id);
  }
  // Root's first: a user's process that takes the id of another's container does not stand for it.
  std::vector<model::Container> group;
  for (std::size_t i = 0; i < conmons.size(); ++i) {
    const std::uint32_t uid = conmons[i].uid;
    if (listed.insert(conmons[i].container.id).second)
      group.push_back(std::move(conmons[i].container));
    const bool last = i + 1 == conmons.size() || conmons[i + 1].uid != uid;
    if (last && !group.empty()) add_engine(uid, std::exchange(group, {}), snapshot);
  }
}

std::optional<std::uint32_t> user_of(const model::Engine& engine) {
  std::string_view text = engine.endpoint;
  if (!engine.rootless || !text.starts_with(kUsersSockets) || !text.ends_with(kUsersSocket))
    return std::nullopt;
  text.remove_prefix(kUsersSockets.size());
  std::uint32_t uid = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (end.ec != std::errc() || std::string_view(end.ptr, text.end()) != kUsersSocket)
    return std::nullopt;
  return uid;
}

std::string engine_name(const model::Snapshot& snapshot, model::EngineKind kind) {
  const std::string name = kind == model::EngineKind::kDocker ? "docker" : "podman";
  const auto same = std::ranges::count(snapshot.engines, kind, &model::Engine::kind);
  return same == 0 ? name : name + "-" + std::to_string(same + 1);
}

}  // namespace bulkhead::collect
