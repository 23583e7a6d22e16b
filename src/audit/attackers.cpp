#include "audit/attackers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "audit/attack_questions.h"
#include "audit/evidence.h"
#include "audit/threats.h"
#include "topology/outsider.h"

namespace bulkhead::audit {
namespace {

class AttackerSweep {
 public:
  AttackerSweep(const policy::Config& config, const Inventory& inventory, const Oracle& oracle,
                Reachability& reach)
      : config_(config),
        inventory_(inventory),
        questions_(inventory, oracle),
        reach_(reach),
        whose_(services_by_socket(inventory)) {}

  void run() {
    for (std::size_t i = 0; i < inventory_.services.size(); ++i) {
      std::vector<bool> open(inventory_.seats.size());
      for (const Asked& asked : reach_.of[i].open) open[asked.seat] = true;
      for (std::size_t seat = 0; seat < inventory_.seats.size(); ++seat) {
        if (!open[seat] && !inventory_.seats[seat].seat.origins.empty()) pair(i, seat);
      }
      questions_.forget();
    }
  }

 private:
  void pair(std::size_t index, std::size_t seat) {
    const Service& service = inventory_.services[index];
    const SeatEntry& from = inventory_.seats[seat];
    if (!may_threaten(service, from)) return;
    std::optional<Asked> unknown;
    bool any = false;
    for (const Dial& dial : service.dials) {
      if (!worth_asking(from, service, dial) || !threat_of(config_, service, from, dial)) continue;
      any = true;
      Asked asked = questions_.ask(seat, dial, service.subject.protocol);
      if (asked.verdict() == trace::Verdict::kOpen && is_answer_of(index, asked)) {
        reach_.of[index].forged.push_back(std::move(asked));
        ++reach_.attackers.asked;
        ++reach_.attackers.open;
        return;
      }
      if (asked.verdict() == trace::Verdict::kUnknown && !unknown) unknown = std::move(asked);
    }
    if (!any) return;
    ++reach_.attackers.asked;
    ++(unknown ? reach_.attackers.unknown : reach_.attackers.closed);
    if (unknown) reach_.of[index].forged_unknown.push_back(std::move(*unknown));
  }

  // What a rule sends to another service is that one's matter, and is asked about there.
  bool is_answer_of(std::size_t index, const Asked& asked) const {
    const auto found = whose_.find(asked.reply->answer.socket);
    return found == whose_.end() || found->second == index;
  }

  const policy::Config& config_;
  const Inventory& inventory_;
  AttackQuestions questions_;
  Reachability& reach_;
  std::unordered_map<const model::Socket*, std::size_t> whose_;
};

// Of the namespace's own addresses, or in a zone one that somebody there can have.
bool has_address(const model::Snapshot& snapshot, const SeatEntry& from, IpAddress address) {
  if (from.zone != nullptr) {
    const auto holds = [&](const Prefix& p) { return p.contains(address); };
    return std::ranges::any_of(from.zone->prefixes, holds) &&
           std::ranges::none_of(from.zone->excluded, holds);
  }
  if (!from.ns || from.ns->value >= snapshot.namespaces.size()) return false;
  return std::ranges::any_of(snapshot.namespaces[from.ns->value].addresses,
                             [&](const model::Address& a) { return a.local == address; });
}

bool has_mac(const model::Snapshot& snapshot, const SeatEntry& from, MacAddress mac) {
  if (from.zone != nullptr) return mac == topology::kOutsiderMac;
  if (!from.ns || from.ns->value >= snapshot.namespaces.size()) return false;
  return std::ranges::any_of(snapshot.namespaces[from.ns->value].links,
                             [&](const model::Link& l) { return l.mac == mac; });
}

constexpr Port kFirstEphemeral{32768};  // net.ipv4.ip_local_port_range by default

}  // namespace

void ask_attackers(const policy::Config& config, const Inventory& inventory, const Oracle& oracle,
                   Reachability& reach) {
  AttackerSweep(config, inventory, oracle, reach).run();
}

Forgery forgery_of(const model::Snapshot& snapshot, const SeatEntry& from, const Asked& asked) {
  Forgery out;
  const query::Reply& reply = *asked.reply;
  if (const auto& source = reply.answer.source) {
    out.foreign_source = !has_address(snapshot, from, *source);
    out.other_source = !out.foreign_source && from.zone == nullptr && asked.ordinary &&
                       asked.ordinary->source != source;
  }
  out.source_port = reply.answer.source_port;
  out.odd_port = out.source_port < kFirstEphemeral;
  if (const auto& frame = reply.frame) {
    out.frame = true;
    out.source_mac = frame->source;
    out.destination_mac = frame->destination;
    out.foreign_mac = !has_mac(snapshot, from, frame->source);
    out.tagged = frame->tagged;
  }
  if (const auto& ordinary = asked.ordinary; ordinary != nullptr) {
    out.stops = closing_rule(*ordinary);
    out.reason = ordinary->reason;
  }
  return out;
}

}  // namespace bulkhead::audit
