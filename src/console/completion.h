// Shell completion scripts, made from the program's own grammar.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace CLI {
class App;
}

namespace bulkhead::console {

// `shell` is bash, zsh or fish. The program's name is the app's.
[[nodiscard]] Result<std::string> completion_script(const CLI::App& app, std::string_view shell);

}  // namespace bulkhead::console
