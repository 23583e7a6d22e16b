// Which service is reached from which seat, computed by verify/ one seat at a time: what all views
// of `bulkhead reach` are made of.
//
// Services are those of the host and of its containers (audit/inventory.h), seats are zones, the
// host and the containers; containers that share a network namespace are one seat.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/inventory.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "base/workers.h"
#include "policy/config.h"
#include "query/query.h"
#include "trace/stopped_ways.h"
#include "verify/reachable.h"

namespace bulkhead::views {

struct Dialled {  // what reach says of one address, whoever answers there
  audit::Dial dial;
  trace::Verdict verdict = trace::Verdict::kUnknown;
};

// Of one seat and one service.
struct Cell {
  trace::Verdict verdict = trace::Verdict::kUnknown;
  bool contradicted = false;              // reach and trace differ: kUnknown, and a bug of ours
  bool some = false;                      // open, but not for every sender of the zone
  bool forged = false;                    // open to forged packets alone, as attacker
  std::vector<verify::Reached> ways;      // open: each with a witness that trace finds open too
  SharedText reason;                      // closed, unknown: escaped, one line
  std::vector<audit::RuleQuote> rules;    // closed: the rule that closes
  trace::How how = trace::How::kUnknown;  // closed
  std::vector<Dialled> dialled;           // those that the limits ask about
};
using Row = std::vector<Cell>;  // of one seat, in the order of the services

enum class Detail : std::uint8_t {
  kAll,
  kReasons,  // without Cell::rules and Cell::dialled
};

// Open is proven by reach for some address and replayed in trace. Closed: reach says so of every
// address at which the service may be dialled, no packet that may get in is left over, and trace
// agrees on the first of these addresses. All else is unknown.
//
// Not to be used by two threads at once. The asker, the configuration and the workers must
// outlive it.
class Survey {
 public:
  // kInvalidInput: the snapshot has no host namespace. `limits` narrows the addresses, ports and
  // protocols by which services are dialled. As attacker forged packets count too, at the addresses
  // at which services are dialled and with the limits of verify/attacker.h (who may not forge, does
  // not).
  [[nodiscard]] static Result<Survey> make(const query::Asker& asker, const policy::Config& config,
                                           const verify::Limits& limits,
                                           Detail detail = Detail::kAll,
                                           const Workers& workers = alone());
  ~Survey();
  Survey(Survey&&) noexcept;
  Survey& operator=(Survey&&) noexcept;

  [[nodiscard]] const audit::Inventory& inventory() const { return *inventory_; }
  [[nodiscard]] const model::Snapshot& snapshot() const { return asker_->world().snapshot(); }
  [[nodiscard]] const query::Asker& asker() const { return *asker_; }
  [[nodiscard]] bool as_attacker() const { return limits_.as_attacker; }
  // By which rows are computed; for other questions to the same world.
  [[nodiscard]] verify::Solver& solver() { return *solvers_.front(); }

  // Cost: Solver::from() and one packet traced for each service that is closed, but for those that
  // nothing on the way told from another that was (trace/stopped_ways.h). As attacker each of
  // these is asked about as audit does (audit/attack_questions.h): a few plain walks, or a look-up
  // where the seat is like one that was asked for before.
  [[nodiscard]] Result<Row> row(const query::Seat& seat);
  // The rows of seats of the inventory, by their places in it, given one by one in that order.
  // Those of a large host are computed by several workers, each of which compiles the rules anew;
  // as attacker by one. What is given does not depend on how many they are.
  [[nodiscard]] Status rows(std::span<const std::size_t> seats,
                            const std::function<Status(std::size_t seat, Row row)>& take);
  // As attacker: a bound was met, and some cells are unknown for it.
  [[nodiscard]] bool exhausted() const;

  // Whether the seat is where the service is: its own container, or the host's namespace.
  [[nodiscard]] static bool own(const audit::SeatEntry& seat, const audit::Service& service);

 private:
  Survey(const query::Asker& asker, const verify::Limits& limits, Detail detail,
         audit::Inventory inventory, const Workers& workers);
  // What ordinary connections get.
  [[nodiscard]] Result<Row> ordinary_row(const query::Seat& seat, verify::Solver& solver) const;
  void add_open(Row& row, verify::Reachable& reachable) const;
  void add_unknown(Row& row, const verify::Reachable& reachable) const;
  struct Stop;  // of a packet that was walked plainly
  using Stops = trace::StoppedWays<bool, std::shared_ptr<const Stop>>;
  void settle(const query::Seat& seat, const verify::Reachable& reachable, std::size_t service,
              Stops& stops, Cell& cell) const;
  [[nodiscard]] std::shared_ptr<const Stop> walk(const query::Seat& seat,
                                                 const verify::Point& point, Stops& stops) const;
  void add_forged(const query::Seat& seat, std::size_t service, Cell& cell);
  [[nodiscard]] std::optional<std::size_t> service_of(const model::Socket* socket) const;

  const query::Asker* asker_;
  verify::Limits limits_;
  Detail detail_;
  std::optional<IpProtocol> only_;  // that all services have, so that no other is asked about
  const Workers* workers_;
  std::unique_ptr<const audit::Inventory> inventory_;
  std::vector<std::unique_ptr<verify::Solver>> solvers_;  // of each worker
  std::unordered_map<const model::Socket*, std::size_t> whose_;
  std::vector<verify::Point> points_;  // at which services are dialled
  struct Asked {
    audit::Dial dial;
    std::size_t point = 0;  // into points_
  };
  std::vector<std::vector<Asked>> dials_of_;  // by service
  struct Attack;
  std::unique_ptr<Attack> attack_;  // as attacker
};

// Nearest to the Internet first: Internet, DMZ, LAN, management, host, containers.
[[nodiscard]] std::vector<std::size_t> seats_worst_first(const audit::Inventory& inventory);

// Those from which anything can be asked, in their order.
[[nodiscard]] std::vector<std::size_t> seats_that_send(const audit::Inventory& inventory);

// The names of all that sit there: the vantage's, then containers that share its namespace.
[[nodiscard]] std::vector<std::string> names_of(const model::Snapshot& snapshot,
                                                const audit::SeatEntry& seat);

}  // namespace bulkhead::views
