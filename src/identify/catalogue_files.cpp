#include "identify/catalogue_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "console/files.h"
#include "services/entry.h"

namespace bulkhead::identify {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 1U << 20;  // bytes
constexpr std::size_t kMostProblems = 10;       // that are shown

std::unexpected<Error> bad(const std::string& text) {
  return fail(ErrorCode::kInvalidInput, text);
}

Result<std::vector<std::string>> files_of(const std::string& folder) {
  const std::string shown = escape_text(folder);
  std::error_code error;
  fs::directory_iterator item(folder, error);
  std::vector<std::string> out;
  for (; !error && item != fs::directory_iterator(); item.increment(error)) {
    if (item->path().extension() == ".yaml") out.push_back(item->path().string());
    if (out.size() > kMostFiles)
      return bad(shown + ": more than " + std::to_string(kMostFiles) + " files");
  }
  if (error) return bad(shown + ": cannot be read as a folder: " + error.message());
  if (out.empty()) return bad(shown + ": no file NAME.yaml is there");
  std::ranges::sort(out);
  return out;
}

Status add_file(const std::string& path, services::Entries& all) {
  auto text = console::read_file(path, kLargestFile);
  if (!text) return std::unexpected(text.error());
  services::Entries read = services::parse_entries(*text, path);
  if (read.entries.empty() && read.problems.empty())
    return bad(escape_text(path) + ": holds no entry");
  std::ranges::move(read.entries, std::back_inserter(all.entries));
  std::ranges::move(read.problems, std::back_inserter(all.problems));
  if (all.entries.size() > services::kMostEntries)
    return bad(escape_text(path) + ": more than " + std::to_string(services::kMostEntries) +
               " entries, those that are compiled in included");
  return {};
}

std::string listed(const std::vector<std::string>& problems) {
  std::string out;
  for (std::size_t i = 0; i < std::min(problems.size(), kMostProblems); ++i)
    out += (out.empty() ? "" : "\n  ") + problems[i];
  if (problems.size() > kMostProblems)
    out += "\n  and " + std::to_string(problems.size() - kMostProblems) + " more";
  return out;
}

}  // namespace

Result<services::Matcher> read_catalogue(const std::string& folder) {
  services::Entries all = services::builtin_entries();
  if (!folder.empty()) {
    const auto files = files_of(folder);
    if (!files) return std::unexpected(files.error());
    for (const std::string& path : *files) {
      if (const Status added = add_file(path, all); !added) return std::unexpected(added.error());
    }
  }
  std::vector<std::string> problems = std::move(all.problems);
  services::Matcher matcher = services::Matcher::make(std::move(all.entries), problems);
  if (!problems.empty()) return bad(listed(problems));
  return matcher;
}

}  // namespace bulkhead::identify
