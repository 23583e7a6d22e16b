#include "cli/reach_views.h"

#include <algorithm>

#include "base/text.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/targets.h"
#include "report/json_views.h"
#include "report/views_text.h"
#include "threads/processors.h"

namespace bulkhead::cli {
namespace {

// An answer that holds unknowns because not all could be read says so by its exit status.
// So does one because more work than is allowed would have been needed.
Exit shown(const std::string& text, bool unknown, bool exhausted, const Session& session) {
  if (auto printed = print(text); !printed) return complain(printed.error());
  return exhausted || (unknown && !session.snapshot->complete) ? Exit::kIncomplete : Exit::kDone;
}

const model::Container* find_container(const model::Snapshot& snapshot, std::string_view name) {
  const std::size_t slash = name.find('/');
  const std::string_view engine_name =
      slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  for (const model::Engine& engine : snapshot.engines) {
    if (!engine_name.empty() && engine.name != engine_name) continue;
    for (const model::Container& c : engine.containers) {
      if (c.name == name) return &c;
    }
  }
  return nullptr;
}

struct Asked {
  views::Wanted wanted;
  std::string port;
};

// "web", "docker/web:80", "host", "10.0.0.1", "10.0.0.1:80", "[fd00::1]:80".
Result<Asked> read_wanted(const model::Snapshot& snapshot, std::string_view text) {
  Asked out;
  std::string_view head = text;
  if (auto address = IpAddress::parse(text)) {
    out.wanted.address = *address;
    return out;
  }
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    head = text.substr(0, colon);
    out.port = std::string(text.substr(colon + 1));
    if (head.starts_with('[') && head.ends_with(']')) head = head.substr(1, head.size() - 2);
  }
  if (auto address = IpAddress::parse(head)) {
    out.wanted.address = *address;
  } else if (head == "host") {
    out.wanted.host = true;
  } else {
    out.wanted.container = find_container(snapshot, head);
    if (out.wanted.container == nullptr)
      return fail(ErrorCode::kInvalidInput,
                  "'" + escape_text(head, 64) +
                      "' is no container that is known; write a container's name, host, an "
                      "address, or one of them with :PORT");
  }
  return out;
}

bool any_unknown(const views::Matrix& matrix) {
  return std::ranges::any_of(matrix.rows, [](const views::Row& row) {
    return std::ranges::any_of(
        row, [](const views::Cell& c) { return c.verdict == trace::Verdict::kUnknown; });
  });
}

Error usage(std::string message) {
  return {ErrorCode::kInvalidInput, std::move(message)};
}

}  // namespace

Result<ReachView> chosen_view(const ReachOptions& options) {
  const int views = (options.from.empty() ? 0 : 1) + (options.matrix ? 1 : 0) +
                    (options.who.empty() ? 0 : 1) + (options.unused ? 1 : 0);
  const bool narrowed = !options.to.empty() || !options.port.empty() || !options.protocol.empty();
  if (options.through != 0 && options.from.empty())
    return std::unexpected(usage("--through goes with --from: write --from internet --through " +
                                 std::to_string(options.through)));
  if (views == 0)
    return std::unexpected(
        usage("say what to show: --from VANTAGE, --matrix, --who-reaches "
              "CONTAINER, or --unused"));
  if (views > 1)
    return std::unexpected(
        usage("--from, --matrix, --who-reaches and --unused exclude each other: "
              "write one of them"));
  if (!options.as.empty() && options.unused)
    return std::unexpected(usage("--as goes with all views but --unused; leave it out here"));
  if (options.why &&
      (options.from.empty() || options.to.empty() || options.port.empty() || options.through != 0))
    return std::unexpected(
        usage("--why is about one address and port: write --from VANTAGE --to ADDRESS --port PORT "
              "--why"));
  if (options.csv && (!options.matrix || options.output.json))
    return std::unexpected(usage("--csv goes with --matrix alone: write --matrix --csv"));
  if (!options.to.empty() && (options.from.empty() || options.through != 0))
    return std::unexpected(
        usage("--to goes with --from alone; for one address write --who-reaches ADDRESS"));
  if (narrowed && (options.matrix || options.unused || options.through != 0))
    return std::unexpected(
        usage("--port and --proto go with --from or --who-reaches; leave them out here"));
  if (options.matrix) return ReachView::kMatrix;
  if (options.unused) return ReachView::kUnused;
  if (!options.who.empty()) return ReachView::kWho;
  if (options.why) return ReachView::kWhy;
  return options.through != 0 ? ReachView::kThrough : ReachView::kSeat;
}

Exit run_matrix(const ReachOptions& options, const Session& session, const query::Asker& asker,
                const verify::Limits& limits) {
  auto survey = views::Survey::make(asker, session.config, limits, views::Detail::kAll,
                                    threads::processors());
  if (!survey) return complain(survey.error());
  const auto matrix = views::draw_matrix(*survey);
  if (!matrix) return complain(matrix.error());
  const model::Snapshot& snapshot = *session.snapshot;
  const std::string text = options.csv ? report::matrix_csv(*matrix)
                           : options.output.json
                               ? report::matrix_json(snapshot, *matrix)
                               : report::matrix_text(snapshot, *matrix, text_style(options.output));
  return shown(text, any_unknown(*matrix), survey->exhausted(), session);
}

Exit run_unused(const ReachOptions& options, const Session& session, const query::Asker& asker) {
  auto survey = views::Survey::make(asker, session.config, {});
  if (!survey) return complain(survey.error());
  const auto unused = views::find_unused(*survey);
  if (!unused) return complain(unused.error());
  const bool unknown = std::ranges::any_of(
      unused->ports, [](const views::PublishedUnused& p) { return p.why == views::Why::kUnknown; });
  return shown(options.output.json ? report::unused_json(*unused)
                                   : report::unused_text(*unused, text_style(options.output)),
               unknown, survey->exhausted(), session);
}

Exit run_who_reaches(const ReachOptions& options, const Session& session, const query::Asker& asker,
                     const verify::Limits& given) {
  auto asked = read_wanted(*session.snapshot, options.who);
  if (!asked) return complain(within("--who-reaches", asked.error()).error());
  verify::Limits limits = given;
  if (!asked->port.empty()) {
    auto port = read_port(asked->port);
    if (!port) return complain(within("--who-reaches", port.error()).error());
    if (limits.port.value_or(port->port) != port->port ||
        limits.protocol.value_or(port->protocol.value_or(IpProtocol::kTcp)) !=
            port->protocol.value_or(limits.protocol.value_or(IpProtocol::kTcp)))
      return complain(usage("--who-reaches names one port and --port another: write one of them"));
    limits.port = port->port;
    if (port->protocol) limits.protocol = port->protocol;
  }
  // A service is known by its own port; the one at which it is dialled may be another.
  views::Wanted& wanted = asked->wanted;
  if (wanted.address) {
    limits.to = Prefix::single(*wanted.address);
  } else {
    wanted.port = std::exchange(limits.port, std::nullopt);
  }
  wanted.protocol = limits.protocol;
  auto survey = views::Survey::make(asker, session.config, limits, views::Detail::kAll,
                                    threads::processors());
  if (!survey) return complain(survey.error());
  const auto who = views::who_reaches(*survey, wanted);
  if (!who) return complain(who.error());
  const bool unknown = std::ranges::any_of(
      who->services, [](const views::ServiceReached& s) { return !s.unknown.empty(); });
  const model::Snapshot& snapshot = *session.snapshot;
  return shown(options.output.json ? report::who_reaches_json(snapshot, options.who, *who)
                                   : report::who_reaches_text(snapshot, options.who, *who,
                                                              text_style(options.output)),
               unknown, survey->exhausted(), session);
}

Exit run_through(const ReachOptions& options, const Session& session, const query::Asker& asker,
                 const verify::Limits& limits) {
  auto vantage = query::Vantage::parse(options.from);
  if (!vantage) return complain(vantage.error());
  auto seat = asker.seat(*vantage);
  if (!seat) return complain(seat.error());
  if (seat->origins.empty()) return complain({ErrorCode::kUnavailable, seat->unknown});
  auto survey = views::Survey::make(asker, session.config, limits);
  if (!survey) return complain(survey.error());
  const auto through = views::go_through(*survey, *vantage, *seat, options.through);
  if (!through) return complain(through.error());
  const std::string from = vantage->to_string();
  return shown(options.output.json
                   ? report::through_json(*session.snapshot, from, *through)
                   : report::through_text(from, *through, text_style(options.output)),
               through->unknown > 0, survey->exhausted(), session);
}

}  // namespace bulkhead::cli
