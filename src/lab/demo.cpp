#include "lab/demo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "lab/engine.h"
#include "lab/guardian.h"
#include "lab/netns.h"
#include "lab/plan.h"
#include "lab/process.h"
#include "lab/traces.h"

namespace bulkhead::lab {
namespace {

constexpr std::chrono::seconds kStepLimit{60};
constexpr const char* kBusybox = "/bin/busybox";
constexpr const char* kImage = "bulkhead/demo:1";
// Documentation addresses (RFC 5737, RFC 3849) stand for public ones.
constexpr const char* kUplink = "203.0.113.10";

std::vector<std::string> split(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool installed(std::string_view program) {
  for (const char* folder :
       {"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/", "/usr/local/sbin/"}) {
    if (access((folder + std::string(program)).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Status outside(const Traces& traces) {
  for (const char* name : {"host", "lan"}) {
    if (auto made = add_namespace(traces, name); !made) return made;
  }
  if (auto made = connect(traces, {"host", "up0", "lan", "eth0"}); !made) return made;
  auto host = configure(
      traces, "host",
      {fmt::format("addr add {}/24 dev up0", kUplink), "addr add 2001:db8:113::10/64 dev up0 nodad",
       "route add default via 203.0.113.1", "-6 route add default via 2001:db8:113::1"});
  if (!host) return host;
  return configure(
      traces, "lan",
      {"addr add 203.0.113.1/24 dev eth0", "addr add 2001:db8:113::1/64 dev eth0 nodad"});
}

Status firewall_rules(const std::string& network) {
  for (auto line : firewall()) {
    Command command{split(line), {}, network, {}};
    if (auto done = run_checked(command, kStepLimit); !done)
      return std::unexpected(std::move(done.error()));
  }
  return {};
}

Result<pid_t> host_service(const Traces& traces, const std::string& network) {
  Command command{{kBusybox, "httpd", "-f", "-p", "873", "-h", traces.directory + "/rootfs/www"},
                  {},
                  network,
                  {}};
  return start(command, traces.directory + "/host-service.log");
}

std::vector<std::string> labels(std::string_view project, std::string_view service) {
  std::vector<std::string> words{"--label", fmt::format("com.docker.compose.project={}", project)};
  if (!service.empty()) {
    words.insert(words.end(), {"--label", fmt::format("com.docker.compose.service={}", service)});
  }
  return words;
}

Command network_command(const Engine& engine, const LabNetwork& network) {
  std::vector<std::string> words{"network", "create", "--subnet", std::string(network.subnet)};
  if (network.internal) words.emplace_back("--internal");
  for (auto& word : labels(network.project, "")) words.push_back(std::move(word));
  words.emplace_back(network.name);
  return engine.client(std::move(words));
}

Command box_command(const Engine& engine, const LabBox& box) {
  std::string_view service = box.name.substr(box.name.find('-') + 1);
  std::vector<std::string> words{"create", "--name", std::string(box.name), "--network",
                                 std::string(box.network)};
  for (auto& word : labels(box.project, service)) words.push_back(std::move(word));
  if (!box.publish.empty()) words.insert(words.end(), {"--publish", std::string(box.publish)});
  if (box.engine_socket)
    words.insert(words.end(), {"--volume", "/var/run/docker.sock:/var/run/docker.sock"});
  words.emplace_back(kImage);
  for (auto& word : split(box.command)) words.push_back(std::move(word));
  return engine.client(std::move(words));
}

Status run_each(const std::vector<Command>& commands) {
  for (const auto& command : commands) {
    if (auto done = run_checked(command, kStepLimit); !done)
      return std::unexpected(std::move(done.error()));
  }
  return {};
}

// In the order of the plan, so that every run gives the same addresses.
Status containers(const Engine& engine, const std::string& tar) {
  std::vector<Command> commands{engine.client({"import", tar, kImage})};
  for (const auto& network : networks()) commands.push_back(network_command(engine, network));
  for (const auto& box : boxes()) {
    commands.push_back(box_command(engine, box));
    if (!box.also.empty()) {
      commands.push_back(
          engine.client({"network", "connect", std::string(box.also), std::string(box.name)}));
    }
  }
  std::vector<std::string> start_all{"start"};
  for (const auto& box : boxes()) start_all.emplace_back(box.name);
  commands.push_back(engine.client(std::move(start_all)));
  return run_each(commands);
}

std::vector<ImageFile> scripts() {
  return {
      {"redis",
       "#!/bin/sh\nwhile read -r line; do\n  case $line in *PING*) printf '+PONG\\r\\n' ;; "
       "esac\ndone\n"},
      {"www/index.html", "<!doctype html><title>demo</title><p>It works.</p>\n"},
  };
}

// `children` takes the processes to wait for, also when a later step fails.
Result<DemoSite> build(const DemoOptions& options, const Traces& traces,
                       std::vector<pid_t>& children) {
  if (mkdir(traces.directory.c_str(), 0700) != 0) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: {}", traces.directory, std::strerror(errno)));
  }
  options.say("starting a private engine with two tenants");
  DemoSite site{namespace_path(traces, "host"), namespace_path(traces, "lan"), "", kUplink};
  if (auto made = outside(traces); !made) return std::unexpected(std::move(made.error()));
  auto engine =
      Engine::start(traces, {site.host_network, {"--host=tcp://0.0.0.0:2375", "--tls=false"}});
  if (!engine) return std::unexpected(std::move(engine.error()));
  children.push_back(engine->pid());
  site.engine = engine->host();
  auto tar = make_image(traces, kBusybox, scripts());
  if (!tar) return std::unexpected(std::move(tar.error()));
  options.say(
      fmt::format("planting {} problems among {} containers", planted().size(), boxes().size()));
  if (auto made = containers(*engine, *tar); !made) return std::unexpected(std::move(made.error()));
  if (auto made = firewall_rules(site.host_network); !made)
    return std::unexpected(std::move(made.error()));
  auto service = host_service(traces, site.host_network);
  if (!service) return std::unexpected(std::move(service.error()));
  children.push_back(*service);
  return site;
}

Result<int> audit(const DemoOptions& options, const DemoSite& site) {
  if (options.visit) return options.visit(site);
  options.say("auditing it");
  Command command{
      {options.program, "audit"}, {{"DOCKER_HOST", site.engine}}, site.host_network, {}};
  command.words.insert(command.words.end(), options.audit_arguments.begin(),
                       options.audit_arguments.end());
  return run_in_foreground(command);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

std::vector<std::string> missing_packages() {
  constexpr std::array<std::pair<const char*, const char*>, 6> kNeeded{{{"dockerd", "docker.io"},
                                                                        {"docker", "docker.io"},
                                                                        {"ip", "iproute2"},
                                                                        {"iptables", "iptables"},
                                                                        {"ip6tables", "iptables"},
                                                                        {"tar", "tar"}}};
  std::vector<std::string> missing;
  for (const auto& [program, package] : kNeeded) {
    if (!installed(program) && (missing.empty() || missing.back() != package))
      missing.emplace_back(package);
  }
  if (!is_static_program(kBusybox)) missing.emplace_back("busybox-static");
  return missing;
}

Result<int> run_demo(const DemoOptions& options) {
  if (geteuid() != 0)
    return fail(ErrorCode::kDenied, "the demonstration makes network namespaces: run it as root");
  if (auto missing = missing_packages(); !missing.empty()) {
    return fail(ErrorCode::kUnavailable, "install first: apt-get install " + joined(missing));
  }
  DemoOptions own = options;
  if (!own.say) own.say = [](std::string_view) {};
  for (const auto& left : sweep(own.temporary)) own.say("left by an earlier run: " + left);
  Traces traces = traces_of(getpid(), own.temporary);
  auto guardian = Guardian::create(traces, own.limit);
  if (!guardian) return std::unexpected(std::move(guardian.error()));
  std::vector<pid_t> children;
  auto site = build(own, traces, children);
  Result<int> status =
      site ? audit(own, *site) : Result<int>(std::unexpected(std::move(site.error())));
  own.say("removing it");
  auto gone = guardian->finish();
  for (pid_t child : children) waitpid(child, nullptr, 0);
  if (!gone && status) return std::unexpected(std::move(gone.error()));
  return status;
}

}  // namespace bulkhead::lab
