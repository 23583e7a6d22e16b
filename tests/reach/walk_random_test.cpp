// reach = trace: what is computed for sets of packets is what the interpreter says of each of them.
// REACH_SEEDS and REACH_FIRST choose other networks; REACH_SHOW=1 shows where reach knows less.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <variant>

#include "reach/random_net.h"
#include "reach/reach.h"
#include "reach/tally.h"
#include "reach/traced.h"
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
        world_(trace::World::build(net_.snapshot).value()) {}

  void run() {
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      Reach reach = Reach::build(net_.snapshot, family);
      for (const model::NsId ns : net_.machines) {
        for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp})
          seat(reach, family, ns, protocol);
      }
      for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp})
        outside(reach, family, protocol);
    }
  }

 private:
  void seat(Reach& reach, IpFamily family, model::NsId ns, IpProtocol protocol) {
    LocalRequest request;
    request.ns = ns;
    request.protocol = protocol;
    const Result<Answer> whole = reach.from(request);
    check(reach, family, whole, trace::LocalOrigin{ns, 0, 0}, protocol, Port{(32768 + 60999) / 2});
    request.verdicts_alone = true;
    shortened(whole, reach.from(request), "from " + std::to_string(ns.value));
    const OneByOne each =
        traced(world_, reach.fields(), trace::LocalOrigin{ns, 0, 0}, protocol, tally_.one_by_one);
    request.one_by_one = &each;
    told_one_by_one(whole, reach.from(request), "from " + std::to_string(ns.value));
    request.one_by_one = nullptr;
    const packet::PacketSet named = some_destinations(reach);
    request.named = &named;
    told_of_named(whole, reach.from(request), named, "from " + std::to_string(ns.value));
    request.named = nullptr;
    request.verdicts_alone = false;
    if (random_() % 3 != 0) return;
    request.any_source_port = true;
    const std::vector<std::uint16_t> ports{1, 22, 80, 443, 8080, 40000};
    check(reach, family, reach.from(request), trace::LocalOrigin{ns, 0, 0}, protocol,
          Port{ports[random_() % ports.size()]}, true);
  }

  // A machine beyond a link that leads out of what is known, in the link's network or further away.
  void outside(Reach& reach, IpFamily family, IpProtocol protocol) {
    for (const model::NsId ns : net_.machines) {
      for (const model::Link& link : net_.snapshot.namespaces[ns.value].links) {
        if (!world_.leads_outside(ns, link.index)) continue;
        for (const char* source : {"198.51.100.1", "198.51.100.77", "203.0.113.5", "10.1.0.2",
                                   "fd0a::1", "fd0a::77", "2001:db8::77"}) {
          const IpAddress from = IpAddress::parse(source).value();
          if (from.family() != family) continue;
          OutsideRequest request;
          request.ns = ns;
          request.link = link.index;
          request.source = from;
          request.protocol = protocol;
          trace::OutsideOrigin origin;
          origin.ns = ns;
          origin.link = link.index;
          origin.source = from;
          const Result<Answer> whole = reach.from(request);
          check(reach, family, whole, origin, protocol, request.source_port);
          request.verdicts_alone = true;
          shortened(whole, reach.from(request), "outside " + from.to_string());
          const OneByOne each = traced(world_, reach.fields(), origin, protocol, tally_.one_by_one);
          request.one_by_one = &each;
          told_one_by_one(whole, reach.from(request), "outside " + from.to_string());
          request.one_by_one = nullptr;
          const packet::PacketSet named = some_destinations(reach);
          request.named = &named;
          told_of_named(whole, reach.from(request), named, "outside " + from.to_string());
        }
      }
    }
  }

  // Who asks for verdicts alone gets the same, or closed where the rest is not known.
  void shortened(const Result<Answer>& whole, const Result<Answer>& brief, const std::string& who) {
    ASSERT_TRUE(whole && brief);
    EXPECT_EQ(brief->open(), whole->open()) << "seed " << seed_ << " " << who;
    EXPECT_TRUE(brief->unknown().subset_of(whole->unknown()).value())
        << "seed " << seed_ << " " << who;
    EXPECT_TRUE(whole->closed().subset_of(brief->closed()).value())
        << "seed " << seed_ << " " << who;
  }

  void told_one_by_one(const Result<Answer>& whole, const Result<Answer>& brief,
                       const std::string& who) {
    ASSERT_TRUE(whole && brief);
    EXPECT_TRUE(agrees_with(*whole, *brief)) << "one by one, seed " << seed_ << " " << who;
  }

  packet::PacketSet some_destinations(const Reach& reach) {
    const Fields& fields = reach.fields();
    std::vector<packet::PacketSet> out;
    for (const IpAddress& address : net_.addresses) {
      if (address.family() != fields.family() || random_() % 2 == 0) continue;
      packet::Packet p = fields.layout().packet();
      fields.set_address(p, Quantity::kDestination, address);
      packet::Product product;
      for (const Fields::Part& part : fields.parts(Quantity::kDestination))
        product.where(part.field, packet::IntervalSet::single(p[part.field]));
      out.push_back(reach.space().set(product).value());
    }
    return reach.space().any_of(out).value();
  }

  // Who names destinations is told the same of these, and who gets in anywhere.
  void told_of_named(const Result<Answer>& whole, const Result<Answer>& brief,
                     const packet::PacketSet& named, const std::string& who) {
    ASSERT_TRUE(whole && brief);
    const std::string where = "named, seed " + std::to_string(seed_) + " " + who;
    const auto unknown = brief->unknown().intersect(named).value();
    const auto closed = whole->closed().intersect(named).value();
    EXPECT_EQ(brief->open(), whole->open()) << where;
    EXPECT_TRUE(unknown.subset_of(whole->unknown()).value()) << where;
    EXPECT_TRUE(closed.subset_of(brief->closed()).value()) << where;
    tally_.left_out += whole->closed().subset_of(brief->closed()).value() ? 0 : 1;
  }

  void check(Reach& reach, IpFamily family, const Result<Answer>& answer, const Origin& origin,
             IpProtocol protocol, Port source_port, bool bound = false) {
    ASSERT_TRUE(answer) << answer.error().message;
    const Fields& fields = reach.fields();
    // The question is about destinations: what else the packets say is taken from each outcome.
    std::vector<packet::FieldId> other;
    for (const auto& part : fields.parts(Quantity::kSource)) other.push_back(part.field);
    std::vector<packet::PacketSet> destinations;
    for (const Outcome& o : answer->outcomes())
      destinations.push_back(o.set.project(other).value());
    packet::Packet p = fields.layout().packet();
    fields.set(p, Quantity::kProtocol, static_cast<std::uint8_t>(protocol));
    fields.set(p, Quantity::kSourcePort, source_port.number);
    const auto ask = [&](IpAddress to, std::uint16_t port) {
      if (to.is_v4_mapped()) return;  // IPv4 in truth
      fields.set_address(p, Quantity::kDestination, to);
      fields.set(p, Quantity::kDestinationPort, port);
      compare(*answer, destinations, p, origin, protocol, to, port,
              bound ? std::optional(source_port) : std::nullopt);
    };
    for (IpAddress a : net_.addresses) {
      if (a.family() != family) continue;
      for (const std::uint16_t port : net_.ports) ask(a, port);
      ask(a.next(), 80);
      ask(a.previous(), 80);
    }
    // Some packet of every outcome, and one close to it.
    for (const packet::PacketSet& set : destinations) {
      const auto witness = set.witness(
          [&](packet::FieldId, const packet::IntervalSet& possible, const packet::Packet&) {
            const auto& list = possible.intervals();
            const packet::Interval& i = list[random_() % list.size()];
            return random_() % 2 == 0 ? i.first : i.last;
          });
      if (!witness) continue;
      const IpAddress to = fields.address(*witness, Quantity::kDestination);
      const auto port =
          static_cast<std::uint16_t>(fields.get(*witness, Quantity::kDestinationPort));
      ask(to, port);
      ask(to.next(), port);
      ask(to, static_cast<std::uint16_t>(port + 1));
    }
  }

  void compare(const Answer& answer, const std::vector<packet::PacketSet>& destinations,
               const packet::Packet& p, const Origin& origin, IpProtocol protocol, IpAddress to,
               std::uint16_t port, std::optional<Port> source_port) {
    trace::Question q;
    q.source_port = source_port;
    std::visit([&](const auto& from) { q.from = from; }, origin);
    q.to = to;
    q.port = Port{port};
    q.protocol = protocol;
    const trace::Answer t = world_.ask(q);
    std::vector<const Outcome*> of_it;
    for (std::size_t i = 0; i < destinations.size(); ++i) {
      if (destinations[i].contains(p)) of_it.push_back(&answer.outcomes()[i]);
    }
    const Said said = agreed(std::move(of_it));
    tally_.count(t.verdict);
    const bool same = to_string(said.verdict) == trace::to_string(t.verdict);
    std::string what;
    if (said.outcomes.empty()) {
      ++tally_.unlike;
      what = "no outcome at all";
    } else if (!same && said.verdict == Verdict::kUnknown) {
      std::string why = std::string(trace::to_string(t.verdict)) + " is ";
      for (const Outcome* o : said.outcomes)
        why += std::string(to_string(o->verdict)) + " " + o->reason + " | ";
      if (std::getenv("REACH_SHOW") != nullptr &&
          tally_.reasons.find(why.substr(0, 140)) == tally_.reasons.end()) {
        const auto fresh = trace::World::build(net_.snapshot);
        what = "less precise (a fresh world says " +
               std::string(trace::to_string(fresh->ask(q).verdict)) + ")";
      }
      tally_.less(why);
    } else if (!same) {
      ++tally_.unlike;
      what = "verdict";
    } else if (said.verdict != Verdict::kUnknown &&
               to_string(said.how) != trace::to_string(t.how)) {
      ++tally_.unlike_how;
      what = "how";
    }
    if (what.empty() || tally_.shown >= 12) return;
    ++tally_.shown;
    std::string mine;
    for (const Outcome* o : said.outcomes) {
      mine += std::string(to_string(o->verdict)) + "/" + std::string(to_string(o->how)) + " " +
              o->reason + "; ";
    }
    ADD_FAILURE() << what << ": seed " << seed_ << " from " << place(origin) << " to "
                  << to.to_string() << " port " << port
                  << (protocol == IpProtocol::kTcp ? " tcp" : " udp") << "\n reach: " << mine
                  << "\n trace: " << trace::to_string(t.verdict) << "/" << trace::to_string(t.how)
                  << " " << t.reason;
  }

  static std::string place(const Origin& origin) {
    if (const auto* o = std::get_if<trace::OutsideOrigin>(&origin))
      return "outside " + o->source.to_string();
    return std::to_string(std::get<trace::LocalOrigin>(origin).ns.value);
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  Tally& tally_;
  trace::World world_;
};

void compare(NetKinds kinds, std::uint32_t first, std::uint32_t count) {
  const Tally tally = over_seeds(
      first, count, [&](std::uint32_t seed, Tally& into) { Comparison(seed, kinds, into).run(); });
  expect_alike(tally, 50);
}

TEST(WalkRandom, PlainNetworksAreAsTraceSays) {
  compare({}, 1, 15);
}
TEST(WalkRandom, OddSettingsAreAsTraceSays) {
  NetKinds k;
  k.odd = true;
  compare(k, 1000, 15);
}
TEST(WalkRandom, PolicyRoutingIsAsTraceSays) {
  NetKinds k;
  k.policy = true;
  compare(k, 2000, 15);
}
TEST(WalkRandom, FilteredNetworksAreAsTraceSays) {
  NetKinds k;
  k.filter = true;
  compare(k, 3000, 15);
}
TEST(WalkRandom, TranslatedNetworksAreAsTraceSays) {
  NetKinds k;
  k.nat = true;
  compare(k, 4000, 15);
}
TEST(WalkRandom, EverythingTogetherIsAsTraceSays) {
  compare({true, true, true, true}, 5000, 20);
}
TEST(WalkRandom, DevicesUponOthersAreAsTraceSays) {
  NetKinds k;
  k.stacked = true;
  compare(k, 6000, 15);
  k.filter = k.nat = k.odd = true;
  compare(k, 7000, 20);
}
TEST(WalkRandom, RulesForFramesAreAsTraceSays) {
  NetKinds k;
  k.frames = k.stacked = true;
  compare(k, 11000, 20);
}
TEST(WalkRandom, VxlansAreAsTraceSays) {
  NetKinds k;
  k.vxlan = true;
  compare(k, 8000, 20);
  k.filter = k.odd = true;
  compare(k, 9000, 20);
  k.nat = k.policy = true;
  compare(k, 10000, 15);
}

}  // namespace
}  // namespace bulkhead::reach::testing
