// One network of GET /networks, and of Podman's GET /libpod/networks/json.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "engine/answers.h"
#include "engine/docker.h"
#include "engine/json_walk.h"
#include "engine/podman.h"

namespace bulkhead::engine {
namespace {

using model::EngineNetwork;
using model::JsonCursor;

// "172.30.1.0/24". An engine may keep the 172.30.1.5/24 that it was given, and means the network.
bool read_subnet(JsonCursor& in, std::vector<Prefix>& out) {
  std::string text;
  if (!read_text(in, text)) return false;
  if (text.empty()) return true;
  const auto slash = std::min(text.find('/'), text.size());
  const auto address = IpAddress::parse(std::string_view(text).substr(0, slash));
  if (!address) return in.wrong(address.error().message);
  unsigned length = 0;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data() + std::min(slash + 1, text.size()), end, length);
  if (number.ec != std::errc() || number.ptr != end) {
    return in.wrong("'" + escape_text(text, 64) + "' has no prefix length");
  }
  const auto prefix = Prefix::make(*address, length);
  if (!prefix) return in.wrong(prefix.error().message);
  out.push_back(*prefix);
  return true;
}

// Some engines write the gateway with its prefix length.
bool read_gateway(JsonCursor& in, std::vector<IpAddress>& out) {
  std::string text;
  if (!read_text(in, text)) return false;
  if (text.empty()) return true;
  const auto address = IpAddress::parse(std::string_view(text).substr(0, text.find('/')));
  if (!address) return in.wrong(address.error().message);
  out.push_back(*address);
  return true;
}

// [{"Subnet":"172.30.1.0/24","Gateway":"172.30.1.1"}]; Podman writes the names small.
bool read_subnets(JsonCursor& in, EngineNetwork& out) {
  return each_element(in, [&] {
    return each_member(in, [&](const std::string& part) {
      if (part == "Subnet" || part == "subnet") return read_subnet(in, out.subnets);
      if (part == "Gateway" || part == "gateway") return read_gateway(in, out.gateways);
      return in.skip_value();
    });
  });
}

bool read_ipam(JsonCursor& in, EngineNetwork& out) {
  return each_member(in, [&](const std::string& key) {
    return key == "Config" ? read_subnets(in, out) : in.skip_value();
  });
}

std::string option(const EngineNetwork& network, const std::string& key) {
  const auto found = network.options.find(key);
  return found == network.options.end() ? "" : found->second;
}

std::string bridge_name(const EngineNetwork& network) {
  if (network.driver != "bridge") return "";
  std::string given = option(network, "com.docker.network.bridge.name");
  if (!given.empty()) return given;
  return network.is_default_bridge ? "docker0" : "br-" + network.id.substr(0, 12);
}

void interpret_options(EngineNetwork& out) {
  out.is_default_bridge = option(out, "com.docker.network.bridge.default_bridge") == "true";
  const std::string icc = option(out, "com.docker.network.bridge.enable_icc");
  if (icc == "true" || icc == "false") out.icc = icc == "true";
  if (out.driver == "macvlan" || out.driver == "ipvlan") out.parent = option(out, "parent");
  out.bridge = bridge_name(out);
}

bool read_podman_network(JsonCursor& in, EngineNetwork& out) {
  std::string interface;  // the bridge, or what a macvlan stands on
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "id") return read_text(in, out.id);
    if (key == "name") return read_text(in, out.name);
    if (key == "driver") return read_text(in, out.driver);
    if (key == "network_interface") return read_text(in, interface);
    if (key == "internal") return read_flag(in, out.internal);
    if (key == "ipv6_enabled") return read_flag(in, out.ipv6);
    if (key == "subnets") return read_subnets(in, out);
    if (key == "options") return read_text_map(in, out.options);
    if (key == "labels") return read_text_map(in, out.labels);
    return in.skip_value();
  });
  if (!good) return false;
  if (out.id.empty()) return in.wrong("id is missing");
  out.scope = "local";
  out.is_default_bridge = out.name == kPodmanDefaultNetwork;
  (out.driver == "bridge" ? out.bridge : out.parent) = std::move(interface);
  return true;
}

}  // namespace

bool read_network(JsonCursor& in, EngineNetwork& out) {
  const bool good = each_member(in, [&](const std::string& key) {
    if (key == "Id") return read_text(in, out.id);
    if (key == "Name") return read_text(in, out.name);
    if (key == "Driver") return read_text(in, out.driver);
    if (key == "Scope") return read_text(in, out.scope);
    if (key == "Internal") return read_flag(in, out.internal);
    if (key == "EnableIPv6") return read_flag(in, out.ipv6);
    if (key == "Attachable") return read_flag(in, out.attachable);
    if (key == "Ingress") return read_flag(in, out.ingress);
    if (key == "IPAM") return read_ipam(in, out);
    if (key == "Options") return read_text_map(in, out.options);
    if (key == "Labels") return read_text_map(in, out.labels);
    return in.skip_value();
  });
  if (!good) return false;
  if (out.id.empty()) return in.wrong("Id is missing");
  interpret_options(out);
  return true;
}

Result<model::EngineNetwork> parse_network(std::string_view json) {
  JsonCursor in = answer_cursor(json);
  EngineNetwork network;
  if (!read_network(in, network) || !in.finish()) return std::unexpected(in.error());
  return network;
}

Result<std::vector<EngineNetwork>> parse_networks(std::string_view json) {
  JsonCursor in = answer_cursor(json);
  std::vector<EngineNetwork> networks;
  const bool good = each_element(in, [&] {
    if (networks.size() >= kMostNetworks) return in.wrong("too many networks", ErrorCode::kBudget);
    return read_network(in, networks.emplace_back());
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return networks;
}

Result<std::vector<EngineNetwork>> parse_podman_networks(std::string_view json) {
  JsonCursor in = answer_cursor(json);
  std::vector<EngineNetwork> networks;
  const bool good = each_element(in, [&] {
    if (networks.size() >= kMostNetworks) return in.wrong("too many networks", ErrorCode::kBudget);
    return read_podman_network(in, networks.emplace_back());
  });
  if (!good || !in.finish()) return std::unexpected(in.error());
  return networks;
}

}  // namespace bulkhead::engine
