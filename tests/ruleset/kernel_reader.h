// Reads the packet filter of the caller's own network namespace: only for tests, which compare what
// the decoders make of the kernel's bytes with what the kernel's own tools print.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/ruleset.h"
#include "ruleset/decode.h"

namespace bulkhead::test {

// Moves this process into a network namespace of its own, which ends with it. False without the
// right.
bool enter_fresh_network();

// Runs `command` by the shell with `input` on its standard input; what it wrote, both streams.
struct Output {
  int status = -1;
  std::string text;
};
Output run(const std::string& command, const std::string& input = "");

ruleset::NftDump read_nftables();
Bytes read_generation();

struct LegacyBytes {
  Bytes info, entries;
};
// Empty when the kernel has no such table.
LegacyBytes read_legacy(IpFamily family, const std::string& table);

Bytes read_ipsets();
std::vector<ruleset::IpSetIndex> read_ipset_indexes(const std::vector<std::string>& names);

}  // namespace bulkhead::test
