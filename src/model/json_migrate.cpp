// One step for each version that was, from it to the next. Steps are written when a version is
// raised; tests/model/data keeps one file of every version, which must go on being readable.
#include <array>

#include "model/json.h"

namespace bulkhead::model {
namespace {

using Step = Result<std::string> (*)(std::string json);

// kSteps[i] turns version i + 1 into version i + 2.
constexpr std::array<Step, kSnapshotVersion - 1> kSteps{};

}  // namespace

Result<std::string> migrate(std::string json, std::uint32_t from_version) {
  if (from_version == 0 || from_version > kSnapshotVersion) {
    return fail(ErrorCode::kUnsupported, "snapshot: $.version is " + std::to_string(from_version) +
                                             "; there are versions 1 to " +
                                             std::to_string(kSnapshotVersion));
  }
  Result<std::string> text = std::move(json);
  for (std::size_t step = from_version - 1; text && step < kSteps.size(); ++step) {
    text = kSteps[step](*std::move(text));
  }
  return text;
}

}  // namespace bulkhead::model
