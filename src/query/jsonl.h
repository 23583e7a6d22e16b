// The JSON Lines form of `bulkhead query` (schemas/query-in, query-out): one question a line in,
// the same line with its answer out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "query/opening.h"
#include "query/query.h"

namespace bulkhead::query {

// One question that did not come as JSON, with its answer, as query-out describes it; ends in a
// newline.
[[nodiscard]] std::string answer_line(const Vantage& from, const Target& target, const Reply& reply,
                                      const std::optional<Opening>& opening);

class LineAnswerer {
 public:
  explicit LineAnswerer(const Asker& asker);
  ~LineAnswerer();

  // Appends the answer and a newline to `out`. An error says what is wrong with the line (not its
  // number: the caller counts). Expectations that are not met are counted.
  [[nodiscard]] Status answer(std::string_view line, std::string& out);

  [[nodiscard]] std::size_t unmet() const;
  [[nodiscard]] std::size_t answered() const;
  [[nodiscard]] std::size_t unknown() const;

  static constexpr std::size_t kLongestLine = 64UL * 1024;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::query
