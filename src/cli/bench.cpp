#include "cli/bench.h"

#include "cli/files.h"
#include "cli/instant.h"
#include "plan/trials.h"

namespace bulkhead::cli {

Result<Bench> open_bench(const PolicyOptions& options) {
  Bench bench;
  if (!options.at.empty()) {
    auto at = parse_instant(options.at);
    if (!at) return within("--at", at.error());
    bench.now_ms = *at;
  }
  auto session = open_session(options.source);
  if (!session) return std::unexpected(session.error());
  bench.session = *std::move(session);
  if (bench.session.config.file.empty())
    return fail(ErrorCode::kInvalidInput,
                "there is no bulkhead.yaml here or in /etc/bulkhead; name one with --config, or "
                "begin with: bulkhead policy init -o bulkhead.yaml");
  plan::cut_at_zones(*bench.session.snapshot, bench.session.zones);
  if (options.at.empty()) bench.now_ms = bench.session.snapshot->taken_at_ms;
  bench.bound = policy::bind(bench.session.config, *bench.session.snapshot);
  return bench;
}

Exit refuse(const Error& error) {
  complain(error);
  return Exit::kRefused;
}

Exit print_report(const std::string& text, Exit exit) {
  if (auto printed = print(text); !printed) return complain(printed.error());
  return exit;
}

}  // namespace bulkhead::cli
