#include "outside/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "services/catalogue.h"
#include "services/deny.h"

namespace bulkhead::outside {
namespace {

const services::Matcher& matcher() {
  static std::vector<std::string> problems;
  static const services::Matcher made =
      services::Matcher::make(services::builtin_entries().entries, problems);
  return made;
}

bool holds(const std::vector<seen::PortRange>& ranges, std::uint16_t port) {
  return std::ranges::any_of(
      ranges, [port](const seen::PortRange& r) { return r.first <= port && port <= r.last; });
}

Questions made(const std::vector<std::string>& wanted, bool udp = true) {
  auto questions = make_questions(matcher(), wanted, udp);
  EXPECT_TRUE(questions);
  return *questions;
}

TEST(Questions, HoldAllPortsOfTheCatalogueWhenNobodySaysWhich) {
  const Questions questions = made({});
  for (const services::Service& service : services::catalogue()) {
    if (!service.tcp || service.service_class == services::ServiceClass::kClient) continue;
    for (const std::uint16_t port : service.ports) EXPECT_TRUE(holds(questions.tcp, port)) << port;
    for (const std::uint16_t port : service.also) EXPECT_TRUE(holds(questions.tcp, port)) << port;
  }
  EXPECT_TRUE(holds(questions.udp, 53));
  EXPECT_FALSE(questions.patient_udp);
  EXPECT_TRUE(made({}, false).udp.empty());
}

TEST(Questions, AreThoseThatWereWanted) {
  const Questions all = made({"all"});
  EXPECT_THAT(all.tcp, testing::ElementsAre(seen::PortRange{1, 65535}));
  EXPECT_TRUE(all.udp.empty());
  const Questions few = made({"22,80-82,81", "53/udp"});
  EXPECT_THAT(few.tcp, testing::ElementsAre(seen::PortRange{22, 22}, seen::PortRange{80, 82}));
  EXPECT_THAT(few.udp, testing::ElementsAre(seen::PortRange{53, 53}));
  EXPECT_TRUE(few.patient_udp);
  const std::vector<std::string> wrong = {"x"};
  EXPECT_FALSE(make_questions(matcher(), wrong, true));
}

// Whatever is sent without being asked for stands in the catalogue, whose reader holds each
// exchange against deny.h; nothing goes where a printer may listen.
TEST(Questions, ToUdpPortsAreFewAndFromTheCatalogue) {
  const Questions questions = made({});
  EXPECT_GT(questions.payloads.size(), 5U);
  for (const auto& [port, payloads] : questions.payloads) {
    EXPECT_LE(payloads.size(), 4U);
    EXPECT_FALSE(services::may_print(port, IpProtocol::kUdp));
    for (const std::string& payload : payloads) {
      const bool known =
          std::ranges::any_of(matcher().exchanges(), [&](const services::Exchange& exchange) {
            return exchange.send == payload && exchange.protocol == IpProtocol::kUdp;
          });
      EXPECT_TRUE(known);
    }
  }
}

}  // namespace
}  // namespace bulkhead::outside
