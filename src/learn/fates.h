// What becomes of the flows that were seen once a policy is loaded: each is asked of the model, as
// it is and with the rules.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "compile/compile.h"
#include "flows/book.h"

namespace bulkhead::learn {

enum class Fate : std::uint8_t {
  kStays,
  kPermitted,  // open now, a line permits it, and it is not known to the end whether it stays so
  kBreaks,     // open now, closed with the rules
  kClosed,     // closed now already
  kUnknown,    // with the rules, or now
  kGone,       // one end is not there now: nothing was asked
  kUnasked,    // never answered, or nobody knows whose it was
};
[[nodiscard]] std::string_view to_string(Fate fate);  // "breaks"

struct Fated {
  const flows::Flow* flow = nullptr;
  const flows::Counts* counts = nullptr;
  Fate fate = Fate::kUnasked;
  std::string reason;  // what closes it, or why it is not known; escaped, one line
};

struct Fates {
  std::vector<Fated> flows;  // in the order of the book
  [[nodiscard]] std::size_t count(Fate fate) const;
};

// Whether somebody answers, as things are.
enum class Answers : std::uint8_t { kYes, kNo, kUnknown };
// Of each flow, in their order; kNo where an end is not there. The book has whom they are between.
[[nodiscard]] Result<std::vector<Answers>> answers_now(const model::Snapshot& snapshot,
                                                       std::span<const policy::Zone> zones,
                                                       const flows::Book& book,
                                                       std::span<const flows::Flow> flows);

// The book must outlive the result. Cost: a world, and two walks for each flow at most.
[[nodiscard]] Result<Fates> fates_of(const compile::Input& input, const compile::Compiled& compiled,
                                     const flows::Book& book);

}  // namespace bulkhead::learn
