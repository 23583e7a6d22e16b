#include <algorithm>

#include "audit/advice.h"
#include "audit/identity.h"
#include "audit/threats.h"

namespace bulkhead::audit {
namespace {

using policy::ZoneRole;

// The same host, if engines had rewritten no destination and a program of the host listened on
// every published port: what do its INPUT rules say of those who ask?
model::Snapshot without_rewriting(const Scene& scene) {
  model::Snapshot copy = scene.snapshot;
  model::NetNs& host = copy.namespaces[copy.host.value];
  for (model::Table& table : host.ruleset.tables) {
    for (model::Chain& chain : table.chains) {
      if (chain.base && chain.base->type == model::ChainType::kNat) chain.rules.clear();
    }
  }
  for (const Service& service : scene.inventory.services) {
    for (const model::PublishedPort* port : service.published) {
      for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
        model::Socket socket;
        socket.protocol = port->protocol;
        socket.address = IpAddress::any(family);
        socket.v6_only = true;
        socket.port = port->host_port;
        host.sockets.push_back(std::move(socket));
      }
    }
  }
  return copy;
}

class PromiseFinder {
 public:
  PromiseFinder(const Scene& scene, const MakeOracle& make, const std::vector<Draft>& threats)
      : scene_(scene), make_(make), threats_(threats) {}

  std::vector<Draft> find() {
    firewalls();
    for (std::size_t i = 0; i < scene_.inventory.services.size(); ++i) {
      families(scene_.inventory.services[i], scene_.reach.of[i]);
      loopback(scene_.inventory.services[i], scene_.reach.of[i]);
    }
    return std::move(out_);
  }

 private:
  const SeatEntry& seat(const Asked& asked) const { return scene_.inventory.seats[asked.seat]; }
  bool outside(const Asked& asked) const {
    const policy::Zone* zone = seat(asked).zone;
    return zone != nullptr && zone->role != ZoneRole::kManagement;
  }

  Draft start(Kind kind, Phrase what, const Service& service, std::vector<Asked> open) const {
    Draft draft;
    draft.service = &service;
    draft.open = std::move(open);
    Finding& f = draft.finding;
    f.kind = kind;
    f.subject = service.subject;
    f.id = finding_id(kind, service.subject);
    f.what = {what, {}};
    f.reaches = reaches_of(scene_, service, draft.open);
    f.references = references_of(kind);
    const bool internet = std::ranges::any_of(
        f.reaches, [](const Reach& r) { return r.role == ZoneRole::kInternet; });
    f.severity = internet ? Severity::kHigh : Severity::kMedium;
    f.severity_reasons.push_back({internet ? Phrase::kFromInternet : Phrase::kFromLan, {}});
    f.severity_reasons.push_back({Phrase::kFalseBelief, {}});
    return draft;
  }

  void firewalls() {
    const bool any = std::ranges::any_of(scene_.inventory.services,
                                         [](const Service& s) { return !s.published.empty(); });
    if (!any) return;
    const model::Snapshot copy = without_rewriting(scene_);
    auto oracle = make_(copy);
    if (!oracle) return;
    for (std::size_t i = 0; i < scene_.inventory.services.size(); ++i) {
      firewall(scene_.inventory.services[i], scene_.reach.of[i], **oracle);
    }
  }

  void firewall(const Service& service, const Answers& answers, const Oracle& plain) {
    std::vector<Asked> open;
    std::vector<RuleQuote> closing;
    for (const Asked& asked : answers.open) {
      if (!outside(asked) || asked.dial.via != Via::kPublished || asked.dial.to.is_loopback())
        continue;
      query::Target target = target_of(asked.dial, service.subject.protocol);
      if (asked.reply->witness) target.source = asked.reply->witness;
      const query::Reply reply = plain.ask(seat(asked).seat, target);
      if (reply.answer.verdict != trace::Verdict::kClosed || reply.answer.rules.empty()) continue;
      open.push_back(asked);
      for (RuleQuote& q : closing_rule(reply.answer)) {
        if (std::ranges::find(closing, q) == closing.end()) closing.push_back(std::move(q));
      }
    }
    if (open.empty() || closing.empty()) return;
    Draft draft = start(Kind::kFirewallContradicted, Phrase::kFirewallWhat, service, open);
    Finding& f = draft.finding;
    f.closing = std::move(closing);
    for (const Asked& asked : open) {
      for (RuleQuote& q : quotes(asked.reply->answer.rules)) {
        if (std::ranges::find(f.opening, q) == f.opening.end()) f.opening.push_back(std::move(q));
      }
    }
    f.why = {Phrase::kWhyFirewall,
             {{"closing", f.closing.front().place},
              {"opening", f.opening.empty() ? service.subject.engine : f.opening.front().place}}};
    out_.push_back(std::move(draft));
  }

  // Closed over IPv4 by a rule, and nobody thought of IPv6.
  void families(const Service& service, const Answers& answers) {
    std::vector<Asked> open;
    std::vector<RuleQuote> closing;
    for (const Asked& asked : answers.open) {
      if (!outside(asked) || !asked.dial.to.is_v6()) continue;
      const auto same = [&](const Asked& o) {
        return o.seat == asked.seat && o.dial.to.is_v4() && o.dial.via == asked.dial.via;
      };
      if (std::ranges::any_of(answers.open, same)) continue;
      bool ruled = false;
      for (const Asked& closed : answers.closed) {
        if (!same(closed) || closed.reply->answer.rules.empty()) continue;
        ruled = true;
        for (RuleQuote& q : closing_rule(closed.reply->answer)) {
          if (std::ranges::find(closing, q) == closing.end()) closing.push_back(std::move(q));
        }
      }
      if (ruled) open.push_back(asked);
    }
    if (open.empty()) return;
    const bool published = open.front().dial.via == Via::kPublished;
    Draft draft = start(published ? Kind::kV4OnlyRule : Kind::kIpv6Unfirewalled,
                        published ? Phrase::kV4OnlyWhat : Phrase::kIpv6What, service, open);
    draft.finding.why = {
        published ? Phrase::kWhyV4Only : Phrase::kWhyIpv6,
        {{"closing", closing.front().place}, {"address", open.front().dial.to.to_string()}}};
    draft.finding.closing = std::move(closing);
    out_.push_back(std::move(draft));
  }

  bool said_already(const Service& service) const {
    return std::ranges::any_of(threats_, [&](const Draft& d) {
      return d.service == &service && is_threat(d.finding.kind) && d.finding.kind != Kind::kT6 &&
             std::ranges::any_of(d.finding.reaches,
                                 [](const Reach& r) { return r.role && !r.forged; });
    });
  }

  void loopback(const Service& service, const Answers& answers) {
    const bool only_loopback =
        !service.published.empty() && std::ranges::all_of(service.published, [](const auto* p) {
          return p->host_address.is_loopback();
        });
    if (!only_loopback || said_already(service)) return;
    std::vector<Asked> open;
    for (const Asked& asked : answers.open) {
      if (outside(asked)) open.push_back(asked);
    }
    if (open.empty()) return;
    Draft draft = start(Kind::kLoopbackPublished, Phrase::kLoopbackWhat, service, open);
    draft.finding.why = {Phrase::kWhyLoopback,
                         {{"address", draft.finding.reaches.front().to.to_string()}}};
    out_.push_back(std::move(draft));
  }

  const Scene& scene_;
  const MakeOracle& make_;
  const std::vector<Draft>& threats_;
  std::vector<Draft> out_;
};

}  // namespace

std::vector<Draft> find_broken_promises(const Scene& scene, const MakeOracle& make,
                                        const std::vector<Draft>& threats) {
  return PromiseFinder(scene, make, threats).find();
}

}  // namespace bulkhead::audit
