#include "views/matrix.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace bulkhead::views {
namespace {

// What a reader sees of a cell.
auto mark(const Cell& cell) {
  return std::tuple(cell.verdict, cell.contradicted, cell.some, cell.forged);
}
using Marks = std::vector<std::tuple<trace::Verdict, bool, bool, bool>>;

Marks marks(const Row& row) {
  Marks out;
  out.reserve(row.size());
  for (const Cell& cell : row) out.push_back(mark(cell));
  return out;
}

// Zones and the host stand for themselves: who reads looks for them.
void classify(Matrix& matrix) {
  std::map<Marks, std::size_t> class_of;
  for (std::size_t i = 0; i < matrix.seats.size(); ++i) {
    if (matrix.seats[i].container == nullptr) {
      matrix.classes.push_back({{i}});
      continue;
    }
    const auto [at, fresh] = class_of.emplace(marks(matrix.rows[i]), matrix.classes.size());
    if (fresh) matrix.classes.emplace_back();
    matrix.classes[at->second].seats.push_back(i);
  }
}

bool reached(const Matrix& all, std::size_t service) {
  for (std::size_t s = 0; s < all.seats.size(); ++s) {
    if (Survey::own(all.seats[s], all.services[service])) continue;
    if (all.rows[s][service].verdict != trace::Verdict::kClosed) return true;
  }
  return false;
}

void keep_what_is_reached(Matrix& matrix) {
  std::vector<audit::Service> services;
  std::vector<Row> rows(matrix.rows.size());
  for (std::size_t i = 0; i < matrix.services.size(); ++i) {
    if (!reached(matrix, i)) {
      ++matrix.unreached;
      continue;
    }
    services.push_back(std::move(matrix.services[i]));
    for (std::size_t s = 0; s < rows.size(); ++s) rows[s].push_back(std::move(matrix.rows[s][i]));
  }
  matrix.services = std::move(services);
  matrix.rows = std::move(rows);
}

}  // namespace

Result<Matrix> draw_matrix(Survey& survey) {
  const audit::Inventory& inventory = survey.inventory();
  Matrix out;
  out.as_attacker = survey.as_attacker();
  out.services = inventory.services;
  const Status done =
      survey.rows(seats_worst_first(inventory), [&](std::size_t seat, Row row) -> Status {
        out.seats.push_back(inventory.seats[seat]);
        out.rows.push_back(std::move(row));
        return {};
      });
  if (!done) return std::unexpected(done.error());
  keep_what_is_reached(out);
  classify(out);
  return out;
}

}  // namespace bulkhead::views
