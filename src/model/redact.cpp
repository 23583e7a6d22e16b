// What becomes of each text in a snapshot that is given away.
//
// The field lists lead to every text; a text without a line in `rule_of` below is replaced. So a
// new field is hidden until somebody decides that it may be seen.
#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "model/json.h"
#include "model/json_shape.h"

namespace bulkhead::model {
namespace {

enum class Hide {
  kKeep,
  kName,      // "name-3"; the engines' own network names stay
  kId,        // 64 hexadecimal digits that differ in the first 12, as interface names show them
  kText,      // "text-3": comments, log prefixes, reasons
  kPath,      // keeps engine sockets, system folders and the folder of namespace files
  kProgram,   // keeps programs that everybody knows
  kMode,      // a container's network mode
  kUser,      // keeps numbers and root
  kEndpoint,  // keeps unix sockets of the engines and the scheme of others
  kEngine,    // keeps docker, docker-2, podman
  kVantage,
  kGap,      // keeps the first word
  kOptions,  // of a network: keeps what the drivers document
  kLabels,   // keeps keys, replaces values
  kZero,     // bytes that were not understood
};

struct FieldRule {
  std::string_view field;
  Hide hide;
};

template <class T>
struct Rules {  // of one struct; the others have all their texts replaced by names
  static constexpr std::array<FieldRule, 0> of{};
};
#define BULKHEAD_REDACT(STRUCT, COUNT, ...)                          \
  template <>                                                        \
  struct Rules<STRUCT> {                                             \
    static constexpr std::array<FieldRule, COUNT> of{{__VA_ARGS__}}; \
  };

BULKHEAD_REDACT(Snapshot, 2, {"kernel_release", Hide::kKeep}, {"tool_version", Hide::kKeep})
BULKHEAD_REDACT(Observation, 2, {"vantage", Hide::kVantage}, {"how", Hide::kKeep})
BULKHEAD_REDACT(Gap, 2, {"what", Hide::kGap}, {"reason", Hide::kText})
BULKHEAD_REDACT(NetNs, 1, {"paths", Hide::kPath})
BULKHEAD_REDACT(Link, 4, {"name", Hide::kKeep}, {"kind", Hide::kKeep}, {"alias", Hide::kText},
                {"alternative_names", Hide::kKeep})
BULKHEAD_REDACT(Address, 1, {"label", Hide::kKeep})  // an interface name
BULKHEAD_REDACT(RoutingRule, 2, {"in_interface", Hide::kKeep}, {"out_interface", Hide::kKeep})
BULKHEAD_REDACT(SocketOwner, 4, {"command", Hide::kProgram}, {"executable", Hide::kProgram},
                {"cgroup", Hide::kPath}, {"container_id", Hide::kId})

BULKHEAD_REDACT(Engine, 8, {"name", Hide::kEngine}, {"endpoint", Hide::kEndpoint},
                {"id", Hide::kId}, {"version", Hide::kKeep}, {"api_version", Hide::kKeep},
                {"data_root", Hide::kPath}, {"firewall_backend", Hide::kKeep},
                {"cgroup_driver", Hide::kKeep})
BULKHEAD_REDACT(EngineNetwork, 7, {"id", Hide::kId}, {"driver", Hide::kKeep},
                {"scope", Hide::kKeep}, {"bridge", Hide::kKeep}, {"parent", Hide::kKeep},
                {"options", Hide::kOptions}, {"labels", Hide::kLabels})
BULKHEAD_REDACT(Attachment, 1, {"network_id", Hide::kId})
BULKHEAD_REDACT(Mount, 3, {"source", Hide::kPath}, {"destination", Hide::kPath},
                {"type", Hide::kKeep})
BULKHEAD_REDACT(Container, 8, {"id", Hide::kId}, {"state", Hide::kKeep},
                {"network_mode", Hide::kMode}, {"sandbox", Hide::kPath},
                {"capabilities_added", Hide::kKeep}, {"capabilities_dropped", Hide::kKeep},
                {"user", Hide::kUser}, {"labels", Hide::kLabels})

BULKHEAD_REDACT(Table, 2, {"name", Hide::kKeep}, {"comment", Hide::kText})
BULKHEAD_REDACT(Chain, 1, {"name", Hide::kKeep})
BULKHEAD_REDACT(BaseChain, 1, {"devices", Hide::kKeep})
BULKHEAD_REDACT(Rule, 1, {"comment", Hide::kText})
BULKHEAD_REDACT(SetDef, 2, {"name", Hide::kKeep}, {"comment", Hide::kText})
BULKHEAD_REDACT(SetElement, 4, {"first", Hide::kKeep}, {"last", Hide::kKeep}, {"data", Hide::kKeep},
                {"comment", Hide::kText})
BULKHEAD_REDACT(IpSet, 2, {"name", Hide::kKeep}, {"type", Hide::kKeep})
BULKHEAD_REDACT(IpSetEntry, 2, {"interface", Hide::kKeep}, {"member_set", Hide::kKeep})
BULKHEAD_REDACT(Verdict, 1, {"chain", Hide::kKeep})
BULKHEAD_REDACT(ConstantTerm, 1, {"bytes", Hide::kKeep})
BULKHEAD_REDACT(BitwiseTerm, 2, {"mask", Hide::kKeep}, {"exclusive_or", Hide::kKeep})
BULKHEAD_REDACT(MapTerm, 1, {"set", Hide::kKeep})
BULKHEAD_REDACT(ArbitraryTerm, 1, {"source", Hide::kKeep})
BULKHEAD_REDACT(OpaqueTerm, 2, {"what", Hide::kKeep}, {"raw", Hide::kZero})
BULKHEAD_REDACT(Compare, 1, {"right", Hide::kKeep})
BULKHEAD_REDACT(InRange, 2, {"first", Hide::kKeep}, {"last", Hide::kKeep})
BULKHEAD_REDACT(InSet, 1, {"set", Hide::kKeep})
BULKHEAD_REDACT(VerdictMap, 1, {"set", Hide::kKeep})
BULKHEAD_REDACT(UpdateSet, 1, {"set", Hide::kKeep})
BULKHEAD_REDACT(May, 2, {"what", Hide::kKeep}, {"detail", Hide::kText})
BULKHEAD_REDACT(Observe, 2, {"what", Hide::kKeep}, {"detail", Hide::kText})
BULKHEAD_REDACT(XtHeader, 2, {"in_interface", Hide::kKeep}, {"out_interface", Hide::kKeep})
BULKHEAD_REDACT(XtMatch, 2, {"name", Hide::kKeep}, {"raw", Hide::kZero})
BULKHEAD_REDACT(XtTarget, 2, {"name", Hide::kKeep}, {"raw", Hide::kZero})
BULKHEAD_REDACT(OpaqueStatement, 2, {"what", Hide::kKeep}, {"raw", Hide::kZero})
BULKHEAD_REDACT(xt::Comment, 1, {"text", Hide::kText})
BULKHEAD_REDACT(xt::Physdev, 2, {"in", Hide::kKeep}, {"out", Hide::kKeep})
BULKHEAD_REDACT(xt::Helper, 1, {"name", Hide::kKeep})
BULKHEAD_REDACT(xt::May, 1, {"detail", Hide::kText})
BULKHEAD_REDACT(xt::Standard, 1, {"chain", Hide::kKeep})
BULKHEAD_REDACT(xt::CtTarget, 1, {"helper", Hide::kKeep})
BULKHEAD_REDACT(xt::PassTarget, 1, {"detail", Hide::kText})
#undef BULKHEAD_REDACT

template <class T>
Hide rule_of(std::string_view field) {
  for (const FieldRule& rule : Rules<T>::of) {
    if (rule.field == field) return rule.hide;
  }
  return Hide::kName;
}

// ------------------------------------------------------------------------------ what is public

template <std::size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

constexpr std::array<std::string_view, 9> kPublicNames = {"bridge",  "host",    "none",
                                                          "default", "ingress", "docker_gwbridge",
                                                          "podman",  "pasta",   "slirp4netns"};

// clang-format off: lists, not columns
// Engines and their helpers, whose sockets mean something to the model, and servers that any
// package manager has. A name of somebody's own program is not here.
constexpr std::array<std::string_view, 44> kPublicPrograms = {
    "docker-proxy", "dockerd", "containerd", "containerd-shim-runc-v2", "conmon", "podman",
    "rootlessport", "rootlesskit", "slirp4netns", "pasta", "aardvark-dns", "netavark", "kubelet",
    "kube-proxy", "kube-apiserver", "etcd", "systemd", "systemd-resolved", "systemd-resolve",
    "sshd", "nginx", "apache2", "httpd", "haproxy", "traefik", "envoy", "caddy", "redis-server",
    "postgres", "mysqld", "mariadbd", "mongod", "memcached", "rabbitmq-server", "dnsmasq",
    "named", "unbound", "chronyd", "ntpd", "rpcbind", "busybox", "nc", "python3", "java"};

// Mounted whole, each of these is a finding, so their names must stay.
constexpr std::array<std::string_view, 15> kSystemFolders = {
    "/", "/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/var/lib/docker",
    "/var/lib/containers", "/run/netns", "/boot", "/root", "/home", "/usr", "/var"};
constexpr std::array<std::string_view, 6> kEngineSockets = {
    "docker.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock",
    "docker_engine"};
constexpr std::array<std::string_view, 4> kNamespaceFolders = {
    "/run/netns/", "/var/run/netns/", "/run/docker/netns/", "/var/run/docker/netns/"};

// clang-format on

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == ':'; });
}

bool is_public_path(std::string_view path) {
  return among(kSystemFolders, path) || among(kEngineSockets, last_part(path));
}

// ------------------------------------------------------------------------------------ replacing

class Redactor {
 public:
  template <class T>
  void object(T& value) {
    T::fields(value,
              [this](std::string_view name, auto& member) { this->any(rule_of<T>(name), member); });
  }

 private:
  template <class M>
  void any(Hide hide, M& member) {
    if constexpr (std::is_same_v<M, std::string>)
      member = replaced(hide, member);
    else if constexpr (std::is_same_v<M, Bytes>)
      bytes(hide, member);
    else if constexpr (shape::TextMap<M>)
      map(hide, member);
    else if constexpr (std::is_same_v<M, std::vector<bool>>)
      return;
    else if constexpr (shape::Vector<M>)
      for (auto& element : member) any(hide, element);
    else if constexpr (shape::Optional<M>) {
      if (member) any(hide, *member);
    } else if constexpr (shape::Variant<M>)
      std::visit([this](auto& alternative) { this->object(alternative); }, member);
    else if constexpr (shape::Transparent<M>)
      any(hide, member.node);
    else if constexpr (shape::Struct<M>)
      object(member);
  }

  static void bytes(Hide hide, Bytes& bytes) {
    if (hide != Hide::kKeep) std::ranges::fill(bytes, std::uint8_t{0});
  }

  void map(Hide hide, std::map<std::string, std::string>& map) {
    for (auto& [key, value] : map) {
      const bool documented = hide == Hide::kOptions &&
                              (key.starts_with("com.docker.network.") || key == "parent" ||
                               key == "macvlan_mode" || key == "ipvlan_mode" || key == "isolate");
      if (!documented) value = pseudonym("name", value);
    }
  }

  std::string replaced(Hide hide, const std::string& text) {
    if (text.empty()) return text;
    switch (hide) {
      case Hide::kKeep: return text;
      case Hide::kName: return name(text);
      case Hide::kId: return id(text);
      case Hide::kText: return pseudonym("text", text);
      case Hide::kPath: return path(text);
      case Hide::kProgram: return program(text);
      case Hide::kMode: return mode(text);
      case Hide::kUser: return is_number(text) || text == "root" ? text : pseudonym("name", text);
      case Hide::kEndpoint: return endpoint(text);
      case Hide::kEngine: return engine(text);
      case Hide::kVantage: return vantage(text);
      case Hide::kGap: return gap(text);
      case Hide::kOptions:
      case Hide::kLabels:
      case Hide::kZero: return pseudonym("text", text);
    }
    return {};
  }

  // By text alone, so that what was equal stays equal, whatever the field.
  std::string pseudonym(std::string_view word, const std::string& text) {
    if (text.empty()) return text;
    const auto [entry, fresh] = names_.try_emplace(text);
    if (fresh) entry->second = std::string(word) + "-" + std::to_string(names_.size());
    return entry->second;
  }

  std::string name(const std::string& text) {
    return among(kPublicNames, text) ? text : pseudonym("name", text);
  }

  std::string id(const std::string& text) {
    const auto [entry, fresh] = ids_.try_emplace(text);
    if (fresh) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      std::string& made = entry->second;
      made.assign(64, '0');
      std::size_t number = ids_.size();
      for (std::size_t i = 12; i-- > 0; number >>= 4) made[i] = kDigits[number & 0xf];
    }
    return entry->second;
  }

  std::string path(const std::string& text) {
    if (is_public_path(text)) return text;
    for (const std::string_view folder : kNamespaceFolders) {
      if (text.starts_with(folder)) return std::string(folder) + pseudonym("path", text);
    }
    return "/redacted/" + pseudonym("path", text);
  }

  std::string program(const std::string& text) {
    if (among(kPublicPrograms, last_part(text))) return text;
    const std::string made = pseudonym("program", std::string(last_part(text)));
    return text.find('/') == std::string::npos ? made : "/redacted/" + made;
  }

  std::string mode(const std::string& text) {
    constexpr std::string_view kOther = "container:";
    if (!text.starts_with(kOther)) return name(text);
    return std::string(kOther) + id(text.substr(kOther.size()));
  }

  std::string endpoint(const std::string& text) {
    const auto scheme = text.find("://");
    if (scheme == std::string::npos) return pseudonym("endpoint", text);
    if (among(kEngineSockets, last_part(text)) && text.starts_with("unix://") &&
        (text.starts_with("unix:///run/") || text.starts_with("unix:///var/run/"))) {
      return text;
    }
    return text.substr(0, scheme + 3) + pseudonym("endpoint", text);
  }

  std::string engine(const std::string& text) {
    for (const std::string_view kind : {"docker", "podman"}) {
      if (!text.starts_with(kind)) continue;
      const std::string_view rest = std::string_view(text).substr(kind.size());
      if (rest.empty() || (rest[0] == '-' && is_number(rest.substr(1)))) return text;
    }
    return pseudonym("engine", text);
  }

  std::string vantage(const std::string& text) {
    constexpr std::string_view kContainer = "container:", kNetns = "netns:", kZone = "zone:";
    if (text.starts_with(kNetns)) return std::string(kNetns) + path(text.substr(kNetns.size()));
    if (text.starts_with(kZone)) return std::string(kZone) + name(text.substr(kZone.size()));
    if (!text.starts_with(kContainer)) return text;
    const std::string rest = text.substr(kContainer.size());
    const auto slash = rest.find('/');
    if (slash == std::string::npos) return std::string(kContainer) + name(rest);
    return std::string(kContainer) + engine(rest.substr(0, slash)) + "/" +
           name(rest.substr(slash + 1));
  }

  std::string gap(const std::string& text) {
    const auto space = text.find(' ');
    if (space == std::string::npos) return text;
    return text.substr(0, space + 1) + endpoint(text.substr(space + 1));
  }

  std::map<std::string, std::string> names_, ids_;
};

}  // namespace

Snapshot redact(Snapshot snapshot) {
  Redactor().object(snapshot);
  snapshot.redacted = true;
  return snapshot;
}

}  // namespace bulkhead::model
