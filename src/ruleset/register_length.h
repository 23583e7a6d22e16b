// How many bytes an nft expression fills of its registers: what a field of a concatenation takes
// (padded to 4 bytes), and where the next one begins. Facts: the init functions of nft_meta.c,
// nft_ct.c, nft_fib.c, nft_rt.c, nft_socket.c.
#pragma once

#include <cstdint>
#include <optional>

#include "model/ruleset.h"

namespace bulkhead::ruleset {

[[nodiscard]] std::uint32_t meta_length(model::MetaKey key);
// Addresses without a family are as long as the family of the table says.
[[nodiscard]] std::uint32_t ct_length(model::CtKey key, model::NfFamily family);
[[nodiscard]] std::uint32_t fib_length(const model::FibTerm& term);
[[nodiscard]] std::uint32_t rt_length(model::RtKey key);
[[nodiscard]] std::uint32_t socket_length(model::SocketKey key);

// Of any term in a table of this family. Absent: the data of a map, whose length its set says, and
// what is not understood.
[[nodiscard]] std::optional<std::uint32_t> register_length(const model::Term& term,
                                                           model::NfFamily family);

}  // namespace bulkhead::ruleset
