#include "audit/map.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/verbs.h"
#include "report/drawings.h"
#include "report/json.h"
#include "report/map_text.h"

namespace bulkhead::cli {

namespace {

std::string written(const audit::Map& map, const MapOptions& options) {
  const report::Style style = text_style(options.output);
  if (options.output.json) return report::map_json(map);
  if (options.svg) return report::map_svg(map, style);
  if (options.dot) return report::map_dot(map, style);
  if (options.mermaid) return report::map_mermaid(map, style);
  return report::map_text(map, style);
}

}  // namespace

Exit run_map(const MapOptions& options) {
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  const audit::Map map = audit::draw_map(*session->snapshot, session->config, session->zones);
  if (auto done = write_file(options.file, written(map, options)); !done)
    return complain(done.error());
  return session->snapshot->complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
