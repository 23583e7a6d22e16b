// Whether rules switch connection tracking on. Inside reach/chain only.
#pragma once

#include "model/ruleset.h"

namespace bulkhead::reach::chains {

// nf_ct_netns_get(), per family, whether the rule is ever reached or not: nft_ct.c (get and set, not
// notrack), nft_nat.c, nft_masq.c, nft_redir.c, nft_connlimit.c, and the checkentry functions of
// xt_conntrack, xt_state, xt_connmark, xt_helper, xt_CT (not for --notrack), xt_nat and its kin.
[[nodiscard]] bool tracks_connections(const model::Ruleset& rules, IpFamily family);

}  // namespace bulkhead::reach::chains
