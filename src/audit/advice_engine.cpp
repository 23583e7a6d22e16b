#include <algorithm>
#include <array>

#include "audit/advice.h"
#include "audit/identity.h"
#include "audit/threats.h"

namespace bulkhead::audit {
namespace {

constexpr std::array<std::string_view, 5> kEngineSockets{
    "docker.sock", "podman.sock", "containerd.sock", "crio.sock", "buildkitd.sock"};
// Mounting one of these brings the engine's socket along.
constexpr std::array<std::string_view, 6> kFoldersAbove{
    "/", "/run", "/var", "/var/run", "/run/podman", "/run/containerd"};

// Programs that look at or steer the host's own network: host mode is what they are for.
constexpr std::array<std::string_view, 16> kNeedHostMode{
    "node-exporter", "netdata",        "cadvisor",    "keepalived",
    "wireguard",     "tailscale",      "netbird",     "zerotier",
    "homeassistant", "home-assistant", "calico-node", "cilium",
    "kube-proxy",    "flannel",        "falco",       "zeek"};
constexpr std::array<std::string_view, 8> kNetworkCapabilities{
    "NET_ADMIN", "CAP_NET_ADMIN", "NET_RAW", "CAP_NET_RAW",
    "SYS_ADMIN", "CAP_SYS_ADMIN", "ALL",     "CAP_ALL"};
constexpr std::size_t kManyPorts = 16;  // more than anybody likes to publish one by one

std::string_view engine_socket(const model::Mount& mount) {
  std::string_view source = mount.source;
  while (source.size() > 1 && source.ends_with('/')) source.remove_suffix(1);
  for (std::string_view name : kEngineSockets) {
    if (source.ends_with(name) && source.size() > name.size() &&
        source[source.size() - name.size() - 1] == '/')
      return source;
  }
  const bool bind = mount.type.empty() || mount.type == "bind";
  return bind && std::ranges::find(kFoldersAbove, source) != kFoldersAbove.end()
             ? source
             : std::string_view();
}

class EngineAdvice {
 public:
  explicit EngineAdvice(const Scene& scene) : scene_(scene) {}

  std::vector<Draft> find() {
    for (const model::Engine& engine : scene_.snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (c.state != "running") continue;
        mounts(engine, c);
        if (c.network_mode == "host") host_mode(engine, c);
      }
      default_bridge(engine);
    }
    return std::move(out_);
  }

 private:
  Draft start(Kind kind, Subject subject, Severity severity) const {
    Draft draft;
    draft.finding.kind = kind;
    draft.finding.id = finding_id(kind, subject);
    draft.finding.subject = std::move(subject);
    draft.finding.severity = severity;
    draft.finding.references = references_of(kind);
    return draft;
  }

  void mounts(const model::Engine& engine, const model::Container& c) {
    for (const model::Mount& mount : c.mounts) {
      const std::string_view source = engine_socket(mount);
      if (source.empty()) continue;
      Draft draft =
          start(Kind::kEngineSocket, subject_of(scene_.config, engine, c), Severity::kHigh);
      Finding& f = draft.finding;
      f.what = {Phrase::kSocketWhat, {{"source", std::string(source)}}};
      f.why = {Phrase::kWhySocket, {}};
      f.severity_reasons.push_back({Phrase::kImpactHost, {}});
      if (!mount.writable) f.notes.push_back({Phrase::kNoteReadOnlySocket, {}});
      out_.push_back(std::move(draft));
      return;
    }
  }

  bool needs_host_mode(const model::Container& c) const {
    if (c.privileged) return true;
    const std::string_view image = services::image_name(c.image);
    if (std::ranges::find(kNeedHostMode, image) != kNeedHostMode.end()) return true;
    const auto named = [&](const std::string& cap) {
      return std::ranges::find(kNetworkCapabilities, cap) != kNetworkCapabilities.end();
    };
    if (std::ranges::any_of(c.capabilities_added, named)) return true;
    const auto ports = std::ranges::count_if(scene_.inventory.services,
                                             [&](const Service& s) { return s.container == &c; });
    return static_cast<std::size_t>(ports) > kManyPorts;
  }

  void host_mode(const model::Engine& engine, const model::Container& c) {
    if (needs_host_mode(c)) return;
    Draft draft = start(Kind::kHostMode, subject_of(scene_.config, engine, c), Severity::kMedium);
    Finding& f = draft.finding;
    f.what = {Phrase::kHostModeWhat, {}};
    std::string sees;
    std::size_t count = 0;
    for (const Service& s : scene_.inventory.services) {
      const bool loopback =
          std::ranges::any_of(s.sockets, [](const auto* k) { return k->address.is_loopback(); });
      if (!s.of_host() || !loopback) continue;
      if (++count <= 3) {
        sees += (sees.empty() ? "" : ", ") +
                (s.subject.process.empty() ? std::string() : s.subject.process + " ") +
                std::to_string(s.subject.port->number) + "/" + to_string(s.subject.protocol);
      }
    }
    if (count > 3) sees += ", ...";
    f.why = count == 0 ? Text{Phrase::kWhyHostModePlain, {}}
                       : Text{Phrase::kWhyHostModeSees,
                              {{"count", std::to_string(count)}, {"sees", sees}}};
    f.severity_reasons.push_back({Phrase::kAdviceOnly, {}});
    out_.push_back(std::move(draft));
  }

  void default_bridge(const model::Engine& engine) {
    std::vector<Subject> members;
    std::string network;
    for (const model::Container& c : engine.containers) {
      if (c.state != "running") continue;
      for (const model::Attachment& a : c.attachments) {
        const auto found = std::ranges::find_if(engine.networks, [&](const auto& n) {
          return n.name == a.network && n.is_default_bridge;
        });
        if (found == engine.networks.end()) continue;
        network = found->name;
        members.push_back(subject_of(scene_.config, engine, c));
      }
    }
    if (members.empty()) return;
    Subject subject;
    subject.engine = engine.name;
    subject.network = network;
    Draft draft = start(Kind::kDefaultBridge, subject, Severity::kLow);
    Finding& f = draft.finding;
    f.what = {Phrase::kDefaultBridgeWhat, {{"count", std::to_string(members.size())}}};
    f.why = {Phrase::kWhyDefaultBridge, {}};
    f.severity_reasons.push_back({Phrase::kAdviceOnly, {}});
    f.members = std::move(members);
    out_.push_back(std::move(draft));
  }

  const Scene& scene_;
  std::vector<Draft> out_;
};

}  // namespace

std::vector<Draft> find_engine_advice(const Scene& scene) {
  return EngineAdvice(scene).find();
}

}  // namespace bulkhead::audit
