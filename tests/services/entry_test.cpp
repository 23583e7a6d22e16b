// Files of the catalogue's form: what is taken, and what is refused with its place.
#include "services/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/deny.h"

namespace bulkhead::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string with(const std::string& lines) {
  return "- id: mine\n  name: Mine\n  class: management\n  transport: [tcp, udp]\n  impact: host\n"
         "  tls: none\n  confidence: verified\n  source: us\n" +
         lines;
}

TEST(Entries, AreReadWithTheirSigns) {
  const Entries read = parse_entries(with("  ports: [7000]\n  generic: true\n  known:\n"
                                          "  - send: 'A\\x00\\r\\n\\\\'\n    over: udp\n"
                                          "    answer: '^B'\n  - get: /version\n    in: tls\n"
                                          "    status: [200, 401]\n    header: '^server: x'\n"
                                          "  access:\n  - banner: '^hello'\n    means: unowned\n"),
                                     "m.yaml");
  ASSERT_THAT(read.problems, IsEmpty());
  ASSERT_EQ(read.entries.size(), 1U);
  const Entry& e = read.entries[0];
  EXPECT_TRUE(e.tcp && e.udp && e.generic);
  ASSERT_EQ(e.known.size(), 2U);
  EXPECT_EQ(e.known[0].exchange.send, std::string("A\0\r\n\\", 5));
  EXPECT_EQ(e.known[0].exchange.protocol, IpProtocol::kUdp);
  EXPECT_EQ(e.known[1].exchange.method, "GET");
  EXPECT_EQ(e.known[1].inside, Inside::kTls);
  EXPECT_THAT(e.known[1].statuses, ElementsAre(200, 401));
  EXPECT_EQ(e.access[0].means, Access::kUnowned);
}

struct Refused {
  const char* name;
  std::string text;
  const char* problem;
};

class EntriesRefused : public testing::TestWithParam<Refused> {};

TEST_P(EntriesRefused, WithPlaceAndReason) {
  const Entries read = parse_entries(GetParam().text, "m.yaml");
  EXPECT_THAT(read.entries, IsEmpty());
  EXPECT_THAT(read.problems, ElementsAre(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Each, EntriesRefused,
    testing::Values(
        Refused{"not_a_list", "id: x\n",
                "m.yaml:1:1: a list of services is wanted: each begins with '- id: '"},
        Refused{"unknown_key", with("  colour: red\n"),
                "m.yaml:9:3: a service has no key 'colour'"},
        Refused{"unknown_key_of_a_sign", with("  known: [{gett: /}]\n"),
                "m.yaml:9:12: a sign has no key 'gett'"},
        Refused{"neither_known_nor_silent", with("  ports: [1]\n"),
                "m.yaml:1:3: a service has either known signs or silent: port, owner"},
        Refused{"nothing_known_by", with("  silent: port\n"),
                "m.yaml:1:3: mine has nothing by which it could be known"},
        Refused{"bad_port", with("  ports: [65536]\n"), "m.yaml:9:11: '65536' is not a port"},
        Refused{"bad_escape", with("  known: [{send: '\\q', answer: x}]\n"),
                "m.yaml:9:19: only \\r, \\n, \\t, \\\\ and \\xNN are understood behind a \\"},
        Refused{"asks_twice", with("  known: [{get: /, banner: x}]\n"),
                "m.yaml:9:20: a sign asks once: get or banner"},
        Refused{"asks_nothing", with("  known: [{status: [200]}]\n"),
                "m.yaml:9:12: a sign asks one of banner, get, head, send, tls"},
        Refused{"access_without_meaning", with("  known: [{banner: x}]\n  access: [{banner: x}]\n"),
                "m.yaml:10:13: a sign of access says what it means"},
        Refused{"meaning_of_an_identity", with("  known: [{banner: x, means: open}]\n"),
                "m.yaml:9:23: a sign has no key 'means'"},
        Refused{"escape_sequence_is_shown_escaped", with("  \"\\e[31m\": 1\n"),
                "m.yaml:9:4: a service has no key '\\x1b[31m'"},
        Refused{
            "acts", with("  known: [{get: /v1/update, status: [200]}]\n"),
            "m.yaml:9:12: would never be sent: 'update' is on the list of paths that act, stream "
            "or cost"},
        Refused{"logs_in", with("  known: [{send: 'AUTH secret\\r\\n', answer: x}]\n"),
                "m.yaml:9:12: would never be sent: 'auth ' is on the list of words that act or log "
                "in"}),
    [](const auto& row) { return row.param.name; });

TEST(Entries, ABadOneIsLeftOutAndTheOthersStay) {
  const std::string good = with("  silent: port\n  ports: [1]\n");
  std::string other = good;
  other.replace(other.find("mine"), 4, "mind");
  const Entries read = parse_entries(good + good + "- 5\n" + other, "m.yaml");
  EXPECT_EQ(read.entries.size(), 2U);
  EXPECT_THAT(read.problems, ElementsAre("m.yaml:11:3: the id 'mine' is there twice",
                                         "m.yaml:21:3: a service is a map: id, name, ..."));
}

Exchange http(const char* method, const char* path) {
  Exchange out;
  out.asking = Asking::kHttp, out.method = method, out.path = path;
  return out;
}
Exchange raw(std::string bytes) {
  Exchange out;
  out.asking = Asking::kSend, out.send = std::move(bytes);
  return out;
}

TEST(Deny, LetsOnlyHarmlessRequestsThrough) {
  for (const char* path : {"/", "/v2/_catalog?n=1", "/haproxy?stats", "http://bulkhead.invalid/"})
    EXPECT_EQ(refusal(http("GET", path)), std::nullopt) << path;
  for (const char* path :
       {"", "x", "/v1/update", "/v1/UPDATE", "/v1/update/", "/v1/update?x=1", "/a/../update",
        "/a//b", "/v1/%75pdate", "/a b", "/a\r\nX: y", "/x?password=1", "/x?a=1&Token=2",
        "http://example.org/", "http://a@b.invalid/", "http://b.invalid", "http://b.invalid/exec",
        "/-/reload", "/-/quit"})
    EXPECT_NE(refusal(http("GET", path)), std::nullopt) << path;
  for (const char* method : {"POST", "PUT", "DELETE", "get", "", "GET /x HTTP/1.1\r\n"})
    EXPECT_NE(refusal(http(method, "/")), std::nullopt) << method;
}

TEST(Deny, LetsOnlyHarmlessBytesThrough) {
  for (const char* bytes :
       {"PING\r\n", "version\r\n", "M-SEARCH * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n"})
    EXPECT_EQ(refusal(raw(bytes)), std::nullopt) << bytes;
  for (const char* bytes : {"", "POST / HTTP/1.1\r\n", "x\r\nGET /v1/update HTTP/1.0\r\n",
                            "config set dir /\r\n", "FLUSHALL\r\n", "USER x\r\n", "AUTH x\r\n",
                            "flush_all\r\n", "M-SEARCH * HTTP/1.1x\r\nPOST / HTTP/1.1"})
    EXPECT_NE(refusal(raw(bytes)), std::nullopt) << bytes;
}

TEST(Deny, KnowsThePortsOfPrinters) {
  EXPECT_TRUE(may_print(Port{9100}, IpProtocol::kTcp));
  EXPECT_TRUE(may_print(Port{9107}, IpProtocol::kTcp));
  EXPECT_FALSE(may_print(Port{9108}, IpProtocol::kTcp));
  EXPECT_FALSE(may_print(Port{9100}, IpProtocol::kUdp));
}

}  // namespace
}  // namespace bulkhead::services
