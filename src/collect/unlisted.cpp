// Containers that no engine told of: what their namespace shows of their networks.
#include <algorithm>

#include "collect/assemble.h"
#include "model/find.h"

namespace bulkhead::collect {
namespace {

// The bridge at which the other end of a veth is: of the host, or of the namespace that all
// rootless containers of a user have in common.
const model::Link* bridge_behind(const model::Snapshot& snapshot, const model::Link& link) {
  if (!link.peer_ns || link.peer_ns->value >= snapshot.namespaces.size()) return nullptr;
  const model::NetNs& there = snapshot.namespaces[link.peer_ns->value];
  const model::Link* end = model::find_link(there, link.peer);
  if (end == nullptr || !end->master) return nullptr;
  const model::Link* bridge = model::find_link(there, end->master);
  return bridge != nullptr && bridge->kind == "bridge" ? bridge : nullptr;
}

// A network is called after its bridge, for want of its name.
std::vector<model::Attachment> attachments(const model::Snapshot& snapshot,
                                           const model::NetNs& own) {
  std::vector<model::Attachment> out;
  for (const model::Link& link : own.links) {
    if (link.kind != "veth") continue;
    const model::Link* bridge = bridge_behind(snapshot, link);
    if (bridge == nullptr) continue;
    model::Attachment& attachment = out.emplace_back();
    attachment.network = bridge->name;
    attachment.mac = link.mac;
    for (const model::Address& address : own.addresses) {
      if (address.link != link.index || address.local.is_link_local()) continue;
      auto& of_family = address.local.is_v4() ? attachment.address4 : attachment.address6;
      if (!of_family) of_family = address.local;
    }
  }
  return out;
}

void describe(const model::Snapshot& snapshot, const model::Engine& engine,
              model::Container& container, model::NsId own) {
  if (own == snapshot.host) {
    container.network_mode = "host";
    return;
  }
  const auto infra = std::ranges::find_if(engine.containers, [&](const auto& other) {
    return other.name.ends_with("-infra") && other.netns == own && other.id != container.id;
  });
  if (infra != engine.containers.end()) {
    container.network_mode = "container:" + infra->id;
    return;
  }
  container.attachments = attachments(snapshot, snapshot.namespaces[own.value]);
  if (!container.attachments.empty()) {
    container.network_mode = container.attachments.front().network;
    return;
  }
  // Rootless, and of no network: a tun or tap device that slirp4netns or pasta serves.
  const auto served =
      std::ranges::find(snapshot.namespaces[own.value].links, "tun", &model::Link::kind);
  if (served != snapshot.namespaces[own.value].links.end())
    container.network_mode = "user space: " + served->name;
}

// The first process of a container is the container's, even where its cgroup does not tell.
void own_sockets(model::Snapshot& snapshot, const model::Container& container) {
  if (container.pid == 0 || !container.netns) return;
  for (model::Socket& socket : snapshot.namespaces[container.netns->value].sockets) {
    for (model::SocketOwner& owner : socket.owners) {
      if (owner.pid == container.pid && owner.container_id.empty())
        owner.container_id = container.id;
    }
  }
}

}  // namespace

void describe_unlisted(model::Snapshot& snapshot) {
  for (model::Engine& engine : snapshot.engines) {
    if (!engine.version.empty()) continue;  // it told
    for (model::Container& container : engine.containers) {
      if (container.netns) describe(snapshot, engine, container, *container.netns);
    }
  }
}

void own_unlisted_sockets(model::Snapshot& snapshot) {
  for (const model::Engine& engine : snapshot.engines) {
    if (!engine.version.empty()) continue;
    for (const model::Container& container : engine.containers) own_sockets(snapshot, container);
  }
}

}  // namespace bulkhead::collect
