#include "learn/audited.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "learn/fates.h"
#include "policy/zones.h"

namespace bulkhead::learn {
namespace {

using compile::Refused;
using flows::Peer;

std::uint64_t last_ms(const Refused& one, const model::Snapshot& snapshot) {
  return snapshot.taken_at_ms - std::min(one.ago_ms, snapshot.taken_at_ms);
}

class Translator {
 public:
  Translator(const AuditedInput& input, flows::Book& book) : input_(input), book_(book) {
    const model::Snapshot& snapshot = input.snapshot;
    for (const model::Address& a : host().addresses) holders_.emplace(a.local, Peer{});
    for (const model::Engine& engine : snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (is_resident(engine, c)) resident(engine, c);
      }
    }
  }

  // Nothing: no line could be about it, or there is no room.
  std::vector<flows::Flow> flows_of(const Refused& one) {
    if (one.protocol != IpProtocol::kTcp && one.protocol != IpProtocol::kUdp) {
      ++book_.losses.others;
      return {};
    }
    flows::Flow flow;
    const std::uint64_t last = last_ms(one, input_.snapshot);
    flow.from = holder(one.from, last);
    flow.to = holder(one.to, last);
    // It came from where no such address is.
    if (one.refusal == compile::Refusal::kImpostor)
      flow.from = {flows::PeerKind::kNobody, 0, one.from};
    flow.family = one.from.family();
    flow.protocol = one.protocol;
    flow.dialled = flow.served = one.port;
    if (one.refusal != compile::Refusal::kInward) return {flow};
    return inward(one, flow);
  }

 private:
  struct Door {
    std::uint32_t who = 0;
    model::PublishedPort port;
  };

  [[nodiscard]] const model::NetNs& host() const {
    return input_.snapshot.namespaces[input_.snapshot.host.value];
  }
  [[nodiscard]] bool is_resident(const model::Engine& engine, const model::Container& c) const {
    return engine.local && c.netns && *c.netns != input_.snapshot.host &&
           c.netns->value < input_.snapshot.namespaces.size() &&
           !c.network_mode.starts_with("container:");
  }

  void resident(const model::Engine& engine, const model::Container& container) {
    const auto who = book_.intern(flows::who_is(engine, container));
    const auto& netns = container.netns;
    if (!who || !netns) return;
    for (const model::Address& a : input_.snapshot.namespaces[netns->value].addresses) {
      if (is_of_engines(a.local)) hold(a.local, {flows::PeerKind::kContainer, *who, std::nullopt});
    }
    for (const model::PublishedPort& port : container.published) doors_.push_back({*who, port});
  }

  // What is beyond is nobody's here, whoever in a container gave it to an interface of its own.
  [[nodiscard]] bool is_of_engines(const IpAddress& address) const {
    return std::ranges::any_of(input_.snapshot.engines, [&](const model::Engine& engine) {
      return std::ranges::any_of(engine.networks, [&](const model::EngineNetwork& network) {
        return std::ranges::any_of(network.subnets,
                                   [&](const Prefix& p) { return p.contains(address); });
      });
    });
  }

  // The host's are its own; of two containers that have one, either may have been counted.
  void hold(const IpAddress& address, const Peer& container) {
    const auto [at, is_new] = holders_.try_emplace(address, container);
    if (!is_new && at->second.kind == flows::PeerKind::kContainer && at->second != container)
      at->second = {flows::PeerKind::kUnsure, 0, address};
  }

  [[nodiscard]] Peer holder(const IpAddress& address, std::uint64_t when_ms) const {
    const Peer unsure{flows::PeerKind::kUnsure, 0, address};
    if (input_.moved.contains(address)) return unsure;
    if (const auto at = holders_.find(address); at != holders_.end()) {
      const auto since = input_.since.find(address);
      const bool is_newer = since != input_.since.end() && since->second > when_ms;
      return at->second.kind == flows::PeerKind::kContainer && is_newer ? unsure : at->second;
    }
    return {is_of_engines(address) ? flows::PeerKind::kNobody : flows::PeerKind::kOutside, 0,
            address};
  }

  // Of the host's that is published at all of them: whichever of its own.
  [[nodiscard]] std::optional<IpAddress> host_address(const model::PublishedPort& port,
                                                      IpFamily family) const {
    if (port.host_address.family() != family) return std::nullopt;
    if (!port.host_address.is_unspecified()) return port.host_address;
    for (const model::Address& a : host().addresses) {
      const bool usual = !a.local.is_loopback() && !a.local.is_link_local();
      if (usual && a.local.family() == family && policy::zone_of(input_.zones, a.local) != nullptr)
        return a.local;
    }
    return std::nullopt;
  }

  // To a container, as its published port was dialled; to an address of the host, where a proxy of
  // the engine answers.
  [[nodiscard]] std::vector<flows::Flow> inward(const Refused& one, const flows::Flow& seen) const {
    std::vector<flows::Flow> out;
    const bool proxied = seen.to.kind == flows::PeerKind::kHost;
    for (const Door& door : doors_) {
      flows::Flow flow = seen;
      flow.to = {flows::PeerKind::kContainer, door.who, std::nullopt};
      if (door.port.protocol != one.protocol || (!proxied && flow.to != seen.to)) continue;
      const bool here = door.port.host_address.is_unspecified()
                            ? door.port.host_address.family() == one.to.family()
                            : door.port.host_address == one.to;
      if (proxied ? door.port.host_port != one.port || !here : door.port.container_port != one.port)
        continue;
      flow.at = proxied ? one.to : host_address(door.port, one.to.family());
      if (!flow.at) continue;
      flow.dialled = door.port.host_port;
      flow.served = door.port.container_port;
      if (std::ranges::find(out, flow) == out.end()) out.push_back(flow);
    }
    return out.empty() ? std::vector{seen} : out;
  }

  const AuditedInput& input_;
  flows::Book& book_;
  std::map<IpAddress, Peer> holders_;
  std::vector<Door> doors_;
};

flows::Counts counts_of(const Refused& one, const model::Snapshot& snapshot) {
  flows::Counts out;
  out.tries = 1;
  out.audited = one.packets;
  out.first_ms = out.last_ms = last_ms(one, snapshot);
  return out;
}

}  // namespace

Status add_audited(const compile::Tally& tally, const AuditedInput& input, flows::Book& book) {
  Translator translator(input, book);
  std::vector<flows::Flow> all;
  std::vector<flows::Counts> counts;
  for (const Refused& one : tally.refused) {
    for (flows::Flow& flow : translator.flows_of(one)) {
      all.push_back(std::move(flow));
      counts.push_back(counts_of(one, input.snapshot));
    }
  }
  const auto answers = answers_now(input.snapshot, input.zones, book, all);
  if (!answers) return std::unexpected(answers.error());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((*answers)[i] == Answers::kYes) counts[i].answered = 1;
    if ((*answers)[i] == Answers::kUnknown) counts[i].lost = 1;
    book.add(std::move(all[i]), counts[i]);
  }
  book.losses.dropped += tally.missed;
  return {};
}

}  // namespace bulkhead::learn
