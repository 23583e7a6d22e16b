// Base chains at their hooks, in the order in which the kernel runs them. Inside reach/chain only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {

struct HookEntry {
  std::int32_t priority = 0;
  std::uint32_t chain = 0;  // Index::chains
  bool legacy = false;
  bool reroutes = false;                              // route chain, legacy mangle OUTPUT
  const std::vector<std::string>* devices = nullptr;  // null: any
};

class Hooks {
 public:
  Hooks(const Index& index, IpFamily family);

  // Of equal priorities legacy tables first, or last: a snapshot does not tell which were
  // registered first.
  [[nodiscard]] std::vector<HookEntry> filter(HookPoint point, bool legacy_last) const;
  [[nodiscard]] std::vector<HookEntry> nat(HookPoint point, bool legacy_last) const;
  [[nodiscard]] bool mixes_back_ends(HookPoint point) const;

 private:
  struct Lists {
    std::vector<HookEntry> filter, nat;
  };
  std::array<Lists, kHookPoints> points_;
};

}  // namespace bulkhead::reach::chains
