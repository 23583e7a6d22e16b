// reach = trace for attackers: what is computed for all packets that somebody on a wire can forge
// is what the interpreter says of each of them. REACH_SEEDS and REACH_FIRST choose other networks.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <random>

#include "reach/random_net.h"
#include "reach/reach.h"
#include "reach/tally.h"
#include "topology/topology.h"
#include "trace/trace.h"

namespace bulkhead::reach::testing {
namespace {

class Comparison {
 public:
  Comparison(std::uint32_t seed, NetKinds kinds, Tally& tally)
      : net_(random_net(seed, kinds)),
        seed_(seed),
        random_(seed),
        tally_(tally),
        topology_(topology::Topology::build(net_.snapshot)),
        world_(trace::World::build(net_.snapshot).value()) {
    for (const auto& m : topology_.machines()) {
      for (const auto& d : m->devices) macs_.push_back(d->mac);
    }
  }

  void run() {
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      Reach reach = Reach::build(net_.snapshot, family);
      for (const model::NsId ns : net_.machines) {
        for (const auto& device : topology_.machine(ns)->devices) {
          if (device->loopback || !device->up) continue;
          wire(reach, *device, false);
          if (device->leads_outside) wire(reach, *device, true);
        }
      }
    }
  }

 private:
  void wire(Reach& reach, topology::Device& link, bool outside) {
    for (const topology::Device* to : topology::wires(link, outside).stations) {
      if (random_() % 3 != 0) continue;
      ForgedRequest r;
      r.ns = link.machine->id;
      r.link = link.index();
      r.outside = outside;
      r.protocol = random_() % 3 == 0 ? IpProtocol::kUdp : IpProtocol::kTcp;
      r.to = to->mac;
      r.tagged = r.protocol == IpProtocol::kUdp && random_() % 3 == 0;
      const Result<Answer> answer = reach.from(r);
      ASSERT_TRUE(answer) << answer.error().message;
      for (int i = 0; i < 40; ++i) compare(reach.fields(), *answer, r, any_packet(reach.fields()));
      for (const Outcome& o : answer->outcomes()) {
        if (const auto p = o.set.witness()) compare(reach.fields(), *answer, r, *p);
      }
    }
  }

  IpAddress any_address(IpFamily family) {
    while (true) {
      const IpAddress a = net_.addresses[random_() % net_.addresses.size()];
      if (a.family() == family) return random_() % 4 == 0 ? a.next() : a;
    }
  }

  packet::Packet any_packet(const Fields& fields) {
    packet::Packet p = fields.layout().packet();
    const std::array<std::uint16_t, 6> sources{1, 22, 80, 443, 8080, 40000};
    fields.set_address(p, Quantity::kSource, any_address(fields.family()));
    fields.set_address(p, Quantity::kDestination, any_address(fields.family()));
    fields.set(p, Quantity::kSourcePort, sources[random_() % sources.size()]);
    fields.set(p, Quantity::kDestinationPort, net_.ports[random_() % net_.ports.size()]);
    fields.set(p, Quantity::kSourceMac, number_of(macs_[random_() % macs_.size()]));
    return p;
  }

  trace::Question question(const Fields& fields, const ForgedRequest& r, const packet::Packet& p) {
    trace::Question q;
    q.from = trace::ForgedOrigin{r.ns,
                                 r.link,
                                 r.outside,
                                 fields.address(p, Quantity::kSource),
                                 fields.mac(p, Quantity::kSourceMac),
                                 r.to,
                                 r.tagged};
    q.to = fields.address(p, Quantity::kDestination);
    q.port = Port{static_cast<std::uint16_t>(fields.get(p, Quantity::kDestinationPort))};
    q.source_port = Port{static_cast<std::uint16_t>(fields.get(p, Quantity::kSourcePort))};
    q.protocol = r.protocol;
    return q;
  }

  void compare(const Fields& fields, const Answer& answer, const ForgedRequest& r,
               packet::Packet p) {
    fields.set(p, Quantity::kProtocol, static_cast<std::uint8_t>(r.protocol));
    const trace::Question q = question(fields, r, p);
    if (fields.address(p, Quantity::kSource) == q.to || q.to.is_v4_mapped()) return;
    const trace::Answer t = world_.ask(q);
    const Said said = answer.about(p);
    tally_.count(t.verdict);
    if (said.verdict == t.verdict && !said.outcomes.empty()) return;
    std::string mine;
    for (const Outcome* o : said.outcomes)
      mine += std::string(to_string(o->verdict)) + " " + o->reason + "; ";
    if (!said.outcomes.empty() && said.verdict == Verdict::kUnknown) {
      tally_.less(std::string(to_string(t.verdict)) + " is " + mine);
      return;
    }
    if (++tally_.unlike > 12) return;
    const auto& from = std::get<trace::ForgedOrigin>(q.from);
    ADD_FAILURE() << "seed " << seed_ << " from ns " << r.ns.value << " link " << r.link.value
                  << (r.outside ? " outside" : "") << " " << from.source.to_string() << " port "
                  << q.source_port->number << " mac " << from.mac.to_string() << " by "
                  << r.to.to_string() << " to " << q.to.to_string() << " port " << q.port.number
                  << (r.protocol == IpProtocol::kTcp ? " tcp" : " udp") << "\n reach: " << mine
                  << "\n trace: " << to_string(t.verdict) << " " << t.reason << told(q);
  }

  // What the interpreter says of each step, when REACH_SHOW is set.
  std::string told(trace::Question q) const {
    if (std::getenv("REACH_SHOW") == nullptr) return {};
    q.explain = true;
    std::string out;
    for (const trace::Step& s : world_.ask(q).steps) {
      out += "\n  " + std::string(s.leg == trace::Leg::kReply ? "reply " : "request ") +
             std::to_string(s.ns.value) + " " + s.interface + " " + s.stage + ": " + s.detail;
    }
    return out;
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  Tally& tally_;
  topology::Topology topology_;
  trace::World world_;
  std::vector<MacAddress> macs_;
};

void compare(NetKinds kinds, std::uint32_t first, std::uint32_t count) {
  const Tally tally = over_seeds(
      first, count, [&](std::uint32_t seed, Tally& into) { Comparison(seed, kinds, into).run(); });
  expect_alike(tally, 100);
}

TEST(ForgedRandom, PlainNetworksAreAsTraceSays) {
  compare({}, 1, 12);
}
TEST(ForgedRandom, OddSettingsAreAsTraceSays) {
  NetKinds k;
  k.odd = true;
  compare(k, 1000, 12);
}
TEST(ForgedRandom, FilteredNetworksAreAsTraceSays) {
  NetKinds k;
  k.filter = true;
  compare(k, 3000, 12);
}
TEST(ForgedRandom, TranslatedNetworksAreAsTraceSays) {
  NetKinds k;
  k.nat = true;
  compare(k, 4000, 12);
}
TEST(ForgedRandom, EverythingTogetherIsAsTraceSays) {
  compare({true, true, true, true}, 5000, 12);
}
TEST(ForgedRandom, DevicesUponOthersAreAsTraceSays) {
  NetKinds k;
  k.stacked = true;
  compare(k, 6000, 12);
  k.filter = true;
  compare(k, 7000, 12);
}
TEST(ForgedRandom, RulesForFramesAreAsTraceSays) {
  NetKinds k;
  k.frames = true;
  compare(k, 11000, 16);
}
TEST(ForgedRandom, VxlansAreAsTraceSays) {
  NetKinds k;
  k.vxlan = true;
  compare(k, 8000, 12);
  k.filter = true;
  compare(k, 9000, 12);
}

}  // namespace
}  // namespace bulkhead::reach::testing
