// The reader's list of conmon processes, whose command lines anybody may have written.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "collect/conmon.h"
#include "collect/forwarders.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  if (const auto forwarders = collect::decode_forwarders(ByteView(data, size))) {
    for (const auto& forwarder : *forwarders) {
      if (forwarder.namespaces.size() > 65 || forwarder.forwardings.size() > 4096) std::abort();
    }
  }
  auto found = collect::decode_conmons(ByteView(data, size));
  if (!found) return 0;
  for (const auto& conmon : *found) {
    if (conmon.container.id.size() != 64 || conmon.container.name.empty() ||
        conmon.container.name.size() > 255 || conmon.container.pid == 0)
      std::abort();
  }
  const std::size_t count = found->size();
  model::Snapshot snapshot;
  collect::add_unlisted(*std::move(found), snapshot);
  std::size_t added = 0;
  for (const auto& engine : snapshot.engines) {
    added += engine.containers.size();
    if (engine.gaps.size() != 1 || engine.gaps[0].reason.size() > 1000) std::abort();
  }
  if (added > count || (count != 0 && added == 0)) std::abort();
  return 0;
}
