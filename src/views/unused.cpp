#include "views/unused.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "audit/evidence.h"
#include "model/gaps.h"

namespace bulkhead::views {
namespace {

using trace::Verdict;

// One port of one container, with all addresses at which it is published.
struct Promise {
  const audit::Service* service = nullptr;
  std::vector<const model::PublishedPort*> ports;
  std::vector<IpAddress> dials;
};

class Finder {
 public:
  explicit Finder(Survey& survey) : survey_(survey) {}

  Result<Unused> run() {
    promises();
    out_.published = promises_.size();
    std::vector<Reply> replies(promises_.size());
    for (const std::size_t s : seats_worst_first(survey_.inventory())) {
      const audit::SeatEntry& seat = survey_.inventory().seats[s];
      if (!seat.is_zone()) continue;
      ++out_.zones;
      auto row = survey_.row(seat.seat);
      if (!row) return std::unexpected(row.error());
      for (std::size_t i = 0; i < promises_.size(); ++i) {
        const std::size_t service =
            static_cast<std::size_t>(promises_[i].service - survey_.inventory().services.data());
        look(seat, promises_[i], (*row)[service], replies[i]);
      }
    }
    for (std::size_t i = 0; i < promises_.size(); ++i) judge(promises_[i], replies[i]);
    std::ranges::stable_sort(out_.ports, {},
                             [](const PublishedUnused& p) { return p.why == Why::kUnknown; });
    return std::move(out_);
  }

 private:
  // Of all zones together.
  struct Reply {
    bool reached = false, contradicted = false;
    std::optional<trace::Answer> closed, unknown;
    std::string closed_from, unknown_from;
    IpAddress closed_to, unknown_to;
  };

  void promises() {
    for (const audit::Service& service : survey_.inventory().services) {
      std::map<Port, std::size_t> by_port;
      for (const model::PublishedPort* port : service.published) {
        const auto [at, fresh] = by_port.emplace(port->host_port, promises_.size());
        if (fresh) promises_.push_back({&service, {}, {}});
        Promise& promise = promises_[at->second];
        promise.ports.push_back(port);
        for (const audit::Dial& dial : service.dials) {
          const bool its = dial.via == audit::Via::kPublished && dial.port == port->host_port &&
                           dial.to.family() == port->host_address.family() &&
                           (port->host_address.is_unspecified() || port->host_address == dial.to);
          if (its) promise.dials.push_back(dial.to);
        }
      }
    }
  }

  // The published address counts, not others by which the service is reached.
  void look(const audit::SeatEntry& seat, const Promise& promise, const Cell& cell,
            Reply& reply) const {
    const Port port = promise.ports.front()->host_port;
    for (const IpAddress& to : promise.dials) {
      const bool open = std::ranges::any_of(cell.ways, [&](const verify::Reached& way) {
        return way.to.first.family() == to.family() && way.to.first <= to && to <= way.to.last &&
               way.ports.contains(port.number);
      });
      if (open) {
        reply.reached = true;
        return;
      }
      query::Target target;
      target.to = to;
      target.port = port;
      target.protocol = promise.service->subject.protocol;
      trace::Answer answer = survey_.asker().ask(seat.seat, target).answer;
      if (answer.verdict == Verdict::kOpen) {
        // Open to trace alone; another service's socket is not this one's promise.
        reply.contradicted = reply.contradicted || whose(*promise.service, answer.socket);
      } else if (answer.verdict == Verdict::kUnknown || is_unknown(cell, to, port)) {
        if (reply.unknown) continue;
        if (answer.verdict != Verdict::kUnknown)
          answer.reason = "the computation does not tell; one packet is closed: " + answer.reason;
        reply.unknown = std::move(answer);
        reply.unknown_from = seat.text;
        reply.unknown_to = to;
      } else if (better(reply.closed, answer)) {
        reply.closed = std::move(answer);
        reply.closed_from = seat.text;
        reply.closed_to = to;
      }
    }
    reply.contradicted = reply.contradicted || cell.contradicted;
  }

  // To reach, which knows all packets; a seat from which nothing can be asked has no `dialled`.
  static bool is_unknown(const Cell& cell, IpAddress to, Port port) {
    const auto at = std::ranges::find_if(
        cell.dialled, [&](const Dialled& d) { return d.dial.to == to && d.dial.port == port; });
    return at == cell.dialled.end() || at->verdict == Verdict::kUnknown;
  }

  static bool whose(const audit::Service& service, const model::Socket* socket) {
    return std::ranges::find(service.sockets, socket) != service.sockets.end() ||
           std::ranges::find(service.fronts, socket) != service.fronts.end();
  }

  // A packet that a rule closed says more than one that nobody sends.
  static bool better(const std::optional<trace::Answer>& old, const trace::Answer& answer) {
    return !old || (old->rules.empty() && !answer.rules.empty());
  }

  void judge(const Promise& promise, const Reply& reply) {
    const bool listens = !promise.service->sockets.empty();
    // docker-proxy takes a connection and hangs up when nobody listens behind it.
    if (reply.reached && listens) {
      ++out_.reached;
      return;
    }
    PublishedUnused port;
    port.subject = promise.service->subject;
    port.host_port = promise.ports.front()->host_port;
    port.container_port = promise.ports.front()->container_port;
    port.protocol = promise.ports.front()->protocol;
    for (const model::PublishedPort* p : promise.ports) port.binds.push_back(p->host_address);
    port.why = why(promise, reply, listens);
    port.contradicted = reply.contradicted;
    const bool unknown = port.why == Why::kUnknown && reply.unknown;
    if (const auto& answer = unknown ? reply.unknown : reply.closed) {
      port.vantage = unknown ? reply.unknown_from : reply.closed_from;
      port.witness = {answer->source, unknown ? reply.unknown_to : reply.closed_to, port.host_port};
      port.reason = answer->reason;
      if (!unknown) port.rules = audit::closing_rule(*answer);
    }
    out_.ports.push_back(std::move(port));
  }

  Why why(const Promise& promise, const Reply& reply, bool listens) const {
    const bool readable = promise.service->container->netns.has_value();
    if (reply.contradicted || reply.unknown || !readable || out_.zones == 0) return Why::kUnknown;
    if (!listens) return sockets_known(*promise.service) ? Why::kNobodyListens : Why::kUnknown;
    if (promise.dials.empty()) return Why::kNoAddress;
    const bool loopback = std::ranges::all_of(
        promise.ports, [](const model::PublishedPort* p) { return p->host_address.is_loopback(); });
    if (loopback) return Why::kLoopback;
    return reply.closed && !reply.closed->rules.empty() ? Why::kFirewall : Why::kOther;
  }

  bool sockets_known(const audit::Service& service) const {
    const model::Snapshot& snapshot = survey_.snapshot();
    if (service.ns.value >= snapshot.namespaces.size()) return false;
    return std::ranges::none_of(snapshot.namespaces[service.ns.value].gaps,
                                [](const model::Gap& gap) { return model::concerns(gap).sockets; });
  }

  Survey& survey_;
  std::vector<Promise> promises_;
  Unused out_;
};

}  // namespace

std::string_view to_string(Why why) {
  switch (why) {
    case Why::kNobodyListens: return "nobody-listens";
    case Why::kLoopback: return "loopback";
    case Why::kFirewall: return "firewall";
    case Why::kNoAddress: return "no-address";
    case Why::kOther: return "other";
    case Why::kUnknown: return "unknown";
  }
  return "";
}

Result<Unused> find_unused(Survey& survey) {
  return Finder(survey).run();
}

}  // namespace bulkhead::views
