// Whatever an engine answers, the container that comes out is within its bounds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/docker.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto container = bulkhead::engine::parse_container(text);
  if (!container) return 0;
  if (container->id.empty() || container->name.size() > 4096) std::abort();
  for (const auto& port : container->published) {
    if (port.host_port.number == 0 || port.container_port.number == 0) std::abort();
  }
  return 0;
}
