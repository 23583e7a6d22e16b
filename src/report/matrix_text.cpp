#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/grid.h"
#include "report/parts.h"
#include "report/views_parts.h"
#include "report/views_text.h"

namespace bulkhead::report {
namespace {

using trace::Verdict;
using views::Cell;

constexpr std::size_t kNameRoom = 28;

// "web, web2 (2)"; what does not fit is left out, the count says how many there are.
std::string class_label(const std::vector<std::string>& names) {
  std::string whole = names_text(names);
  if (display_width(whole) <= kNameRoom) return whole;
  const std::string count = names.size() > 1 ? " (" + std::to_string(names.size()) + ")" : "";
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + safe(name);
  return shortened(list, kNameRoom - count.size()) + count;
}

Mark mark_of(const Cell& cell) {
  if (cell.contradicted) return {'!', Ink::kRed};
  switch (cell.verdict) {
    case Verdict::kOpen: return {cell.forged ? 'F' : cell.some ? 'o' : 'O', Ink::kBold};
    case Verdict::kUnknown: return {'?', Ink::kYellow};
    case Verdict::kClosed: return {'.', Ink::kDim};
  }
  return {'?', Ink::kYellow};
}

class MatrixWriter {
 public:
  MatrixWriter(const model::Snapshot& snapshot, const views::Matrix& matrix, const Style& style)
      : snapshot_(snapshot), matrix_(matrix), style_(style) {}

  std::string write() {
    add_wrapped(out_, "",
                say(Label::kMatrixTitle, style_,
                    {{"seats", std::to_string(matrix_.seats.size())},
                     {"services", std::to_string(matrix_.services.size())}}),
                style_);
    if (matrix_.as_attacker) add_wrapped(out_, "", say(Label::kViewForged, style_), style_);
    if (!matrix_.services.empty()) table();
    if (matrix_.services.empty())
      add_wrapped(out_, "  ", say(Label::kMatrixNothing, style_), style_);
    if (matrix_.unreached > 0) {
      add_wrapped(
          out_, "",
          say(Label::kMatrixUnreached, style_, {{"count", std::to_string(matrix_.unreached)}}),
          style_);
    }
    doubts();
    if (style_.details) addresses();
    return std::move(out_);
  }

 private:
  std::vector<std::string> names(const views::SeatClass& c) const {
    std::vector<std::string> out;
    for (const std::size_t seat : c.seats) {
      const auto more = views::names_of(snapshot_, matrix_.seats[seat]);
      out.insert(out.end(), more.begin(), more.end());
    }
    return out;
  }

  void table() {
    std::vector<std::string> seats, services;
    for (const views::SeatClass& c : matrix_.classes) seats.push_back(class_label(names(c)));
    for (const audit::Service& s : matrix_.services) services.push_back(service_label(s.subject));
    const auto cell = [&](std::size_t c, std::size_t service) {
      return mark_of(matrix_.rows[matrix_.classes[c].seats.front()][service]);
    };
    out_ += "\n";
    if (grid_blocks(seats, services, style_) == 1) {
      out_ += grid(seats, services, cell, style_);
    } else {
      out_ += grid(
          services, seats, [&](std::size_t service, std::size_t c) { return cell(c, service); },
          style_);
    }
    out_ += "\n";
    const Label legend = matrix_.as_attacker ? Label::kMatrixLegendForged : Label::kMatrixLegend;
    add_wrapped(out_, "", say(legend, style_), style_);
  }

  struct Doubt {
    std::size_t count = 0;
    std::string example;
  };

  // Contradictions one by one, what is not known by reason.
  void doubts() {
    std::map<std::string, Doubt> by_reason;
    for (std::size_t s = 0; s < matrix_.seats.size(); ++s) {
      for (std::size_t i = 0; i < matrix_.services.size(); ++i) {
        const Cell& cell = matrix_.rows[s][i];
        if (cell.verdict != Verdict::kUnknown) continue;
        const std::string pair =
            safe(matrix_.seats[s].text) + " -> " + service_label(matrix_.services[i].subject);
        if (cell.contradicted) {
          const std::string text = say(Label::kViewContradiction, style_,
                                       {{"pair", pair}, {"reason", cell.reason.get()}});
          add_wrapped(out_, "", inked(text, Ink::kRed, style_), style_);
          continue;
        }
        Doubt& doubt = by_reason[cell.reason];
        if (doubt.count++ == 0) doubt.example = pair;
      }
    }
    for (const auto& [reason, doubt] : by_reason) {
      add_wrapped(out_, "? ",
                  say(Label::kUnknownReason, style_,
                      {{"count", std::to_string(doubt.count)},
                       {"reason", reason},
                       {"example", doubt.example}}),
                  style_);
    }
  }

  void addresses() {
    for (const views::SeatClass& c : matrix_.classes) {
      for (const std::size_t seat : c.seats) {
        out_ += "\n" +
                inked(class_label(views::names_of(snapshot_, matrix_.seats[seat])), Ink::kBold,
                      style_) +
                "\n";
        for (std::size_t i = 0; i < matrix_.services.size(); ++i) {
          const Cell& cell = matrix_.rows[seat][i];
          if (cell.verdict != Verdict::kOpen) continue;
          add_wrapped(out_, "  " + padded(service_label(matrix_.services[i].subject), 30) + " ",
                      ways_text(cell.ways, 16), style_);
        }
      }
    }
  }

  const model::Snapshot& snapshot_;
  const views::Matrix& matrix_;
  const Style& style_;
  std::string out_;
};

// RFC 4180. A value that a spreadsheet would take for a formula is made text.
std::string field(std::string value) {
  if (!value.empty() && std::string_view("=+-@").find(value.front()) != std::string_view::npos)
    value.insert(value.begin(), '\'');
  if (value.find_first_of(",\"\n\r") == std::string::npos) return value;
  std::string out = "\"";
  for (const char c : value) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string verdict_word(const Cell& cell) {
  return cell.contradicted ? "contradiction" : std::string(to_string(cell.verdict));
}

std::string csv_line(const std::string& vantage, const audit::Subject& s, const Cell& cell) {
  const std::string owner = s.container.empty() ? "host" : safe(s.container);
  const std::string reason = cell.forged ? "forged packets only"
                             : cell.some ? "some senders only"
                                         : cell.reason.get();
  std::string out;
  for (const std::string& value :
       {safe(vantage), owner, safe(s.process), std::to_string(s.port.value_or(Port{}).number),
        std::string(to_string(s.protocol)), verdict_word(cell), ways_text(cell.ways, SIZE_MAX),
        reason}) {
    out += (out.empty() ? "" : ",") + field(value);
  }
  return out + "\r\n";
}

}  // namespace

std::string matrix_text(const model::Snapshot& snapshot, const views::Matrix& matrix,
                        const Style& style) {
  return MatrixWriter(snapshot, matrix, style).write();
}

std::string matrix_csv(const views::Matrix& matrix) {
  std::string out = "vantage,owner,process,port,protocol,verdict,addresses,reason\r\n";
  for (std::size_t s = 0; s < matrix.seats.size(); ++s) {
    const audit::SeatEntry& seat = matrix.seats[s];
    std::vector<std::string> vantages{seat.text};
    for (const std::string& other : seat.also) vantages.push_back("container:" + other);
    for (const std::string& vantage : vantages) {
      for (std::size_t i = 0; i < matrix.services.size(); ++i)
        out += csv_line(vantage, matrix.services[i].subject, matrix.rows[s][i]);
    }
  }
  return out;
}

}  // namespace bulkhead::report
