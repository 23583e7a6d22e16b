#include "cli/targets.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::cli {

Result<bool> read_as(std::string_view text) {
  if (text == "attacker") return true;
  if (text.empty() || text == "ordinary") return false;
  return fail(ErrorCode::kInvalidInput,
              "--as is '" + escape_text(text, 32) + "'; write attacker, or leave it out");
}

Result<IpAddress> read_address(const model::Snapshot& snapshot, const std::string& text) {
  if (auto address = IpAddress::parse(text)) return address;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) return *at.address4;
        if (at.address6) return *at.address6;
      }
      return fail(ErrorCode::kNotFound,
                  "container '" + escape_text(text, 64) + "' has no address of its own");
    }
  }
  return fail(
      ErrorCode::kInvalidInput,
      "'" + escape_text(text, 64) + "' is neither an IP address nor the name of a container");
}

Result<std::vector<IpAddress>> read_addresses(const model::Snapshot& snapshot,
                                              const std::string& text) {
  auto first = read_address(snapshot, text);
  if (!first) return std::unexpected(first.error());
  std::vector<IpAddress> out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) out.push_back(*at.address4);
        if (at.address6) out.push_back(*at.address6);
      }
    }
  }
  if (out.empty()) out.push_back(*first);
  return out;
}

}  // namespace bulkhead::cli
