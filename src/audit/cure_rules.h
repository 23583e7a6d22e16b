// Rules that a person may paste, and the same rules in the model: one value makes both, so that
// what is computed is what is pasted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"
#include "trace/edits.h"

namespace bulkhead::audit {

enum class CureHook : std::uint8_t { kPrerouting, kInput, kForward };

// Drops what matches all that is set. Prerouting stands before DNAT: ports there are as dialled.
struct CureRule {
  CureHook hook = CureHook::kInput;
  std::vector<std::string> in, out;  // interfaces; empty: any
  std::optional<Prefix> destination;
  std::optional<IpProtocol> protocol;  // tcp or udp
  std::optional<Port> port;            // destination port; needs `protocol`
  bool new_only = false;               // spares the answers to what others began
  friend bool operator==(const CureRule&, const CureRule&) = default;
};

// Lines for a shell: one `nft -f -` with a table of its own, before everybody else's chains.
// "" when an interface has a name that cannot be written safely.
[[nodiscard]] std::string nft_text(std::span<const CureRule> rules);

// Table inet local_guard in the host's namespace.
[[nodiscard]] trace::Edits with_rules(const model::Snapshot& snapshot,
                                      std::span<const CureRule> rules);

// A word for a shell, quoted when needed; NAME in place of what cannot be shown safely.
[[nodiscard]] std::string shell_word(std::string_view text);
// A YAML key or value, quoted when needed.
[[nodiscard]] std::string yaml_word(std::string_view text);

}  // namespace bulkhead::audit
