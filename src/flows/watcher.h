// Turns connections as the kernel tells of them into flows of a book.
//
// A connection waits here while it is not known who holds its addresses: from a link that comes or
// goes until what the engines say was read after it. Connections whose end was not seen yet are
// kept until it is, or until a table without them is read.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "flows/book.h"
#include "flows/connection.h"
#include "flows/owners.h"

namespace bulkhead::flows {

struct LinkTurn {
  IfIndex link;
  bool came = false;  // or went
};

class Watcher {
 public:
  // Both must outlive it. `began_ms`: since when events are heard.
  Watcher(Owners& owners, Book& book, std::uint64_t began_ms, const Timeouts& timeouts)
      : owners_(owners),
        book_(book),
        began_ms_(began_ms),
        told_until_ms_(book.until_ms),
        timeouts_(timeouts) {}

  void links(std::span<const LinkTurn> turns, Moment when);
  // What comes and goes was not all told.
  void links_lost(Moment when);
  void hear(std::span<const Connection> connections, Moment when);
  // All connections that there are, read within `when`; when it is settled. The first time they are
  // new; later ones tell which were answered, and which are gone though nobody said so. Who held
  // the addresses of one that is new must have held them since its last packet at least. What an
  // earlier run saw to its last packet is in the book already.
  void table(std::span<const Connection> connections, Moment when);
  // The engines were read within `when`, and the owners have taken it.
  void read(Moment when);
  [[nodiscard]] bool settled() const { return !unsettled_; }
  // Whether the engines should be read: something moved. Not more than a quarter of the time.
  [[nodiscard]] bool wants_reading(std::uint64_t now_ms) const;
  // What waits is taken as it is known now.
  void finish();

 private:
  using Id = std::tuple<std::uint32_t, std::uint16_t, IpProtocol, Ends>;
  struct Waiting {
    Connection connection;
    Moment when;
    bool whole = false;  // began before it was heard of: who held the address all the time?
  };
  struct Live {
    Flow flow;
    std::uint64_t since_ms = 0;
    bool answered = false, counted = false;
  };
  static Id id_of(const Connection& c) { return {c.id, c.zone, c.protocol, c.asked}; }
  void wait(Waiting one);
  void resolve_ready();
  void resolve(const Waiting& one);
  void begin(const Waiting& one);
  void end(const Waiting& one);
  [[nodiscard]] std::optional<Flow> flow_of(const Waiting& one);
  void changed(Moment when);
  void drop(const Live& live);
  [[nodiscard]] std::uint64_t quiet_ms(const Connection& c, Moment when) const;
  [[nodiscard]] std::uint64_t oldest(const Connection& c, Moment when) const;
  [[nodiscard]] bool is_told(const Connection& c, Moment when) const;

  Owners& owners_;
  Book& book_;
  std::uint64_t began_ms_, told_until_ms_;
  Timeouts timeouts_;
  std::deque<Waiting> waiting_;
  std::map<Id, Live> live_;
  std::set<Id> told_;  // by an earlier run
  bool unsettled_ = false, table_read_ = false;
  std::uint64_t first_change_ = 0, last_change_ = 0;  // since it was settled
  Moment last_read_;
};

}  // namespace bulkhead::flows
