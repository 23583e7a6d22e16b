// What an engine says of itself: /version, /info, the lists of containers, errors.
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "engine/answers.h"
#include "engine/json_walk.h"

namespace bulkhead::engine {
namespace {

using model::JsonCursor;

constexpr std::size_t kShortId = 12;  // digits of an id where it stands for a name

bool read_component(JsonCursor& in, Version& out) {
  return each_member(in, [&](const std::string& key) {
    if (key != "Name") return in.skip_value();
    std::string name;
    if (!read_text(in, name)) return false;
    if (name == "Podman Engine") out.kind = model::EngineKind::kPodman;
    return true;
  });
}

struct ApiVersion {
  unsigned major = 0, minor = 0;
  friend auto operator<=>(const ApiVersion&, const ApiVersion&) = default;
};
constexpr ApiVersion kOldestApi{1, 24}, kNewestApi{1, 50};

std::optional<unsigned> whole_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ApiVersion> parse_api(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto major = whole_number(text.substr(0, dot));
  const auto minor = whole_number(text.substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  return ApiVersion{*major, *minor};
}

bool read_swarm(JsonCursor& in, model::Engine& out) {
  return each_member(in, [&](const std::string& key) {
    if (key != "LocalNodeState") return in.skip_value();
    std::string state;
    if (!read_text(in, state)) return false;
    out.swarm = !state.empty() && state != "inactive";
    return true;
  });
}

// "name=seccomp,profile=default", "name=rootless", "name=userns"; API 1.24 wrote "seccomp" alone.
bool read_security(JsonCursor& in, model::Engine& out) {
  return each_element(in, [&] {
    std::string text;
    if (!read_text(in, text)) return false;
    std::string_view name = std::string_view(text).substr(0, text.find(','));
    if (name.starts_with("name=")) name.remove_prefix(5);
    if (name == "rootless") out.rootless = true;
    if (name == "userns") out.user_namespaces = true;
    return true;
  });
}

// {"Driver":"nftables","Info":[…]} from API 1.49 on.
bool read_firewall(JsonCursor& in, model::Engine& out) {
  if (in.peek() == '"') return read_text(in, out.firewall_backend);
  return each_member(in, [&](const std::string& key) {
    return key == "Driver" ? read_text(in, out.firewall_backend) : in.skip_value();
  });
}

bool is_id(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool read_listed(JsonCursor& in, ListedContainer& out) {
  std::vector<std::string> names;
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "Id") return read_text(in, out.id);
    if (key == "Names") return read_texts(in, names);
    return in.skip_value();
  });
  if (!good) return false;
  // It becomes part of a path that is asked next.
  if (!is_id(out.id)) return in.wrong("'" + escape_text(out.id, 80) + "' is not a container's id");
  if (!names.empty()) out.name = names[0].substr(names[0].starts_with('/') ? 1 : 0);
  return true;
}

bool read_member(JsonCursor& in, std::map<std::string, PodmanMember>& members) {
  std::string id;
  PodmanMember member;
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "Id") return read_text(in, id);
    if (key == "Pod") return read_text(in, member.pod_id);
    if (key == "PodName") return read_text(in, member.pod);
    if (key == "IsInfra") return read_flag(in, member.infra);
    return in.skip_value();
  });
  if (!good) return false;
  if (member.pod_id.empty()) return true;
  if (member.pod.empty()) member.pod = member.pod_id.substr(0, kShortId);
  members[id] = std::move(member);
  return true;
}

}  // namespace

Result<Version> parse_version(std::string_view json) {
  JsonCursor in = answer_cursor(json);
  Version out;
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "Version") return read_text(in, out.version);
    if (key == "ApiVersion") return read_text(in, out.api);
    if (key == "MinAPIVersion") return read_text(in, out.oldest_api);
    if (key != "Components") return in.skip_value();
    return each_element(in, [&] { return read_component(in, out); });
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return out;
}

Result<std::string> choose_prefix(const Version& version) {
  const auto newest = parse_api(version.api);
  if (!newest) {
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(version.api, 32) + "' is not an API version");
  }
  const ApiVersion oldest = parse_api(version.oldest_api).value_or(ApiVersion{});
  const ApiVersion api = std::min(*newest, kNewestApi);
  if (api < kOldestApi || api < oldest) {
    return fail(ErrorCode::kUnsupported, "speaks API " + escape_text(version.oldest_api, 32) +
                                             " to " + escape_text(version.api, 32) +
                                             "; Bulkhead speaks 1.24 to 1.50");
  }
  return "/v" + std::to_string(api.major) + "." + std::to_string(api.minor);
}

Status parse_info(std::string_view json, model::Engine& engine) {
  JsonCursor in = answer_cursor(json);
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "ID") return read_text(in, engine.id);
    if (key == "Name") return read_text(in, engine.host_name);
    if (key == "DockerRootDir") return read_text(in, engine.data_root);
    if (key == "CgroupDriver") return read_text(in, engine.cgroup_driver);
    if (key == "LiveRestoreEnabled") return read_flag(in, engine.live_restore);
    if (key == "Swarm") return read_swarm(in, engine);
    if (key == "SecurityOptions") return read_security(in, engine);
    if (key == "FirewallBackend") return read_firewall(in, engine);
    return in.skip_value();
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return {};
}

Result<std::vector<ListedContainer>> parse_container_list(std::string_view json, std::size_t most) {
  JsonCursor in = answer_cursor(json);
  std::vector<ListedContainer> list;
  const bool good = each_element(in, [&] {
    if (list.size() >= most) {
      return in.wrong("more than " + std::to_string(most) + " containers", ErrorCode::kBudget);
    }
    return read_listed(in, list.emplace_back());
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return list;
}

Result<std::map<std::string, PodmanMember>> parse_podman_members(std::string_view json,
                                                                 std::size_t most) {
  JsonCursor in = answer_cursor(json);
  std::map<std::string, PodmanMember> members;
  std::size_t count = 0;
  const bool good = each_element(in, [&] {
    if (++count > most) {
      return in.wrong("more than " + std::to_string(most) + " containers", ErrorCode::kBudget);
    }
    return read_member(in, members);
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return members;
}

std::string parse_error_message(std::string_view body) {
  JsonCursor in = answer_cursor(body);
  std::string message;
  const bool good = in.peek() == '{' && each_member(in, [&](const std::string& key) {
                      return key == "message" ? in.read_text(message) : in.skip_value();
                    });
  return escape_text(good && !message.empty() ? std::string_view(message) : body, 200);
}

}  // namespace bulkhead::engine
