#include "manifest/manifest.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace bulkhead::manifest {
namespace {

auto order(const Unsaid& u) {
  return std::tie(u.place.line, u.place.column, u.section, u.what);
}

}  // namespace

std::string head(std::string_view made, const policy::Config& config,
                 const std::vector<Unsaid>& unsaid) {
  std::string out(made);
  if (!unsaid.empty()) out += "# What it cannot say:\n";
  for (const Unsaid& u : unsaid) {
    out += "#   ";
    if (u.place.line != 0)
      out += escape_text(yaml::locate(config.file, u.place)) + std::string(u.section) + ": ";
    out += u.what + "\n";
  }
  return out;
}

void Notes::of_all(std::string what) {
  all_.push_back({{}, "", std::move(what)});
}

void Notes::of(const policy::Line& line, std::string what) {
  all_.push_back({line.clause->place, policy::to_string(line.kind), std::move(what)});
}

void Notes::of_end(const policy::Line& line) {
  if (!line.clause->expires.empty())
    of(line, "it ends on " + line.clause->expires + ": compile again then");
}

std::vector<Unsaid> Notes::take() && {
  std::ranges::sort(all_, [](const Unsaid& a, const Unsaid& b) { return order(a) < order(b); });
  const auto rest = std::ranges::unique(all_);
  all_.erase(rest.begin(), rest.end());
  return std::move(all_);
}

}  // namespace bulkhead::manifest
