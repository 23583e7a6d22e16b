#include "cli/files.h"
#include "cli/language.h"
#include "cli/verbs.h"
#include "seen/diff.h"
#include "seen/text.h"

namespace bulkhead::cli {
namespace {

Result<seen::Record> read_result(const std::string& path) {
  auto text = read_file(path, seen::kLargestRecord);
  if (!text) return std::unexpected(text.error());
  return seen::read_record(*text, path);
}

Status check_alone(const ScanOptions& options) {
  const bool others = !options.from.empty() || !options.to.empty() || !options.ports.empty() ||
                      options.full || !options.source.snapshot_file.empty();
  if (!others) return {};
  return fail(ErrorCode::kInvalidInput,
              "--diff compares all of two results and sends nothing: leave --from, --to, --ports, "
              "--full and --snapshot out");
}

}  // namespace

Exit run_scan_diff(const ScanOptions& options) {
  if (auto good = check_alone(options); !good) return complain(good.error());
  auto before = read_result(options.diff.front());
  if (!before) return complain(before.error());
  auto now = read_result(options.diff.back());
  if (!now) return complain(now.error());
  const seen::Difference difference = seen::compare(*before, *now);
  const bool japanese = text_style(options.output).language == report::Language::kJapanese;
  const std::string text =
      options.output.json ? seen::difference_json(difference)
                          : seen::difference_text(difference, japanese ? seen::Language::kJapanese
                                                                       : seen::Language::kEnglish);
  if (auto printed = print(text); !printed) return complain(printed.error());
  if (difference.alarming()) return Exit::kFindings;
  return difference.complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
