#include "engine/podman.h"

#include <algorithm>
#include <set>

namespace bulkhead::engine {
namespace {

// "8080" without an address was read as 0.0.0.0 and [::] (docker.h).
void drop_absent_family(model::Container& container) {
  const bool six = std::ranges::any_of(container.attachments,
                                       [](const auto& a) { return a.address6.has_value(); });
  if (six || container.pid == 0 || container.attachments.empty()) return;
  const std::vector<model::PublishedPort> all = container.published;
  std::erase_if(container.published, [&](const model::PublishedPort& port) {
    model::PublishedPort twin = port;
    twin.host_address = IpAddress::any(IpFamily::kV4);
    return port.host_address == IpAddress::any(IpFamily::kV6) &&
           std::ranges::find(all, twin) != all.end();
  });
}

void resolve_mode(model::Container& container) {
  const auto& attached = container.attachments;
  const bool is_default = attached.empty() || std::ranges::any_of(attached, [](const auto& a) {
                            return a.network == kPodmanDefaultNetwork;
                          });
  if (container.network_mode == "bridge" && !is_default) {
    container.network_mode = attached.front().network;
  }
}

}  // namespace

void resolve_podman_containers(model::Engine& engine) {
  std::map<std::string, std::string> ids;
  for (const auto& network : engine.networks) ids.emplace(network.name, network.id);
  for (auto& container : engine.containers) {
    for (auto& attachment : container.attachments) {
      const auto found = ids.find(attachment.network_id);
      if (found != ids.end()) attachment.network_id = found->second;
    }
    resolve_mode(container);
    drop_absent_family(container);
  }
}

void name_podman_pods(const std::map<std::string, PodmanMember>& members,
                      std::vector<model::Container>& containers) {
  std::map<std::string, std::set<std::string>> projects;  // by pod
  for (auto& container : containers) {
    container.labels.erase(kPodLabel);
    container.labels.erase(kPodIdLabel);
    const auto found = members.find(container.id);
    if (found == members.end()) continue;
    container.labels[kPodLabel] = found->second.pod;
    container.labels[kPodIdLabel] = found->second.pod_id;
    if (!container.project.empty()) projects[found->second.pod_id].insert(container.project);
  }
  for (auto& container : containers) {
    const auto found = members.find(container.id);
    if (found == members.end() || !found->second.infra || !container.project.empty()) continue;
    const auto of_pod = projects.find(found->second.pod_id);
    if (of_pod != projects.end() && of_pod->second.size() == 1) {
      container.project = *of_pod->second.begin();
    }
  }
}

}  // namespace bulkhead::engine
