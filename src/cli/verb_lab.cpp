#include <cstdio>
#include <filesystem>

#include "base/text.h"
#include "cli/verbs.h"
#include "lab/demo.h"

namespace bulkhead::cli {

Exit run_lab_demo(const LabOptions& options) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error)
    return complain(Error{ErrorCode::kUnavailable, "cannot find this program: " + error.message()});
  lab::DemoOptions demo;
  demo.program = self.string();
  demo.audit_arguments = options.audit_arguments;
  demo.say = [](std::string_view line) { std::fprintf(stderr, "%s\n", escape_text(line).c_str()); };
  auto status = lab::run_demo(demo);
  if (!status) return complain(status.error());
  // The demonstration is there to have findings: they are its success.
  const bool shown =
      *status == static_cast<int>(Exit::kDone) || *status == static_cast<int>(Exit::kFindings);
  return shown ? Exit::kDone : static_cast<Exit>(*status);
}

}  // namespace bulkhead::cli
