#include "report/trace_text.h"

#include "audit/evidence.h"
#include "audit/inventory.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

Ink ink_of(trace::Verdict verdict) {
  switch (verdict) {
    case trace::Verdict::kOpen: return Ink::kRed;
    case trace::Verdict::kClosed: return Ink::kGreen;
    case trace::Verdict::kUnknown: return Ink::kYellow;
  }
  return Ink::kPlain;
}

class TraceWriter {
 public:
  TraceWriter(const model::Snapshot& snapshot, const trace::Answer& answer, const Style& style)
      : snapshot_(snapshot), answer_(answer), style_(style) {}

  std::string write(const query::Vantage& from, const query::Target& target,
                    const query::Reply& reply, const std::optional<query::Opening>& opening) {
    head(from, target, reply);
    for (const trace::Step& step : answer_.steps) show(step);
    if (answer_.steps.empty()) rules("  ", answer_.rules);
    if (answer_.socket != nullptr) answered_by(*answer_.socket);
    if (answer_.exit) leaves(*answer_.exit);
    verdict();
    if (opening) would_open(*opening);
    return std::move(out_);
  }

 private:
  std::string tell(Label label,
                   const std::vector<std::pair<std::string_view, std::string>>& values = {}) const {
    return say(label, style_, values);
  }

  void head(const query::Vantage& from, const query::Target& target, const query::Reply& reply) {
    std::string title =
        tell(Label::kTraceTitle, {{"from", escape_text(from.to_string(), 60)},
                                  {"to", target.to.to_string()},
                                  {"port", port_text(target.port, target.protocol)}});
    const auto source = reply.witness ? reply.witness : answer_.source;
    if (source) title += ", " + tell(Label::kWitness, {{"source", source->to_string()}});
    if (reply.some) title += " (" + tell(Label::kSome) + ")";
    add_wrapped(out_, "", title, style_);
  }

  // "  host  forward  eth0 -> br0: route ..." ; an answer's steps are marked.
  void show(const trace::Step& step) {
    const std::string leg = step.leg == trace::Leg::kRequest ? "-> " : "<- ";
    std::string text = safe(audit::name_of(snapshot_, step.ns)) + " " + step.stage;
    if (!step.interface.empty()) text += " " + safe(step.interface);
    if (!step.detail.empty()) text += ": " + step.detail;
    add_wrapped(out_, leg, text, style_);
    rules("     ", step.rules);
  }

  void rules(std::string_view indent, const std::vector<trace::RuleRef>& refs) {
    for (const audit::RuleQuote& q : audit::quotes(refs)) {
      std::string text = q.place + ": " + q.text;
      if (!q.author.empty()) text += " (" + tell(Label::kPolicyOf, {{"author", q.author}}) + ")";
      add_wrapped(out_, indent, text, style_);
    }
  }

  void answered_by(const model::Socket& socket) {
    std::string text = dial_text(socket.address, socket.port) + "/" + to_string(socket.protocol);
    for (const model::SocketOwner& owner : socket.owners) {
      text += " " + safe(owner.command) + " pid " + std::to_string(owner.pid);
      break;
    }
    if (answer_.socket_ns) text += " (" + safe(audit::name_of(snapshot_, *answer_.socket_ns)) + ")";
    add_wrapped(out_, tell(Label::kAnsweredBy) + ": ", text, style_);
  }

  void leaves(const trace::Exit& exit) {
    std::string text = safe(audit::name_of(snapshot_, exit.ns)) + " " +
                       safe(audit::link_name(snapshot_, exit.ns, exit.link)) + ": " +
                       dial_text(exit.source, exit.source_port) + " -> " +
                       dial_text(exit.destination, exit.destination_port);
    add_wrapped(out_, tell(Label::kLeavesBy) + ": ", text, style_);
  }

  // Last, where the eye is when the text has run through a terminal.
  void verdict() {
    const std::string word = tell(verdict_label(answer_.verdict));
    const std::string how = tell(how_label(answer_.how));
    std::string text = word;
    if (answer_.verdict != trace::Verdict::kUnknown) text += " (" + how + ")";
    if (!answer_.reason.empty()) text += ", " + tell(Label::kReason) + ": " + answer_.reason;
    std::string block;
    add_wrapped(block, "= ", text, style_);
    block.replace(2, word.size(), inked(word, ink_of(answer_.verdict), style_));
    out_ += block;
  }

  // All that stands in the way, in order, each with what takes it away.
  void would_open(const query::Opening& opening) {
    if (!opening.changes.empty()) {
      const std::string count = std::to_string(opening.changes.size());
      add_wrapped(
          out_, "",
          tell(opening.opens ? Label::kOpeningTitle : Label::kOpeningPart, {{"count", count}}),
          style_);
    }
    std::size_t number = 0;
    for (const query::Change& change : opening.changes)
      add_wrapped(out_, "  " + std::to_string(++number) + ". ", change_text(change), style_);
    if (!opening.opens)
      add_wrapped(out_, "", tell(Label::kOpeningLeft, {{"reason", opening.left}}), style_);
  }

  static Label change_label(query::ChangeKind kind) {
    switch (kind) {
      case query::ChangeKind::kAccept: return Label::kChangeAccept;
      case query::ChangeKind::kRemove: return Label::kChangeRemove;
      case query::ChangeKind::kPolicy: return Label::kChangePolicy;
      case query::ChangeKind::kListen: return Label::kChangeListen;
      case query::ChangeKind::kForward: return Label::kChangeForward;
      case query::ChangeKind::kReversePath: return Label::kChangeReversePath;
      case query::ChangeKind::kIsolation: return Label::kChangeIsolation;
    }
    return Label::kChangeAccept;
  }

  std::string change_text(const query::Change& change) const {
    const std::string family =
        change.family == IpFamily::kV4 ? "net.ipv4.ip_forward=1" : "net.ipv6.conf.all.forwarding=1";
    return tell(change_label(change.kind), {{"where", safe(audit::name_of(snapshot_, change.ns))},
                                            {"place", change.place},
                                            {"match", change.match},
                                            {"port", port_text(change.port, change.protocol)},
                                            {"setting", family},
                                            {"interface", safe(change.interface)}});
  }

  const model::Snapshot& snapshot_;
  const trace::Answer& answer_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string trace_text(const model::Snapshot& snapshot, const query::Vantage& from,
                       const query::Target& target, const query::Reply& reply,
                       const std::optional<query::Opening>& opening, const Style& style) {
  return TraceWriter(snapshot, reply.answer, style).write(from, target, reply, opening);
}

}  // namespace bulkhead::report
