// Settles what most senders get without a symbolic walk: plain walks that note what was asked of
// their source say what any other source would get. Inside verify.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "query/query.h"
#include "topology/topology.h"
#include "trace/nat_areas.h"
#include "trace/stopped_ways.h"
#include "trace/trace.h"
#include "verify/sender.h"

namespace bulkhead::verify {

// Not for two threads at once.
class PlainWalks {
 public:
  // What it is given must outlive it.
  PlainWalks(const trace::World& world, const topology::Topology& topology);

  struct Settled {
    // The packet that gets in, and how; nothing: none of that sender's does.
    std::optional<std::pair<trace::Question, trace::Answer>> open;
    // That were told apart (query::Reply::parts); nullopt: others may get something else.
    std::optional<std::vector<std::uint32_t>> parts;
  };
  // nullopt: not settled this way. Cost: a walk for each part of the IPv4 addresses that the rules
  // on the way tell apart, at most kMostWalks; none where another destination was settled that
  // nothing on the way told apart. What the walks asked of the destination is added to the record
  // that the target has for it; it is unclear where they do not speak for all of the sender's
  // packets.
  [[nodiscard]] std::optional<Settled> settle(const Sender& sender, const query::Target& target);

 private:
  static constexpr std::size_t kMostWalks = 512, kMostTries = 3;

  // What tells forged packets apart, but their source and where they go.
  using Who = std::tuple<std::uint32_t, std::uint32_t, bool, MacAddress, MacAddress, bool>;
  struct Walked {
    trace::Answer answer;
    trace::EndReads reads;
  };
  [[nodiscard]] Walked walk(trace::Question q, trace::NatAreas* areas = nullptr) const;
  // From a source that is like no other.
  [[nodiscard]] Walked walk_alone(trace::Question q) const;
  [[nodiscard]] std::optional<Settled> bound(const Sender& sender, trace::Question q) const;
  [[nodiscard]] std::optional<Settled> forged(const Forging& forging, trace::Question q,
                                              std::optional<IpAddress> source);
  [[nodiscard]] std::optional<Settled> from_anywhere(const Forging& forging, trace::Question q,
                                                     IpAddress own);
  [[nodiscard]] std::optional<Settled> anew(const Who& who, trace::Question q, IpAddress own);
  struct Told;  // what walks from some addresses said of all
  [[nodiscard]] std::optional<Settled> walk_from_all(trace::Question q, IpAddress own, Told& told);
  [[nodiscard]] std::uint32_t one_between(std::uint32_t first, std::uint32_t last,
                                          std::size_t turn) const;

  const trace::World& world_;
  const topology::Topology& topology_;
  trace::NatAreas nat_areas_;
  trace::StoppedWays<Who, std::vector<std::uint32_t>> stopped_;  // by which parts of the sources
  std::vector<std::uint32_t> known_;  // IPv4 addresses that somebody has, ascending
};

}  // namespace bulkhead::verify
