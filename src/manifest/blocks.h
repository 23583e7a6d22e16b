// Ranges of addresses as the ipBlocks of Kubernetes. Inside manifest.
#pragma once

#include <span>
#include <vector>

#include "compile/ranges.h"

namespace bulkhead::manifest {

struct Block {  // all of `cidr` but for `except`, which lies in it
  Prefix cidr;
  std::vector<Prefix> except;
  friend bool operator==(const Block&, const Block&) = default;
};

// These addresses and no others; `ranges` are merged, of one family. One block with exceptions
// where that is shorter than many without.
[[nodiscard]] std::vector<Block> blocks_of(std::span<const compile::Range> ranges);

}  // namespace bulkhead::manifest
