// GET /containers/ID/json. Fields as the Docker Engine API describes them from 1.24 to 1.50.
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "engine/docker.h"
#include "engine/json_walk.h"

namespace bulkhead::engine {
namespace {

using model::JsonCursor;

// ------------------------------------------------------------------------------------- ports

// "80/tcp", "53/udp", "80"; EXPOSE of old images also "9000-9002/tcp".
struct PortKey {
  IpProtocol protocol = IpProtocol::kTcp;
  model::xt::PortRange range;
};

std::optional<Port> parse_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return Port{number};
}

std::optional<PortKey> parse_key(std::string_view text) {
  PortKey key;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto protocol = parse_protocol(text.substr(slash + 1));
    if (!protocol) return std::nullopt;
    key.protocol = *protocol;
    text = text.substr(0, slash);
  }
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  key.range = {*first, *last};
  return key;
}

struct Binding {
  std::string address, port;
};

bool read_binding(JsonCursor& in, Binding& binding) {
  return each_member(in, [&](const std::string& key) {
    if (key == "HostIp") return read_text(in, binding.address);
    if (key == "HostPort") return read_text(in, binding.port);
    return in.skip_value();
  });
}

// An empty port, 0 or a range of them: the engine chooses when the container starts.
bool chosen_later(std::string_view port) {
  return port.empty() || port == "0" || port.find('-') != std::string_view::npos;
}

bool add_binding(JsonCursor& in, const PortKey& key, const Binding& binding,
                 std::vector<model::PublishedPort>& out) {
  if (chosen_later(binding.port)) return true;
  const auto port = parse_port(binding.port);
  if (!port) return in.wrong("'" + escape_text(binding.port, 32) + "' is not a port");
  const auto add = [&](IpAddress address) {
    out.push_back({key.protocol, key.range.first, address, *port});
  };
  if (binding.address.empty()) {
    add(IpAddress::any(IpFamily::kV4));
    add(IpAddress::any(IpFamily::kV6));
    return true;
  }
  const auto address = IpAddress::parse(binding.address);
  if (!address) return in.wrong(address.error().message);
  add(*address);
  return true;
}

// {"80/tcp":[{"HostIp":"","HostPort":"8080"}],"81/tcp":null}
bool read_bindings(JsonCursor& in, std::vector<model::PublishedPort>& out) {
  return each_member(in, [&](const std::string& text) {
    const auto key = parse_key(text);
    if (!key) return in.wrong("this is not a port");
    return each_element(in, [&] {
      Binding binding;
      if (out.size() >= kMostElements) return in.wrong("too many ports", ErrorCode::kBudget);
      return read_binding(in, binding) && add_binding(in, *key, binding, out);
    });
  });
}

bool read_exposed(JsonCursor& in, model::Container& out) {
  return each_member(in, [&](const std::string& text) {
    const auto key = parse_key(text);
    if (!key) return in.wrong("this is not a port");
    if (key->protocol == IpProtocol::kTcp) out.exposed_tcp.push_back(key->range);
    if (key->protocol == IpProtocol::kUdp) out.exposed_udp.push_back(key->range);
    return in.skip_value();
  });
}

// Neighbouring and repeated ranges become one, so that 1000 EXPOSEd ports are not 1000 entries.
void merge(std::vector<model::xt::PortRange>& ranges) {
  std::ranges::sort(ranges, {}, [](const auto& range) { return range.first; });
  std::vector<model::xt::PortRange> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && range.first.number <= merged.back().last.number + 1U) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ranges = std::move(merged);
}

// ---------------------------------------------------------------------------------- networks

// Empty text is "none": the container does not run, or has no address of that family.
bool read_address(JsonCursor& in, IpFamily family, std::optional<IpAddress>& out) {
  std::string text;
  if (!read_text(in, text)) return false;
  if (text.empty()) return true;
  const auto address = IpAddress::parse(text);
  if (!address) return in.wrong(address.error().message);
  if (address->family() != family) return in.wrong("an address of the other family");
  out = *address;
  return true;
}

bool read_mac(JsonCursor& in, std::optional<MacAddress>& out) {
  std::string text;
  if (!read_text(in, text)) return false;
  if (text.empty()) return true;
  const auto mac = MacAddress::parse(text);
  if (!mac) return in.wrong(mac.error().message);
  out = *mac;
  return true;
}

bool read_attachment(JsonCursor& in, model::Attachment& out) {
  return each_member(in, [&](const std::string& key) {
    if (key == "NetworkID") return read_text(in, out.network_id);
    if (key == "IPAddress") return read_address(in, IpFamily::kV4, out.address4);
    if (key == "GlobalIPv6Address") return read_address(in, IpFamily::kV6, out.address6);
    if (key == "MacAddress") return read_mac(in, out.mac);
    if (key == "Aliases") return read_texts(in, out.aliases);
    return in.skip_value();
  });
}

bool read_attachments(JsonCursor& in, model::Container& out) {
  return each_member(in, [&](const std::string& name) {
    auto& attachment = out.attachments.emplace_back();
    attachment.network = name.substr(0, kLongestText);
    return read_attachment(in, attachment);
  });
}

// ------------------------------------------------------------------------------------ the rest

struct Draft {
  model::Container container;
  std::vector<model::PublishedPort> asked, opened;
  bool running = false;
  bool tells_opened = false;  // NetworkSettings.Ports was there
};

bool read_state(JsonCursor& in, Draft& draft) {
  return each_member(in, [&](const std::string& key) {
    if (key == "Status") return read_text(in, draft.container.state);
    if (key == "Running") return read_flag(in, draft.running);
    if (key == "Pid") return in.take_null() || in.read_number(draft.container.pid);
    return in.skip_value();
  });
}

bool read_host_config(JsonCursor& in, Draft& draft) {
  model::Container& out = draft.container;
  return each_member(in, [&](const std::string& key) {
    if (key == "NetworkMode") return read_text(in, out.network_mode);
    if (key == "PortBindings") return read_bindings(in, draft.asked);
    if (key == "Privileged") return read_flag(in, out.privileged);
    if (key == "ReadonlyRootfs") return read_flag(in, out.read_only);
    if (key == "CapAdd") return read_texts(in, out.capabilities_added);
    if (key == "CapDrop") return read_texts(in, out.capabilities_dropped);
    return in.skip_value();
  });
}

// "NAME=value": the value is a secret and goes no further than this function.
bool read_environment(JsonCursor& in, std::vector<std::string>& names) {
  return each_element(in, [&] {
    std::string text;
    if (!in.read_text(text)) return false;
    text.resize(std::min({text.size(), text.find('='), kLongestText}));
    names.push_back(std::move(text));
    return true;
  });
}

bool read_config(JsonCursor& in, model::Container& out) {
  return each_member(in, [&](const std::string& key) {
    if (key == "Image") return read_text(in, out.image);
    if (key == "User") return read_text(in, out.user);
    if (key == "Labels") return read_text_map(in, out.labels);
    if (key == "Env") return read_environment(in, out.environment_names);
    if (key == "ExposedPorts") return read_exposed(in, out);
    return in.skip_value();
  });
}

bool read_network_settings(JsonCursor& in, Draft& draft) {
  return each_member(in, [&](const std::string& key) {
    if (key == "SandboxKey") return read_text(in, draft.container.sandbox);
    if (key == "Networks") return read_attachments(in, draft.container);
    if (key != "Ports") return in.skip_value();
    draft.tells_opened = in.peek() == '{';
    return read_bindings(in, draft.opened);
  });
}

bool read_mounts(JsonCursor& in, std::vector<model::Mount>& out) {
  return each_element(in, [&] {
    model::Mount& mount = out.emplace_back();
    return each_member(in, [&](const std::string& key) {
      if (key == "Source") return read_text(in, mount.source);
      if (key == "Destination") return read_text(in, mount.destination);
      if (key == "Type") return read_text(in, mount.type);
      if (key == "RW") return read_flag(in, mount.writable);
      return in.skip_value();
    });
  });
}

bool read_draft(JsonCursor& in, Draft& draft) {
  model::Container& out = draft.container;
  return each_member(in, [&](const std::string& key) {
    if (key == "Id") return read_text(in, out.id);
    if (key == "Name") return read_text(in, out.name);
    if (key == "State") return read_state(in, draft);
    if (key == "HostConfig") return read_host_config(in, draft);
    if (key == "Config") return read_config(in, out);
    if (key == "NetworkSettings") return read_network_settings(in, draft);
    if (key == "Mounts") return read_mounts(in, out.mounts);
    return in.skip_value();
  });
}

std::string label(const model::Container& container, const std::string& key) {
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? "" : found->second;
}

// Podman's podman-compose and quadlets write the same labels, or io.podman.compose.*.
void name_project(model::Container& out) {
  out.project = label(out, "com.docker.compose.project");
  out.service = label(out, "com.docker.compose.service");
  if (out.project.empty()) out.project = label(out, "io.podman.compose.project");
  if (out.service.empty()) out.service = label(out, "io.podman.compose.service");
}

model::Container finish(Draft draft) {
  model::Container out = std::move(draft.container);
  if (out.name.starts_with('/')) out.name.erase(0, 1);
  if (out.network_mode == "default") out.network_mode = "bridge";
  const bool live = draft.running || out.pid != 0;
  out.published = std::move(live && draft.tells_opened ? draft.opened : draft.asked);
  if (out.network_mode.starts_with("container:")) {  // Podman repeats what is the other's
    out.published.clear();
    out.attachments.clear();
  }
  if (!live) {
    out.pid = 0;
    out.sandbox.clear();  // the file of the last run
  }
  merge(out.exposed_tcp);
  merge(out.exposed_udp);
  name_project(out);
  return out;
}

}  // namespace

Result<model::Container> parse_container(std::string_view inspect_json) {
  JsonCursor in = answer_cursor(inspect_json);
  Draft draft;
  if (!read_draft(in, draft) || !in.finish()) return std::unexpected(in.error());
  if (draft.container.id.empty()) return fail(ErrorCode::kInvalidInput, "$.Id is missing");
  return finish(std::move(draft));
}

}  // namespace bulkhead::engine
