// Podman starts (libpod/networking_slirp4netns.go, networking_pasta_linux.go, pkg/rootlessport):
//   rootlessport                       with its ports on standard input, and a child in the
//   container slirp4netns ... [--api-socket DIR/ID.net] --netns-type=path PATH tap0 pasta
//   --config-net [-t [ADDRESS/]PORTS[:PORTS]] [-u ...] ... --netns PATH
#include "collect/forwarders.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "collect/conmon.h"
#include "collect/listing.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostText = 65'536, kMostNamespaces = 65, kMostForwardings = 4096;
constexpr std::size_t kIdDigits = 64;

struct Ports {
  std::uint16_t first = 0, last = 0;
};

// "80" or "80-90"; nothing for what is no range of ports.
std::optional<Ports> parse_ports(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto number = [](std::string_view part) -> std::optional<std::uint16_t> {
    std::uint16_t out = 0;
    const auto end = std::from_chars(part.data(), part.data() + part.size(), out);
    if (end.ec != std::errc() || end.ptr != part.data() + part.size() || out == 0)
      return std::nullopt;
    return out;
  };
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Ports{*first, *last};
}

// passt(1): [ADDRESS[%INTERFACE]/]PORTS[:PORTS], several divided by commas. "auto", "all", "~80"
// name no port behind: these stay unknown.
void parse_specification(std::string_view text, IpProtocol protocol, Forwarder& out) {
  if (const std::size_t slash = text.rfind('/'); slash != std::string_view::npos)
    text.remove_prefix(slash + 1);
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t colon = item.find(':');
    const auto outside = parse_ports(item.substr(0, colon));
    const auto inside =
        colon == std::string_view::npos ? outside : parse_ports(item.substr(colon + 1));
    if (!outside || !inside || outside->last - outside->first != inside->last - inside->first)
      continue;
    for (int i = 0; i <= outside->last - outside->first; ++i) {
      if (out.forwardings.size() >= kMostForwardings) return;
      out.forwardings.push_back({protocol, Port{static_cast<std::uint16_t>(outside->first + i)},
                                 Port{static_cast<std::uint16_t>(inside->first + i)}});
    }
  }
}

// DIR/ID.net
std::string id_of_socket(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  if (!path.ends_with(".net")) return "";
  path.remove_suffix(4);
  const bool digits = path.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return path.size() == kIdDigits && digits ? std::string(path) : "";
}

void parse_line(std::string_view line, Forwarder& out) {
  const auto next = [&line] {
    const std::string_view word = line.substr(0, line.find('\0'));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
  };
  while (!line.empty()) {
    const std::string_view word = next();
    if (word == "--api-socket" || word == "-a") out.container_id = id_of_socket(next());
    if (word == "-t" || word == "--tcp-ports") parse_specification(next(), IpProtocol::kTcp, out);
    if (word == "-u" || word == "--udp-ports") parse_specification(next(), IpProtocol::kUdp, out);
  }
}

bool serves(const Forwarder& forwarder, const model::Snapshot& snapshot,
            const model::Engine& engine, const model::Container& container) {
  if (container.state != "running" || !container.netns || *container.netns == snapshot.host)
    return false;
  if (user_of(engine) != forwarder.uid) return false;
  if (forwarder.container_id == container.id) return true;
  const std::uint64_t inode = snapshot.namespaces[container.netns->value].inode;
  return std::ranges::find(forwarder.namespaces, inode) != forwarder.namespaces.end();
}

// Of those that share a namespace, the one that made it: a pod's first, never one that joined.
model::Container* served(const Forwarder& forwarder, model::Snapshot& snapshot) {
  for (model::Engine& engine : snapshot.engines) {
    if (!engine.version.empty()) continue;  // it told
    model::Container* found = nullptr;
    for (model::Container& container : engine.containers) {
      if (!serves(forwarder, snapshot, engine, container)) continue;
      if (found == nullptr || found->network_mode.starts_with("container:")) found = &container;
    }
    if (found != nullptr) return found;
  }
  return nullptr;
}

Port behind(const Forwarder& forwarder, const model::Socket& socket) {
  const auto found = std::ranges::find_if(forwarder.forwardings, [&](const Forwarding& f) {
    return f.protocol == socket.protocol && f.host_port == socket.port;
  });
  return found == forwarder.forwardings.end() ? Port{} : found->container_port;
}

void add_ports(const Forwarder& forwarder, const model::Snapshot& snapshot,
               model::Container& container) {
  for (const model::Socket& socket : snapshot.namespaces[snapshot.host.value].sockets) {
    const bool held = std::ranges::any_of(socket.owners, [&](const model::SocketOwner& owner) {
      return owner.pid == forwarder.pid && owner.uid == forwarder.uid;
    });
    if (!held || socket.peer) continue;
    const auto add = [&](IpAddress address) {
      const model::PublishedPort port{socket.protocol, behind(forwarder, socket), address,
                                      socket.port};
      if (std::ranges::find(container.published, port) == container.published.end())
        container.published.push_back(port);
    };
    const IpAddress bound = socket.address.unmapped();
    add(bound);
    // A socket of both families is published in both.
    if (bound.is_v6() && bound.is_unspecified() && !socket.v6_only)
      add(IpAddress::any(IpFamily::kV4));
  }
}

}  // namespace

Result<std::vector<Forwarder>> decode_forwarders(ByteView bytes) {
  const auto broken = [] {
    return fail(ErrorCode::kInvalidInput, "list of forwarders in user space cut short");
  };
  std::vector<Forwarder> out;
  Cursor cursor(bytes);
  while (!cursor.done()) {
    Forwarder& forwarder = out.emplace_back();
    const auto pid = cursor.native<std::uint32_t>();
    const auto uid = cursor.native<std::uint32_t>();
    const auto count = cursor.native<std::uint32_t>();
    if (!pid || !uid || !count || *count > kMostNamespaces) return broken();
    forwarder.pid = *pid;
    forwarder.uid = *uid;
    for (std::uint32_t i = 0; i < *count; ++i) {
      const auto inode = cursor.native<std::uint64_t>();
      if (!inode) return broken();
      forwarder.namespaces.push_back(*inode);
    }
    const auto line = counted_text(cursor, kMostText);
    if (!line) return broken();
    parse_line(*line, forwarder);
  }
  return out;
}

void publish_forwarded(const std::vector<Forwarder>& forwarders, model::Snapshot& snapshot) {
  for (const Forwarder& forwarder : forwarders) {
    if (model::Container* container = served(forwarder, snapshot))
      add_ports(forwarder, snapshot, *container);
  }
}

}  // namespace bulkhead::collect
