// The packet filter of one namespace as diagrams: all rules of all tables and back ends, for one
// address family.
//
// Every leaf of a map that is given out is a set of kAccept (with the image that the packet then
// has), kDrop, kReject and kUnknown; see effect.h. The map's packets are the packets that come to
// the hook, seen through the image that the caller gives: the identity, or what has become of them
// so far. What rules mean is the kernel's: net/netfilter/core.c (order of hooks), nf_tables_core.c,
// nft_*.c, x_tables.c, xt_*.c, ip_set_*.c, nf_nat_core.c.
//
// What a snapshot does not hold goes both ways (limits, random numbers, matches that are not
// understood, unknown header bytes), each evaluation for itself. Not modelled, and then kUnknown:
// queue without bypass, tproxy, fwd, ct zones, addresses of NAT that vary with the packet, targets
// that are not understood. Never guessed.
//
// Errors: kBudget when the space's limits, or those on rules that change marks in too many ways,
// are met. Try another order of the fields (packet::build_in_orders), then unknown_map(). Maps are
// remembered, so asking twice costs a look-up. Not for two threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/ruleset.h"
#include "reach/chain/effect.h"
#include "reach/chain/hook_point.h"
#include "reach/chain/links.h"
#include "reach/chain/surroundings.h"

namespace bulkhead::reach {

class Chains {
 public:
  // All arguments must outlive this. `around` null: what rules ask of routes goes both ways.
  Chains(const Fields& fields, const packet::PacketSpace& space, Effects& effects,
         const Links& links, const Surroundings* around, const model::Ruleset& rules,
         bool little_endian, FrameKind frames = FrameKind::kIp);
  ~Chains();
  Chains(Chains&&) noexcept;
  Chains& operator=(Chains&&) noexcept;

  // A base chain, or several of one priority whose order is not known: chain by chain only what a
  // chain leaves meets the next, and the product of all their rules is never built. When
  // `reroutes`, the last of them is a route chain
  // (or the legacy mangle OUTPUT): where mark, addresses or tos then differ, the packet is routed
  // anew before the next stage.
  struct Stage {
    HookPoint point = HookPoint::kIpForward;
    std::size_t first = 0, end = 0;  // in the hook's order
    bool legacy_last = false;
    bool reroutes = false;
  };
  // The filter and route chains whose priority p has from <= p < to. The walk splits a hook at the
  // priorities of connection tracking (-200) and NAT (-100, 100).
  [[nodiscard]] std::vector<Stage> stages(HookPoint point, std::int32_t from, std::int32_t to,
                                          bool legacy_last = false) const;
  [[nodiscard]] Result<packet::VerdictMap> run(const Stage& stage, const Image& image);
  // Of the stage's tables: what run() costs when it is asked for the first time.
  [[nodiscard]] std::size_t rules(const Stage& stage) const;
  // All stages, as if nothing were routed anew between them.
  [[nodiscard]] Result<packet::VerdictMap> filter(HookPoint point, std::int32_t from,
                                                  std::int32_t to, const Image& image,
                                                  bool legacy_last = false);

  // The NAT chains of a hook in their order; the first that decides for the packet ends them.
  // Effect::nat says what it wants; 0: nothing.
  [[nodiscard]] Result<packet::VerdictMap> nat(HookPoint point, const Image& image,
                                               bool legacy_last = false);

  // A map for what could not be built: kUnknown everywhere, because of the error.
  [[nodiscard]] packet::VerdictMap unknown_map(const Error& error);

  [[nodiscard]] bool has_chains(HookPoint point) const;  // anything at all, NAT included
  [[nodiscard]] bool has_nat() const;
  // Legacy tables and nft chains stand at one priority: a snapshot does not tell which come first.
  // `legacy_last` chooses; ask both.
  [[nodiscard]] bool has_open_order(HookPoint point) const;
  // Connection tracking works only once a rule needs it (nf_ct_netns_get): NAT chains, ct
  // expressions, matches and targets that are based on it.
  [[nodiscard]] bool tracks_connections() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bulkhead::reach
