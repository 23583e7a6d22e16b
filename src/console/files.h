// Files and streams of the command line, read and written whole and within bounds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead::console {

// "-" is standard input. kBudget past `most` bytes; errors name the file.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t most);

// Writes beside the file and renames, so that nobody sees half of it, and it is on disk afterwards;
// mode 0600. "-" is standard output; what is no file (a device, a pipe) is written to as it is.
[[nodiscard]] Status write_file(const std::string& path, std::string_view content);

// To standard output; kUnavailable when it does not take all (a closed pipe, a full disk).
[[nodiscard]] Status print(std::string_view text);

[[nodiscard]] bool stdout_is_terminal();

// A configuration that others could have written is not followed: only if owned by the caller or
// root and not writable by group or others.
[[nodiscard]] Status check_trusted(const std::string& path);

}  // namespace bulkhead::console
