#include "audit/map.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/verbs.h"
#include "report/json.h"
#include "report/map_text.h"

namespace bulkhead::cli {

Exit run_map(const MapOptions& options) {
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  const audit::Map map = audit::draw_map(*session->snapshot, session->config, session->zones);
  const std::string text = options.output.json ? report::map_json(map)
                                               : report::map_text(map, text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  return session->snapshot->complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
