#include "lab/netns.h"

#include <fmt/format.h>

#include <sstream>

#include "lab/process.h"

namespace bulkhead::lab {
namespace {

constexpr std::chrono::seconds kLimit{20};

Status ip(const Traces& traces, std::string_view name, std::string_view line) {
  Command command{{"ip", "-n", traces.prefix + std::string(name)}, {}, "", {}};
  std::istringstream words{std::string(line)};
  for (std::string word; words >> word;) command.words.push_back(word);
  auto done = run_checked(command, kLimit);
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

}  // namespace

std::string namespace_path(const Traces& traces, std::string_view name) {
  return fmt::format("/run/netns/{}{}", traces.prefix, name);
}

Status add_namespace(const Traces& traces, std::string_view name) {
  auto made =
      run_checked({{"ip", "netns", "add", traces.prefix + std::string(name)}, {}, "", {}}, kLimit);
  if (!made) return std::unexpected(std::move(made.error()));
  return ip(traces, name, "link set lo up");
}

Status configure(const Traces& traces, std::string_view name,
                 const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    if (auto done = ip(traces, name, line); !done) return done;
  }
  return {};
}

Status connect(const Traces& traces, const Cable& cable) {
  auto made = ip(traces, cable.left,
                 fmt::format("link add {} type veth peer name {} netns {}{}", cable.left_device,
                             cable.right_device, traces.prefix, cable.right));
  if (!made) return made;
  if (auto up = ip(traces, cable.left, fmt::format("link set {} up", cable.left_device)); !up)
    return up;
  return ip(traces, cable.right, fmt::format("link set {} up", cable.right_device));
}

}  // namespace bulkhead::lab
