// What need not be followed: packets that the rules of the machine which they come to drop
// whichever way they take there. A large host publishes hundreds of ports, and a policy closes
// nearly all of them to a container: each is a way of its own, and all of them end at one chain.
//
// Whatever a machine does with a packet, delivering, routing or switching it by a bridge that shows
// it to the IP hooks, it meets the machine's forward hook or its input hook. So the packets that
// may get anywhere are those which every chain of one of these two may let past, seen from before
// the destination is translated. All that may differ by then (the way out, marks, hop limit...) is
// left open: the set may hold more than get past, never less.
#pragma once

#include <optional>

#include "packet/packet_set.h"
#include "reach/chain/chain.h"

namespace bulkhead::reach::walks {

// Of packets as they come to the machine: a set that depends on lookahead_knows() alone. nullopt:
// it cannot be told, as rules do more than to drop packets, let them pass, translate their
// destination and set marks; or as it would be too large. Cost: one compilation of the chains of
// these hooks, which a walk needs as well, and a look at all of it.
[[nodiscard]] std::optional<packet::PacketSet> may_get_past(Chains& chains, const Effects& effects,
                                                            const Fields& fields,
                                                            const packet::PacketSpace& space);

// The quantities that are settled when a packet comes in and that no rule may have changed before
// it is dropped, but for the destination by NAT.
[[nodiscard]] bool lookahead_knows(Quantity quantity);

}  // namespace bulkhead::reach::walks
