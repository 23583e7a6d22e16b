#include <functional>

#include "cli/files.h"
#include "cli/language.h"
#include "cli/reach_views.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "query/query.h"
#include "report/reach_text.h"
#include "report/why.h"
#include "trace/trace.h"
#include "verify/attacker.h"
#include "verify/reachable.h"
#include "verify/why.h"

namespace bulkhead::cli {
namespace {

Result<verify::Limits> read_limits(const ReachOptions& options, const model::Snapshot& snapshot) {
  verify::Limits limits;
  auto attacker = read_as(options.as);
  if (!attacker) return std::unexpected(attacker.error());
  limits.as_attacker = *attacker;
  if (!options.to.empty()) {
    if (auto link = read_link_target(options.to); !link || *link)
      return fail(
          ErrorCode::kInvalidInput,
          "what is reached at link-local addresses is not computed, as each link has its "
          "own; ask one with bulkhead trace VANTAGE fe80::1%eth0 PORT, or all of the host's with "
          "bulkhead scan");
    if (auto prefix = Prefix::parse(options.to)) {
      limits.to = *prefix;
    } else {
      auto address = read_address(snapshot, options.to);
      if (!address) return within("--to", address.error());
      limits.to = Prefix::single(*address);
    }
  }
  if (!options.port.empty()) {
    auto port = read_port(options.port);
    if (!port) return within("--port", port.error());
    limits.port = port->port;
    limits.protocol = port->protocol;
  }
  if (!options.protocol.empty()) {
    auto protocol = read_protocol(options.protocol);
    if (!protocol) return within("--proto", protocol.error());
    if (limits.protocol && *limits.protocol != *protocol) {
      return fail(ErrorCode::kInvalidInput, "--port and --proto name different protocols");
    }
    limits.protocol = *protocol;
  }
  return limits;
}

Exit run_seat(const ReachOptions& options, const Session& session, const query::Asker& asker,
              const verify::Limits& limits) {
  auto vantage = query::Vantage::parse(options.from);
  if (!vantage) return complain(vantage.error());
  auto seat = asker.seat(*vantage);
  if (!seat) return complain(seat.error());
  auto reachable = verify::reachable(asker, *seat, limits);
  if (!reachable) return complain(reachable.error());
  const model::Snapshot& snapshot = *session.snapshot;
  const std::string text =
      options.output.json
          ? report::reach_json(snapshot, *vantage, *reachable)
          : report::reach_text(snapshot, *vantage, limits, *reachable, text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  const bool blind = !snapshot.complete && !reachable->unknown.empty();
  return blind || reachable->exhausted ? Exit::kIncomplete : Exit::kDone;
}

Exit run_why(const ReachOptions& options, const Session& session, query::Asker& asker,
             const verify::Limits& limits) {
  if (!limits.to || limits.to->length() != limits.to->address().bits() || !limits.port)
    return complain({ErrorCode::kInvalidInput,
                     "--why is about one address: write --to ADDRESS or a container's name"});
  auto vantage = query::Vantage::parse(options.from);
  if (!vantage) return complain(vantage.error());
  auto seat = asker.seat(*vantage);
  if (!seat) return complain(seat.error());
  verify::Attackers attackers(asker);
  asker.forged_by(std::bind_front(&verify::Attackers::ask, &attackers));
  const verify::Point point{limits.to->address(), *limits.port,
                            limits.protocol.value_or(IpProtocol::kTcp)};
  const auto why = verify::explain(asker, *seat, point, limits.as_attacker);
  if (!why) return complain(why.error());
  const model::Snapshot& snapshot = *session.snapshot;
  const std::string text =
      options.output.json ? report::why_json(snapshot, *vantage, *why)
                          : report::why_text(snapshot, *vantage, *why, text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  const bool blind = (!snapshot.complete || why->computed.exhausted || attackers.exhausted()) &&
                     why->verdict() == trace::Verdict::kUnknown;
  return blind ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace

Exit run_reach(const ReachOptions& options) {
  const auto view = chosen_view(options);
  if (!view) return complain(view.error());
  if (!options.from.empty()) {  // before anything is read
    if (auto vantage = query::Vantage::parse(options.from); !vantage)
      return complain(vantage.error());
  }
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  auto limits = read_limits(options, *session->snapshot);
  if (!limits) return complain(limits.error());
  auto world = trace::World::build(*session->snapshot);
  if (!world) return complain(world.error());
  query::Asker asker(*world, session->zones);
  switch (*view) {
    case ReachView::kSeat: return run_seat(options, *session, asker, *limits);
    case ReachView::kWhy: return run_why(options, *session, asker, *limits);
    case ReachView::kThrough: return run_through(options, *session, asker, *limits);
    case ReachView::kMatrix: return run_matrix(options, *session, asker, *limits);
    case ReachView::kWho: return run_who_reaches(options, *session, asker, *limits);
    case ReachView::kUnused: return run_unused(options, *session, asker);
  }
  return Exit::kInternal;
}

}  // namespace bulkhead::cli
