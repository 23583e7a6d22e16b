// A report as one HTML page that stands for itself: no script, nothing that is fetched, colours for
// light and dark screens, and for paper. All text is escaped here and nowhere else: what is given
// to these functions is plain text (escape_text() has been over what came from outside).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/style.h"

namespace bulkhead::report {

// How much a line or a mark alarms.
enum class Tone : unsigned char { kPlain, kGood, kNote, kWarning, kBad };

class Page {
 public:
  Page(std::string_view title, const Style& style);

  void heading(std::string_view text);
  void text(std::string_view text, Tone tone = Tone::kPlain);
  // Small boxes in a row: a number and what it counts.
  void numbers(const std::vector<std::pair<std::string, std::string>>& counts);
  void begin_card(Tone tone);
  // The first line of a card: marks, then the text.
  void card_title(const std::vector<std::pair<std::string, Tone>>& marks, std::string_view text);
  void field(std::string_view name, std::string_view text);
  void code(std::string_view name, std::string_view lines);  // to be pasted
  void end_card();
  void begin_details(std::string_view summary);  // closed until it is opened; may stand in a card
  void end_details();
  void begin_table(const std::vector<std::string>& columns);
  void row(const std::vector<std::string>& cells, Tone tone = Tone::kPlain);
  void end_table();

  // The whole page; ends with a newline. Afterwards the page is empty.
  [[nodiscard]] std::string finish();

 private:
  void element(std::string_view tag, std::string_view text, std::string_view classes = "");
  std::string out_;
};

}  // namespace bulkhead::report
