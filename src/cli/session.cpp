#include "cli/session.h"

#include <cstdlib>
#include <filesystem>

#include "cli/files.h"
#include "collect/collect.h"
#include "model/json.h"

namespace bulkhead::cli {
namespace {

constexpr std::size_t kLargestSnapshot = std::size_t{1} << 30;
constexpr std::size_t kLargestConfig = std::size_t{4} << 20;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

engine::Endpoint endpoint(std::string url) {
  engine::Endpoint out;
  out.url = std::move(url);
  out.tls_directory = environment("DOCKER_CERT_PATH");
  const std::string verify = environment("DOCKER_TLS_VERIFY");
  out.tls_verify = out.tls_directory.empty() || !verify.empty();
  return out;
}

collect::Options collect_options(const SourceOptions& options) {
  collect::Options out;
  out.read_engines = options.read_engines;
  for (const std::string& url : options.engines) out.engines.push_back(endpoint(url));
  if (out.engines.empty()) {
    for (const char* name : {"DOCKER_HOST", "CONTAINER_HOST"}) {
      if (std::string url = environment(name); !url.empty()) out.engines.push_back(endpoint(url));
    }
  }
  return out;
}

// The file to read and whether it was found by us (then it must be trusted) or named by the user.
std::pair<std::string, bool> find_config(const std::string& named) {
  if (!named.empty()) return {named, false};
  for (const char* path : {"./bulkhead.yaml", "/etc/bulkhead/bulkhead.yaml"}) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return {path, true};
  }
  return {"", false};
}

Status read_config(const std::string& named, Session& session) {
  const auto [path, must_be_trusted] = find_config(named);
  if (path.empty()) return {};
  if (must_be_trusted) {
    if (auto trusted = check_trusted(path); !trusted) return trusted;
  }
  auto text = read_file(path, kLargestConfig);
  if (!text) return std::unexpected(text.error());
  auto config = policy::parse_config(*text, path);
  if (!config) return std::unexpected(config.error());
  session.config = *std::move(config);
  session.config_text = *std::move(text);
  return {};
}

Result<std::unique_ptr<model::Snapshot>> snapshot_from_file(const std::string& path) {
  auto text = read_file(path, kLargestSnapshot);
  if (!text) return std::unexpected(text.error());
  auto snapshot = model::read_snapshot(*text);
  if (!snapshot) return within(path, snapshot.error());
  return std::make_unique<model::Snapshot>(std::move(*snapshot));
}

}  // namespace

Result<std::unique_ptr<model::Snapshot>> read_host(Session& session, const SourceOptions& options) {
  if (!session.broker) return fail(ErrorCode::kInternal, "there is no broker to read this host by");
  auto snapshot = collect::take_snapshot(*session.broker, collect_options(options));
  if (!snapshot) return std::unexpected(snapshot.error());
  return std::make_unique<model::Snapshot>(std::move(*snapshot));
}

Result<Session> open_session(const SourceOptions& options, collect::Broker::Rights rights) {
  Session session;
  if (options.snapshot_file.empty()) {
    auto broker = collect::Broker::start(rights);
    if (!broker) return std::unexpected(broker.error());
    session.broker = std::move(*broker);
  }
  if (!options.no_config) {
    if (auto read = read_config(options.config_file, session); !read)
      return std::unexpected(read.error());
  }
  if (session.broker) {
    if (auto dropped = collect::drop_privileges(); !dropped)
      return std::unexpected(dropped.error());
    auto snapshot = read_host(session, options);
    if (!snapshot) return std::unexpected(snapshot.error());
    session.snapshot = std::move(*snapshot);
  } else {
    auto snapshot = snapshot_from_file(options.snapshot_file);
    if (!snapshot) return std::unexpected(snapshot.error());
    session.snapshot = std::move(*snapshot);
  }
  session.zones = policy::resolve_zones(session.config, *session.snapshot);
  return session;
}

Status read_again(Session& session, const SourceOptions& options) {
  auto snapshot = read_host(session, options);
  if (!snapshot) return std::unexpected(snapshot.error());
  session.snapshot = std::move(*snapshot);
  session.zones = policy::resolve_zones(session.config, *session.snapshot);
  return {};
}

}  // namespace bulkhead::cli
