#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/verbs.h"
#include "query/jsonl.h"
#include "query/query.h"
#include "report/trace_text.h"
#include "trace/trace.h"

namespace bulkhead::cli {
namespace {

// "6379", "53/udp"
Status read_port(std::string_view text, query::Target& target) {
  const std::size_t slash = text.find('/');
  const std::string_view digits = text.substr(0, slash);
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), target.port.number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 32) + "' is not a port; write 6379 or 53/udp");
  }
  if (slash == std::string_view::npos) return {};
  const std::string_view protocol = text.substr(slash + 1);
  if (protocol == "tcp")
    target.protocol = IpProtocol::kTcp;
  else if (protocol == "udp")
    target.protocol = IpProtocol::kUdp;
  else
    return fail(ErrorCode::kInvalidInput, "'" + escape_text(protocol, 32) + "' is not tcp or udp");
  return {};
}

// A container's name stands for its first address; one without an address has no name here.
Result<IpAddress> read_address(const model::Snapshot& snapshot, const std::string& text) {
  if (auto address = IpAddress::parse(text)) return address;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) return *at.address4;
        if (at.address6) return *at.address6;
      }
      return fail(ErrorCode::kNotFound,
                  "container '" + escape_text(text, 64) + "' has no address of its own");
    }
  }
  return fail(
      ErrorCode::kInvalidInput,
      "'" + escape_text(text, 64) + "' is neither an IP address nor the name of a container");
}

Result<query::Target> read_target(const TraceOptions& options, const model::Snapshot& snapshot) {
  query::Target target;
  target.explain = true;
  if (auto status = read_port(options.port, target); !status)
    return std::unexpected(status.error());
  auto to = read_address(snapshot, options.to);
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
  if (options.source_port != 0) target.source_port = Port{options.source_port};
  return target;
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
  const query::Asker asker(*world, session->zones);
  auto seat = asker.seat(*vantage);
  if (!seat) return complain(seat.error());
  const query::Reply reply = asker.ask(*seat, *target);
  const std::string text = options.output.json
                               ? query::answer_line(*vantage, *target, reply)
                               : report::trace_text(*session->snapshot, *vantage, *target, reply,
                                                    text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  const bool blind =
      reply.answer.verdict == trace::Verdict::kUnknown && !session->snapshot->complete;
  return blind ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace bulkhead::cli
