// x_tables matches and targets from the kernel's blobs, for nf_tables (nft_compat) and for legacy
// tables alike.
//
// A name, revision or size that is not known gives xt::Opaque with the blob kept. Facts:
// include/uapi/linux/netfilter/xt_*.h; the revisions are those that Linux 5.10 to 6.18 register.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "model/ruleset.h"

namespace bulkhead::ruleset {

// `family` decides between IPv4 and IPv6 addresses in unions; `info` may be padded at its end.
[[nodiscard]] model::XtMatch make_xt_match(std::string name, std::uint32_t revision,
                                           model::NfFamily family, ByteView info);
[[nodiscard]] model::XtTarget make_xt_target(std::string name, std::uint32_t revision,
                                             model::NfFamily family, ByteView info);

// The text of the first comment match; "" when there is none.
[[nodiscard]] std::string xt_comment(const model::Rule& rule);

}  // namespace bulkhead::ruleset
