// Asks an engine in the order: who are you, what do you say of this host, networks, containers.
// Then the list of containers once more, because they come and go while they are read.
#include "engine/docker.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "engine/answers.h"
#include "engine/http.h"
#include "engine/podman.h"

namespace bulkhead::engine {
namespace {

// One inspect answer is a few kilobytes; health-check logs make it tens. Together with
// Limits::containers this bounds what a lying engine can make us keep.
constexpr std::uint64_t kLongestInspect = 4U << 20;

// Podman's own API, which every version from 4 on speaks.
const std::string kLibpod = "/v4.0.0/libpod";

class EngineReader {
 public:
  EngineReader(HttpClient client, const Endpoint& endpoint, const Limits& limits)
      : client_(std::move(client)),
        limits_(limits),
        what_("docker " + escape_text(endpoint.url, 128)) {
    engine_.endpoint = endpoint.url;
  }

  Result<model::Engine> read();

 private:
  using List = std::vector<ListedContainer>;

  Result<std::string> get(const std::string& path);
  Status read_version();
  void read_info();
  void read_networks();
  void read_pods();
  Result<List> list();
  Status read_containers();
  void read_new(const List& list);
  void read_one(const ListedContainer& listed);
  void drop_vanished(const List& list);
  void resolve_modes();
  void gap(const std::string& reason);

  HttpClient client_;
  Limits limits_;
  std::string what_;
  std::string prefix_;  // "/v1.41"
  model::Engine engine_;
  std::set<std::string> tried_;  // ids, so that each is asked once
};

// Ten thousand containers that cannot be read are one trouble.
constexpr std::size_t kMostGaps = 500;

void EngineReader::gap(const std::string& reason) {
  if (engine_.gaps.size() < kMostGaps)
    engine_.gaps.push_back({what_, reason});
  else if (engine_.gaps.size() == kMostGaps)
    engine_.gaps.push_back({what_, "and more like these"});
}

std::string called(const ListedContainer& listed) {
  return "container " +
         escape_text(listed.name.empty() ? listed.id.substr(0, 12) : listed.name, 80);
}

Result<std::string> EngineReader::get(const std::string& path) {
  auto body = client_.get(path);
  if (!body) return within("GET " + path, body.error());
  return body;
}

Status EngineReader::read_version() {
  const auto body = get("/version");
  if (!body) return std::unexpected(body.error());
  const auto version = parse_version(*body);
  if (!version) return within("GET /version", version.error());
  const auto prefix = choose_prefix(*version);
  if (!prefix) return std::unexpected(prefix.error());
  prefix_ = *prefix;
  engine_.kind = version->kind;
  engine_.version = version->version;
  engine_.api_version = version->api;
  if (version->kind == model::EngineKind::kPodman) what_.replace(0, 6, "podman");
  return {};
}

void EngineReader::read_info() {
  const auto body = get(prefix_ + "/info");
  if (!body) return gap(body.error().message);
  if (const Status good = parse_info(*body, engine_); !good)
    gap("GET /info: " + good.error().message);
}

void EngineReader::read_networks() {
  const bool podman = engine_.kind == model::EngineKind::kPodman;
  const std::string path = podman ? "/networks/json" : "/networks";
  const auto body = get((podman ? kLibpod : prefix_) + path);
  if (!body) return gap(body.error().message);
  auto networks = podman ? parse_podman_networks(*body) : parse_networks(*body);
  if (!networks) return gap("GET " + path + ": " + networks.error().message);
  engine_.networks = *std::move(networks);
  std::ranges::sort(engine_.networks, {}, &model::EngineNetwork::name);
}

void EngineReader::read_pods() {
  std::map<std::string, PodmanMember> members;
  if (const auto body = get(kLibpod + "/containers/json?all=true"); !body) {
    gap(body.error().message);
  } else if (auto read = parse_podman_members(*body, limits_.containers); !read) {
    gap("GET /libpod/containers/json: " + read.error().message);
  } else {
    members = *std::move(read);
  }
  name_podman_pods(members, engine_.containers);
}

Result<EngineReader::List> EngineReader::list() {
  const auto body = get(prefix_ + "/containers/json?all=1");
  if (!body) return std::unexpected(body.error());
  auto listed = parse_container_list(*body, limits_.containers);
  if (!listed) return within("GET /containers/json", listed.error());
  return listed;
}

void EngineReader::read_one(const ListedContainer& listed) {
  const auto body = get(prefix_ + "/containers/" + listed.id + "/json");
  if (!body) {
    const bool gone = body.error().code == ErrorCode::kNotFound;
    return gap(called(listed) + (gone ? ": gone while it was read" : ": " + body.error().message));
  }
  if (body->size() > kLongestInspect) return gap(called(listed) + ": the answer is too long");
  auto container = parse_container(*body);
  if (!container) return gap(called(listed) + ": " + container.error().message);
  if (container->id != listed.id) return gap(called(listed) + ": the engine answered with another");
  engine_.containers.push_back(*std::move(container));
}

void EngineReader::read_new(const List& list) {
  std::size_t unread = 0;
  for (const ListedContainer& listed : list) {
    if (!tried_.insert(listed.id).second) continue;
    if (client_.exhausted())
      ++unread;
    else
      read_one(listed);
  }
  if (unread > 0)
    gap(std::to_string(unread) + " containers were not read: time or bytes are used up");
}

void EngineReader::drop_vanished(const List& list) {
  std::set<std::string_view> there;
  for (const auto& listed : list) there.insert(listed.id);
  std::erase_if(engine_.containers, [&](const model::Container& container) {
    if (there.contains(container.id)) return false;
    gap(called({container.id, container.name}) + ": gone while it was read");
    return true;
  });
}

Status EngineReader::read_containers() {
  const auto first = list();
  if (!first) return std::unexpected(first.error());
  read_new(*first);
  const auto second = list();
  if (!second) {
    gap(second.error().message);
    return {};
  }
  drop_vanished(*second);
  read_new(*second);
  std::ranges::sort(engine_.containers, {}, [](const auto& c) { return std::tie(c.name, c.id); });
  return {};
}

// "container:" is followed by an id, the start of one, or a name, as it was given.
void EngineReader::resolve_modes() {
  constexpr std::string_view kOther = "container:";
  constexpr std::size_t kShortestId = 12;
  std::map<std::string, std::string> ids;
  for (const auto& container : engine_.containers) {
    ids.emplace(container.name, container.id);
    ids.emplace(container.id.substr(0, kShortestId), container.id);
  }
  for (auto& container : engine_.containers) {
    if (!container.network_mode.starts_with(kOther)) continue;
    const std::string given = container.network_mode.substr(kOther.size());
    auto found = ids.find(given);
    if (found == ids.end()) found = ids.find(given.substr(0, kShortestId));
    if (found != ids.end() && (found->first == given || found->second.starts_with(given))) {
      container.network_mode = std::string(kOther) + found->second;
    }
  }
}

Result<model::Engine> EngineReader::read() {
  if (const Status good = read_version(); !good) return within(what_, good.error());
  read_info();
  read_networks();
  if (const Status good = read_containers(); !good) return within(what_, good.error());
  resolve_modes();
  if (engine_.kind == model::EngineKind::kPodman) {
    resolve_podman_containers(engine_);
    read_pods();
  }
  return std::move(engine_);
}

}  // namespace

Result<model::Engine> read_engine(const Endpoint& endpoint, const UnixConnector& connect,
                                  const Limits& limits) {
  auto client = HttpClient::make(endpoint, connect, limits);
  if (!client) return within("docker " + escape_text(endpoint.url, 128), client.error());
  return EngineReader(*std::move(client), endpoint, limits).read();
}

}  // namespace bulkhead::engine
