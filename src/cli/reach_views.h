// `bulkhead reach` for a whole host: --matrix, --who-reaches, --unused, --through.
#pragma once

#include "cli/session.h"
#include "cli/verbs.h"
#include "query/query.h"
#include "verify/reachable.h"

namespace bulkhead::cli {

// What the options ask for: exactly one view.
enum class ReachView { kSeat, kWhy, kThrough, kMatrix, kWho, kUnused };

// kInvalidInput says what to write instead.
[[nodiscard]] Result<ReachView> chosen_view(const ReachOptions& options);

// `limits`: of --as.
Exit run_matrix(const ReachOptions& options, const Session& session, const query::Asker& asker,
                const verify::Limits& limits);
Exit run_unused(const ReachOptions& options, const Session& session, const query::Asker& asker);
// `limits`: of --port, --proto and --as.
Exit run_who_reaches(const ReachOptions& options, const Session& session, const query::Asker& asker,
                     const verify::Limits& limits);
Exit run_through(const ReachOptions& options, const Session& session, const query::Asker& asker,
                 const verify::Limits& limits);

}  // namespace bulkhead::cli
