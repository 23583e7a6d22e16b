#include "report/reach_text.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "audit/inventory.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using verify::Reached;

std::string ports_text(const packet::IntervalSet& ports, IpProtocol protocol) {
  std::string out;
  for (const packet::Interval& i : ports.intervals()) {
    if (!out.empty()) out += ",";
    out += std::to_string(i.first);
    if (i.first != i.last) out += "-" + std::to_string(i.last);
  }
  return out + "/" + to_string(protocol);
}

std::string address_text(const verify::AddressRange& range) {
  return range.first == range.last ? range.first.to_string()
                                   : range.first.to_string() + "-" + range.last.to_string();
}

class ReachWriter {
 public:
  ReachWriter(const model::Snapshot& snapshot, const verify::Reachable& reachable,
              const Style& style)
      : snapshot_(snapshot), reachable_(reachable), style_(style) {}

  std::string write(const query::Vantage& from, const verify::Limits& limits) {
    add_wrapped(out_, "",
                tell(Label::kReachTitle,
                     {{"from", escape_text(from.to_string(), 60)}, {"what", asked(limits)}}),
                style_);
    places();
    for (const verify::WayOut& w : reachable_.leaves) leaves(w);
    for (const verify::Contradiction& c : reachable_.contradictions) contradiction(c);
    for (const verify::Unknown& u : reachable_.unknown) {
      add_wrapped(
          out_, "  ",
          tell(Label::kReachUnknown, {{"reason", u.reason},
                                      {"example", dial_text(u.witness.to, u.witness.port) + "/" +
                                                      std::string(to_string(u.protocol))}}),
          style_);
    }
    if (!reachable_.complete) add_wrapped(out_, "  ", tell(Label::kReachMore), style_);
    counts();
    return std::move(out_);
  }

 private:
  std::string tell(Label label,
                   const std::vector<std::pair<std::string_view, std::string>>& values = {}) const {
    return say(label, style_, values);
  }

  static std::string asked(const verify::Limits& limits) {
    std::string what = limits.protocol ? std::string(to_string(*limits.protocol)) : "tcp, udp";
    if (limits.port) what += " " + std::to_string(limits.port->number);
    if (limits.to) what += ", " + limits.to->to_string();
    return what;
  }

  void places() {
    std::map<model::NsId, std::vector<const Reached*>> by_place;
    for (const Reached& r : reachable_.open) by_place[r.ns].push_back(&r);
    places_ = by_place.size();
    if (by_place.empty()) add_wrapped(out_, "  ", tell(Label::kReachNothing), style_);
    for (const auto& [ns, entries] : by_place) {
      out_ += "  " + inked(safe(audit::name_of(snapshot_, ns)), Ink::kBold, style_) + "\n";
      lines(entries);
    }
  }

  // One line for each address and service: their ports together, and of forged packets one.
  void lines(const std::vector<const Reached*>& entries) {
    struct Row {
      packet::IntervalSet ports;
      const Reached* first = nullptr;
    };
    std::map<std::tuple<verify::AddressRange, IpProtocol, bool, std::string>, Row> rows;
    std::size_t widest = 0;
    for (const Reached* r : entries) {
      Row& row = rows[{r->to, r->protocol, r->forged, what(*r)}];
      row.ports = row.ports.unite(r->ports);
      if (row.first == nullptr) row.first = r;
      widest = std::max(widest, address_text(r->to).size());
    }
    for (const auto& [key, row] : rows) {
      const auto& [to, protocol, is_forged, text] = key;
      std::string line = padded(ports_text(row.ports, protocol), 10) + " " + text;
      if (is_forged) line += (text.empty() ? "" : ", ") + forged(row.first->witness);
      add_wrapped(out_, "    " + padded(address_text(to), std::min<std::size_t>(widest, 39)) + " ",
                  line, style_);
    }
  }

  std::string what(const Reached& r) const {
    return service(r) + (r.some ? " (" + tell(Label::kReachSome) + ")" : std::string());
  }

  // The packet that gets in where an ordinary connection does not.
  std::string forged(const verify::Witness& w) const {
    std::string from = w.source ? w.source->to_string() : std::string();
    if (w.source_port) from += " port " + std::to_string(w.source_port->number);
    if (w.frame) {
      from += ", " + w.frame->source.to_string() + " > " + w.frame->destination.to_string();
      if (w.frame->tagged) from += ", VLAN 0";
    }
    return tell(Label::kReachForged, {{"packet", from}});
  }

  std::string service(const Reached& r) const {
    return r.socket == nullptr ? "" : listener_text(r.socket, r.socket->port, r.protocol, style_);
  }

  void leaves(const verify::WayOut& w) {
    std::string what = std::string(w.family == IpFamily::kV4 ? "IPv4" : "IPv6") + " " +
                       std::string(to_string(w.protocol));
    add_wrapped(
        out_, "  ",
        tell(Label::kReachLeaves, {{"link", safe(audit::link_name(snapshot_, w.ns, w.link))},
                                   {"where", safe(audit::name_of(snapshot_, w.ns))},
                                   {"what", what}}),
        style_);
  }

  void contradiction(const verify::Contradiction& c) {
    const std::string text =
        tell(Label::kReachContradiction,
             {{"to", dial_text(c.computed.witness.to, c.computed.witness.port) + "/" +
                         std::string(to_string(c.computed.protocol))},
              {"verdict", tell(verdict_label(c.traced))},
              {"reason", c.reason}});
    add_wrapped(out_, "  ", inked(text, Ink::kRed, style_), style_);
  }

  void counts() {
    add_wrapped(out_, "",
                tell(Label::kReachCounts,
                     {{"count", std::to_string(reachable_.open.size())},
                      {"places", std::to_string(places_)},
                      {"confirmed", std::to_string(reachable_.confirmed)},
                      {"contradicted", std::to_string(reachable_.contradictions.size())},
                      {"unknown", std::to_string(reachable_.unknown.size())}}),
                style_);
  }

  const model::Snapshot& snapshot_;
  const verify::Reachable& reachable_;
  const Style& style_;
  std::string out_;
  std::size_t places_ = 0;
};

}  // namespace

std::string reach_text(const model::Snapshot& snapshot, const query::Vantage& from,
                       const verify::Limits& limits, const verify::Reachable& reachable,
                       const Style& style) {
  return ReachWriter(snapshot, reachable, style).write(from, limits);
}

}  // namespace bulkhead::report
