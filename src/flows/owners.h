// Who held an address, and when.
//
// A container holds its addresses as long as the host's end of its link is there: the kernel tells
// when links come and go, and what is read of the engine tells which container a link leads to.
// Containers that were gone before they were read are nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "flows/book.h"
#include "flows/connection.h"
#include "model/snapshot.h"

namespace bulkhead::flows {

// When a process began, Unix time in ms; 0: not known.
using StartOf = std::function<std::uint64_t(std::uint32_t pid)>;

class Owners {
 public:
  // Whether it is new, or was until now: other changes of a link change no holder.
  bool link_came(IfIndex link, Moment when);
  void link_went(IfIndex link, Moment when);
  // What was read within `when`. Names go into the book.
  void take(const model::Snapshot& snapshot, Moment when, const StartOf& start_of, Book& book);

  // Who held it at some time of `when`; with `all` of it. Two who did: unsure. O(log n + holders).
  [[nodiscard]] Peer holder(const IpAddress& address, Moment when, bool all) const;

  struct Published {
    std::uint32_t who = 0;
    Port inside;
  };
  // For whom a proxy of the engine answers at this address of the host.
  [[nodiscard]] std::optional<Published> publisher(const IpAddress& at, Port port,
                                                   IpProtocol protocol, Moment when) const;
  // A multicast or broadcast address, or none.
  [[nodiscard]] bool is_group(const IpAddress& address) const;
  // What is older is not asked for any more.
  void forget(std::uint64_t before_ms);

 private:
  struct Holding {
    std::optional<std::uint32_t> who;  // none: the host
    IfIndex link;                      // none: as long as it is read
    std::uint64_t from = 0, until = UINT64_MAX;
    IpAddress published_at;
    Port inside;
    bool there = false;  // when it was read last
  };
  void see(std::vector<Holding>& all, const Holding& one, std::uint64_t born);
  void take_container(const model::Snapshot& snapshot, const model::Container& container,
                      std::uint32_t who, const StartOf& start_of);
  template <class Do>
  void each(Do act);

  std::map<IpAddress, std::vector<Holding>> holders_;
  std::map<std::pair<IpProtocol, Port>, std::vector<Holding>> published_;
  std::map<IfIndex, std::uint64_t> births_, deaths_;
  std::set<IfIndex> listed_;  // links of the host when it was read
  std::set<Prefix> subnets_;
  std::uint64_t last_read_ = 0;
};

}  // namespace bulkhead::flows
