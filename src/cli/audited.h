// What status tells of mode audit: the counted of the kernel, by the names of the policy as it was
// applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "cli/session.h"
#include "enforce/state.h"
#include "flows/book.h"
#include "flows/owners.h"
#include "policy/bind.h"
#include "report/status_text.h"

namespace bulkhead::cli {

// Containers of the policy in that mode today that `known` has not, or not as they are. `tables`
// enforce by their ports, too; null where nothing is held by them.
[[nodiscard]] std::vector<report::Uncovered> unknown_members(
    const policy::Config& config, const policy::Bound& bound, const model::Snapshot& snapshot,
    policy::Mode mode, const std::vector<enforce::Held>& known,
    const std::vector<model::Table>* tables);

// What is applied in this network namespace, for what is counted by addresses. kDenied for who is
// not root, kNotFound when nothing in mode audit is applied. Before rights are given up.
[[nodiscard]] Result<enforce::Record> audited_record();
// Addresses of containers that the record does not know, and since when (Unix ms) each has them.
[[nodiscard]] std::map<IpAddress, std::uint64_t> unrecorded(const enforce::Record& record,
                                                            const model::Snapshot& snapshot,
                                                            const flows::StartOf& start_of);
// Adds what its rules have counted to the book; how many ways that were. kNotFound when the kernel
// has no such rules.
[[nodiscard]] Result<std::size_t> add_counted(const enforce::Record& record, const Session& session,
                                              flows::Book& book);

[[nodiscard]] report::Audited audited_of(const enforce::Record& record,
                                         const policy::Config& config, const policy::Bound& bound,
                                         const model::Snapshot& snapshot);

}  // namespace bulkhead::cli
