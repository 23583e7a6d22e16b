// The words in which a record and a comparison are told, by id and language. A catalogue that lacks
// an id does not compile. report/ has the words of everything that knows the host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::seen {

enum class Language : std::uint8_t { kEnglish, kJapanese };

enum class Word : std::uint8_t {
  kTitle,
  kPartial,
  kLeftOut,
  kUnchecked,
  kNotRaw,
  kCounts,
  kNothingAnswers,
  kUnknownBecause,
  kTotal,
  kPaused,
  kOpen,
  kClosed,
  kFiltered,
  kUnknown,
  kNotAsked,
  kAccessOpen,
  kAccessProtected,
  kAccessUnowned,
  kAccessUnknown,
  kNoDifference,
  kDifference,
  kNotAskedAgain,
  kIncomplete,
  kNew,
  kService,
  kLogin,
  kGone,
  kLost,
  kState,
  kFrom,
};

using Values = std::vector<std::pair<std::string_view, std::string>>;
// {name} is replaced by its value, which is shown as it is: escape what came from outside.
[[nodiscard]] std::string say(Word word, Language language, const Values& values = {});

}  // namespace bulkhead::seen
