// Settles what most senders get without a symbolic walk: plain walks that note what was asked of
// their source say what any other source would get. Inside verify.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "query/query.h"
#include "topology/topology.h"
#include "trace/nat_areas.h"
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
  // on the way tell apart, at most kMostWalks.
  [[nodiscard]] std::optional<Settled> settle(const Sender& sender, const query::Target& target);

 private:
  static constexpr std::size_t kMostWalks = 512, kMostTries = 3;

  struct Walked {
    trace::Answer answer;
    trace::SourceReads reads;
  };
  [[nodiscard]] Walked walk(trace::Question q, trace::NatAreas* areas = nullptr) const;
  [[nodiscard]] std::optional<Settled> bound(const Sender& sender, trace::Question q) const;
  [[nodiscard]] std::optional<Settled> forged(const Forging& forging, trace::Question q,
                                              std::optional<IpAddress> source);
  [[nodiscard]] std::optional<Settled> from_anywhere(trace::Question q, IpAddress own);
  [[nodiscard]] std::uint32_t one_between(std::uint32_t first, std::uint32_t last,
                                          std::size_t turn) const;

  const trace::World& world_;
  const topology::Topology& topology_;
  trace::NatAreas nat_areas_;
  std::vector<std::uint32_t> known_;  // IPv4 addresses that somebody has, ascending
};

}  // namespace bulkhead::verify
