#include "base/text.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "report/grid.h"
#include "report/json_views.h"
#include "report/valid.h"
#include "report/views_text.h"
#include "views/asked.h"

namespace bulkhead::views {
namespace {

using testing::Asked;
using testing::dual_stack;
using testing::shop;

void expect_fits(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80U) << line;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('{'), std::string::npos) << text;
}

testing::HostBuilder many(std::size_t count) {
  testing::HostBuilder h;
  h.network("net", "br-net", "172.18.0.1");
  for (std::size_t i = 0; i < count; ++i) {
    const auto box = h.container("service-number-" + std::to_string(i), "net",
                                 "172.18.0." + std::to_string(i + 2));
    h.listen(box.ns, static_cast<std::uint16_t>(8000 + i), "app");
  }
  return h;
}

TEST(ViewsText, FitEightyColumnsInBothLanguagesAndEscapeNames) {
  auto evil = shop();
  evil.engine().containers[0].name = "\x1b[31mred,\"x\"";
  verify::Limits plain, attacker;
  attacker.as_attacker = true;
  const std::vector<std::pair<model::Snapshot, verify::Limits>> rows = {{evil.snapshot, plain},
                                                                        {many(12).snapshot, plain},
                                                                        {dual_stack(), plain},
                                                                        {evil.snapshot, attacker}};
  for (const auto& [snapshot, limits] : rows) {
    Asked asked(snapshot, limits);
    const Matrix matrix = draw_matrix(asked.survey).value();
    Wanted wanted;
    wanted.container = &asked.snapshot.engines[0].containers[0];
    const WhoReaches who = who_reaches(asked.survey, wanted).value();
    const Unused unused = find_unused(asked.survey).value();
    const auto from = query::Vantage::parse("host").value();
    const Through through = go_through(asked.survey, from, asked.seat("host"), 2).value();
    for (const auto language : {report::Language::kEnglish, report::Language::kJapanese}) {
      for (const bool details : {false, true}) {
        report::Style style;
        style.language = language;
        style.details = details;
        expect_fits(report::matrix_text(asked.snapshot, matrix, style));
        expect_fits(report::who_reaches_text(asked.snapshot, "web", who, style));
        expect_fits(report::unused_text(unused, style));
        expect_fits(report::through_text("host", through, style));
      }
    }
    testing_json::expect_valid(report::matrix_json(asked.snapshot, matrix), "reach-matrix");
    testing_json::expect_valid(report::who_reaches_json(asked.snapshot, "web", who), "reach-who");
    testing_json::expect_valid(report::unused_json(unused), "reach-unused");
    testing_json::expect_valid(report::through_json(asked.snapshot, "host", through),
                               "reach-through");
  }
}

TEST(MatrixText, PutsServicesDownThePageWhenTheyDoNotFitAcross) {
  for (const auto& [count, first] : {std::pair(std::size_t{3}, "  internet "),
                                     std::pair(std::size_t{30}, "  service-number-0 8000/tcp ")}) {
    Asked asked(many(count).snapshot);
    const std::string text =
        report::matrix_text(asked.snapshot, draw_matrix(asked.survey).value(), {});
    EXPECT_NE(text.find(std::string("\n") + first), std::string::npos) << text;
  }
}

TEST(MatrixText, AContradictionAndTheUnknownAreNeverShownAsOpen) {
  Asked asked(shop().snapshot);
  Matrix matrix = draw_matrix(asked.survey).value();
  for (Row& row : matrix.rows) {
    for (Cell& cell : row) {
      cell = {};
      cell.reason = "not read";
    }
  }
  matrix.rows[0][0].contradicted = true;
  const std::string text = report::matrix_text(asked.snapshot, matrix, {});
  const std::string table = text.substr(0, text.find("O open"));
  const auto count = [&](char mark) {
    std::size_t n = 0;
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      for (std::size_t at = line.find(mark); at != std::string::npos; at = line.find(mark, at + 1))
        n += (line.size() == at + 1 || line[at + 1] == ' ') && line[at - 1] == ' ' ? 1 : 0;
    }
    return n;
  };
  EXPECT_EQ(count('O'), 0U) << table;
  EXPECT_EQ(count('!'), 1U) << table;
  EXPECT_GT(count('?'), 3U) << table;
  EXPECT_NE(text.find("CONTRADICTION"), std::string::npos);
  EXPECT_EQ(report::matrix_csv(matrix).find(",open,"), std::string::npos);
}

TEST(MatrixCsv, HasOneLineForEachVantageAndServiceAndQuotes) {
  auto h = shop();
  h.engine().containers[1].name = "=cmd,\"x\"";
  Asked asked(h.snapshot);
  const Matrix matrix = draw_matrix(asked.survey).value();
  const std::string csv = report::matrix_csv(matrix);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(csv, '\n')),
            1 + matrix.seats.size() * matrix.services.size());
  EXPECT_NE(csv.find("internet,web,nginx,80,tcp,open,192.0.2.10:8080"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",\"'=cmd,\"\"x\"\"\","), std::string::npos) << csv;
}

TEST(Grid, BreaksColumnsIntoBlocksThatFit) {
  std::vector<std::string> rows{"one", "two"}, columns;
  for (int i = 0; i < 60; ++i) columns.push_back("column number " + std::to_string(i));
  const std::string text =
      report::grid(rows, columns,
                   [](std::size_t r, std::size_t c) {
                     return report::Mark{r == 0 && c == 59 ? '#' : '.', report::Ink::kPlain};
                   },
                   {});
  expect_fits(text);
  EXPECT_EQ(std::ranges::count(text, '#'), 1);
  EXPECT_EQ(std::ranges::count(text, '.'), 119);
  for (const std::string& c : columns) EXPECT_NE(text.find(c + "\n"), std::string::npos) << c;
  EXPECT_GT(report::grid_blocks(rows, columns, {}), 1U);
}

}  // namespace
}  // namespace bulkhead::views
