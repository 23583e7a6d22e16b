// Files and socket options that the reader copies.
#pragma once

#include <cstddef>
#include <string>

#include "collect/reader_output.h"

namespace bulkhead::collect {

struct FileText {
  std::string text;
  int error = 0;  // errno; EFBIG when there is more than was allowed
};
[[nodiscard]] FileText read_file(const char* path, std::size_t most);

// Whether asking for this part of the kernel is harmless: it is there already, or the kernel cannot
// load modules at all. Asking for one that is absent would make the kernel load it.
[[nodiscard]] bool kernel_has(const char* module);
// For tests, before the reader is started: as if it were absent, or there.
void pretend_kernel_has(const char* module, bool present);

// Those of net/bridge decide about bridges only: without `bridges` they are not looked up.
void read_sysctls(ReaderOutput& out, bool bridges);
// iptables-legacy and ip6tables-legacy tables that exist already: kLegacyInfo4 and so on.
void read_legacy_tables(ReaderOutput& out);

}  // namespace bulkhead::collect
