// Containers that no engine told of: what their namespace shows of their networks.
#include <algorithm>

#include "collect/assemble.h"
#include "model/find.h"

namespace bulkhead::collect {
namespace {

// The bridge of the host at which the other end of a veth is.
const model::Link* bridge_behind(const model::NetNs& host, const model::Link& link) {
  const model::Link* end = model::find_link(host, link.peer);
  if (end == nullptr || !end->master) return nullptr;
  const model::Link* bridge = model::find_link(host, end->master);
  return bridge != nullptr && bridge->kind == "bridge" ? bridge : nullptr;
}

// A network is called after its bridge, for want of its name.
std::vector<model::Attachment> attachments(const model::Snapshot& snapshot,
                                           const model::NetNs& own) {
  std::vector<model::Attachment> out;
  const model::NetNs& host = snapshot.namespaces[snapshot.host.value];
  for (const model::Link& link : own.links) {
    if (link.kind != "veth" || link.peer_ns != snapshot.host) continue;
    const model::Link* bridge = bridge_behind(host, link);
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
  container.network_mode =
      container.attachments.empty() ? "" : container.attachments.front().network;
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

}  // namespace bulkhead::collect
