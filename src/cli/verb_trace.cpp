#include <functional>
#include <optional>

#include "base/text.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "query/jsonl.h"
#include "query/query.h"
#include "report/trace_text.h"
#include "trace/trace.h"
#include "verify/attacker.h"

namespace bulkhead::cli {
namespace {

Result<query::Target> read_target(const TraceOptions& options, const model::Snapshot& snapshot) {
  query::Target target;
  target.explain = true;
  const auto port = read_port(options.port);
  if (!port) return std::unexpected(port.error());
  target.port = port->port;
  target.protocol = port->protocol.value_or(IpProtocol::kTcp);
  auto link = read_link_target(options.to);
  if (!link) return std::unexpected(link.error());
  const std::optional<ScopedAddress>& scoped = *link;
  auto to = scoped ? Result<IpAddress>(scoped->address) : read_address(snapshot, options.to);
  if (!to) return std::unexpected(to.error());
  target.to = *to;
  if (!options.source_address.empty()) {
    auto source = IpAddress::parse(options.source_address);
    if (!source) return within("--source", source.error());
    if (source->family() != to->family()) {
      return fail(ErrorCode::kInvalidInput,
                  "--source and the destination are of different address families");
    }
    target.source = *source;
  }
  auto attacker = read_as(options.as);
  if (!attacker) return std::unexpected(attacker.error());
  target.as_attacker = *attacker;
  if (options.source_port != 0) target.source_port = Port{options.source_port};
  return target;
}

// The interface behind a link-local address, as the seat itself names it.
Status find_scope(const TraceOptions& options, const model::Snapshot& snapshot,
                  const query::Seat& seat, query::Target& target) {
  const auto read = read_link_target(options.to);
  if (!read || seat.origins.empty()) return {};
  const std::optional<ScopedAddress>& scoped = *read;
  if (!scoped) return {};
  const auto* local = std::get_if<trace::LocalOrigin>(&seat.origins.front());
  if (local == nullptr)
    return fail(
        ErrorCode::kInvalidInput,
        "link-local addresses are traced from host, container:NAME and netns:PATH alone: of "
        "other machines the interfaces are not known");
  for (const model::Link& one : snapshot.namespaces[local->ns.value].links) {
    if (one.name != scoped->link) continue;
    target.scope = one.index;
    return {};
  }
  return fail(ErrorCode::kNotFound, "'" + escape_text(seat.vantage.to_string(), 64) +
                                        "' has no interface '" + escape_text(scoped->link, 64) +
                                        "'");
}

}  // namespace

Exit run_trace(const TraceOptions& options) {
  auto vantage = query::Vantage::parse(options.from);
  if (!vantage) return complain(vantage.error());
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  auto target = read_target(options, *session->snapshot);
  if (!target) return complain(target.error());
  auto world = trace::World::build(*session->snapshot);
  if (!world) return complain(world.error());
  query::Asker asker(*world, session->zones);
  verify::Attackers attackers(asker);
  asker.forged_by(std::bind_front(&verify::Attackers::ask, &attackers));
  auto seat = asker.seat(*vantage);
  if (!seat) return complain(seat.error());
  if (auto found = find_scope(options, *session->snapshot, *seat, *target); !found)
    return complain(found.error());
  const query::Reply reply = asker.ask(*seat, *target);
  std::optional<query::Opening> opening;
  if (query::may_be_opened(*target, reply)) opening = query::opening(asker, *seat, *target, reply);
  const std::string text = options.output.json
                               ? query::answer_line(*vantage, *target, reply, opening)
                               : report::trace_text(*session->snapshot, *vantage, *target, reply,
                                                    opening, text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  const bool blind =
      reply.answer.verdict == trace::Verdict::kUnknown && !session->snapshot->complete;
  return blind ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace bulkhead::cli
