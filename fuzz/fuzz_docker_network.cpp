// The other answers of an engine, each parser on the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/answers.h"
#include "engine/docker.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::engine;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_network(text));
  static_cast<void>(parse_networks(text));
  static_cast<void>(parse_podman_networks(text));
  if (const auto members = parse_podman_members(text, 100); members && members->size() > 100)
    std::abort();
  static_cast<void>(parse_error_message(text));
  bulkhead::model::Engine engine;
  static_cast<void>(parse_info(text, engine));
  if (const auto version = parse_version(text)) static_cast<void>(choose_prefix(*version));
  if (const auto list = parse_container_list(text, 100)) {
    for (const auto& container : *list) {
      if (container.id.size() != 64) std::abort();
    }
  }
  return 0;
}
