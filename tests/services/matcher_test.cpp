// From canned answers to a service and to who may use it.
#include "services/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/builtin.h"
#include "services/deny.h"

namespace bulkhead::services {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Exchange get(std::string path) {
  Exchange out;
  out.asking = Asking::kHttp, out.method = "GET", out.path = std::move(path);
  return out;
}
Exchange send(std::string bytes, IpProtocol protocol = IpProtocol::kTcp) {
  Exchange out;
  out.asking = Asking::kSend, out.send = std::move(bytes), out.protocol = protocol;
  return out;
}
Exchange after(std::string bytes) {
  Exchange out = send(std::move(bytes));
  out.after_banner = true;
  return out;
}
Exchange banner() {
  return {};
}

Answer answer(const Exchange& exchange, std::string bytes) {
  const auto all = builtin().exchanges();
  const auto at = std::ranges::find(all, exchange);
  EXPECT_NE(at, all.end()) << "no entry asks " << exchange.path << exchange.send;
  Answer out;
  out.exchange = static_cast<std::size_t>(at - all.begin());
  out.bytes = std::move(bytes);
  out.ending = Ending::kComplete;
  return out;
}
Answer http(const std::string& path, int status, std::vector<std::string> headers, std::string body,
            bool in_tls = false) {
  Answer out = answer(get(path), "HTTP/1.1 " + std::to_string(status));
  out.http = HttpResponse{status, std::move(headers), std::move(body)};
  out.in_tls = in_tls;
  return out;
}
std::string zero(const char* bytes, std::size_t size) {
  return {bytes, size};
}

struct Row {
  const char* name;
  std::vector<Answer> answers;
  std::string id;  // "" for none
  Access access = Access::kUnknown;
  std::uint16_t port = 1;
};

// Exchanges as the protocols' documents write them; those of real servers are in tests/probe.
std::vector<Row> rows() {
  const std::string startup = zero("\0\0\0)\0\3\0\0user\0bulkhead\0database\0bulkhead\0\0", 41);
  const std::string mqtt = zero("\x10\x10\0\4MQTT\4\2\0<\0\4bulk", 18);
  return {
      {"docker_open",
       {http("/_ping", 200, {"api-version: 1.41"}, "OK"),
        http("/containers/json?limit=1", 200, {}, "[]")},
       "docker-api",
       Access::kOpen},
      {"docker_in_tls", {http("/_ping", 200, {"api-version: 1.41"}, "OK", true)}, "docker-api-tls"},
      {"podman_is_not_docker",
       {http("/_ping", 200, {"api-version: 1.41"}, "OK"),
        http("/libpod/_ping", 200, {"libpod-api-version: 4.3.1"}, "OK")},
       "podman-api"},
      {"docker_without_its_header", {http("/_ping", 200, {"x: api-version: 1"}, "OK")}, ""},
      {"kubelet_forbids",
       {http("/pods", 403, {},
             "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource=proxy)",
             true)},
       "kubelet",
       Access::kProtected},
      {"portainer_without_an_owner",
       {http("/api/system/status", 200, {}, R"({"Version":"2.19.4","InstanceID":"1"})"),
        http("/api/users/admin/check", 404, {}, "")},
       "portainer",
       Access::kUnowned},
      {"portainer_owned",
       {http("/api/system/status", 200, {}, R"({"Version":"2.19.4","InstanceID":"1"})"),
        http("/api/users/admin/check", 204, {}, ""), http("/api/endpoints", 401, {}, "{}")},
       "portainer",
       Access::kProtected},
      {"vault_without_an_owner",
       {http("/v1/sys/health", 501, {}, R"({"initialized":false,"sealed":true})")},
       "vault",
       Access::kUnowned},
      {"redis_open", {answer(send("PING\r\n"), "+PONG\r\n")}, "redis", Access::kOpen},
      {"redis_asks",
       {answer(send("PING\r\n"), "-NOAUTH Authentication required.\r\n")},
       "redis",
       Access::kProtected},
      {"redis_that_loads", {answer(send("PING\r\n"), "-LOADING wait\r\n")}, "redis"},
      {"sentinel_is_not_redis",
       {answer(send("PING\r\n"), "+PONG\r\n"), answer(send("SENTINEL masters\r\n"), "*0\r\n")},
       "redis-sentinel",
       Access::kOpen},
      {"postgres_trusts",
       {answer(send(startup), zero("R\0\0\0\x08\0\0\0\0E\0\0\0\x05", 14))},
       "postgresql",
       Access::kOpen},
      {"postgres_scram",
       {answer(send(startup), zero("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", 24))},
       "postgresql",
       Access::kProtected},
      {"mqtt_refuses", {answer(send(mqtt), zero("\x20\2\0\5", 4))}, "mqtt", Access::kProtected},
      {"ssh", {answer(banner(), "SSH-2.0-OpenSSH_9.2p1\r\n")}, "ssh", Access::kProtected},
      {"vnc_without_a_password",
       {answer(banner(), "RFB 003.008\n"), answer(after("RFB 003.008\n"), "RFB 003.008\n\1\1")},
       "vnc",
       Access::kOpen},
      {"vnc_with_one",
       {answer(banner(), "RFB 003.008\n"), answer(after("RFB 003.008\n"), "RFB 003.008\n\1\2")},
       "vnc",
       Access::kProtected},
      {"nats_asks",
       {answer(banner(), R"(INFO {"server_id":"N","auth_required":true})")},
       "nats",
       Access::kProtected},
      {"any_web_server",
       {http("/", 200, {"server: nginx/1.22"}, "hi")},
       "web-server",
       Access::kOpen},
      {"a_nameless_web_server", {http("/", 401, {}, "")}, "http", Access::kProtected},
      {"a_redirect_says_nothing", {http("/", 302, {}, "")}, "http", Access::kUnknown},
      {"two_in_one_port_the_listed_one_wins",
       {http("/", 200, {}, "<title>Yacht</title><title>Dockge</title>")},
       "yacht",
       Access::kUnknown,
       8000},
      {"a_banner_that_comes_late",
       {answer(get("/"), "* OK ready\r\n")},
       "imap",
       Access::kProtected},
      {"binary", {answer(banner(), zero("\xff\xfe\0\0", 4))}, "telnet"},
      {"noise", {answer(banner(), "hello\r\n")}, ""},
  };
}

TEST(Matcher, TellsServicesAndWhoMayUseThem) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const auto found = builtin().candidates(row.answers, Port{row.port});
    ASSERT_EQ(found.empty() ? "" : found.front().entry->id, row.id);
    if (found.empty()) continue;
    EXPECT_EQ(builtin().access(*found.front().entry, row.answers).access, row.access);
    EXPECT_LE(found.front().evidence.size(), kMostEvidence);
  }
}

TEST(Matcher, ACertificateThatIsAskedForProtectsWhateverIsBehind) {
  TlsFacts facts;
  facts.complete = facts.client_certificate_asked = true;
  facts.subject = "CN=abc,OU=swarm-manager,O=x";
  facts.issuer = "CN=swarm-ca";
  Answer shaken = answer(builtin().exchanges()[Matcher::kTlsExchange], "");
  shaken.in_tls = true;
  shaken.tls = facts;
  const auto found = builtin().candidates({&shaken, 1}, Port{2377});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].entry->id, "swarm-manager");
  EXPECT_EQ(builtin().access(*found[0].entry, {&shaken, 1}).access, Access::kUnknown);
  shaken.tls->alert = 116;
  EXPECT_EQ(builtin().access(*found[0].entry, {&shaken, 1}).access, Access::kProtected);
}

TEST(Matcher, AServerCannotWriteALineOfFactsIntoItsName) {
  TlsFacts facts;
  facts.subject = "CN=x\nissuer: CN=swarm-ca";
  EXPECT_THAT(to_lines(facts), testing::Not(HasSubstr("\nissuer: CN=swarm-ca")));
}

TEST(Matcher, HasAProbeOrAnHonestMarkForEachOfManyEntries) {
  std::size_t asked = 0;
  for (const Entry& entry : builtin().entries()) {
    EXPECT_NE(entry.known.empty(), entry.silent == Silent::kNo) << entry.id;
    asked += entry.known.empty() ? 0 : 1;
  }
  EXPECT_GE(asked, 150U);
}

TEST(Matcher, AsksNothingThatIsForbidden) {
  for (const Exchange& exchange : builtin().exchanges())
    EXPECT_EQ(refusal(exchange), std::nullopt) << exchange.path << exchange.send;
}

TEST(Matcher, AUsersEntryCannotReplaceOneOfOurs) {
  std::vector<Entry> entries = builtin_entries().entries;
  const std::size_t ours = entries.size();
  entries.push_back(entries.front());
  entries.back().file = "mine.yaml";
  entries.back().line = 7;
  std::vector<std::string> problems;
  const Matcher matcher = Matcher::make(std::move(entries), problems);
  EXPECT_EQ(matcher.entries().size(), ours);
  EXPECT_THAT(problems, testing::ElementsAre(
                            "mine.yaml:7: the id 'docker-api' is taken by an entry before it"));
}

TEST(Matcher, LeavesOutEntriesWhosePatternsOrRanksAreWrong) {
  const char* text = R"(
- {id: a, name: A, class: client, transport: [tcp], impact: info, tls: none, confidence: recall,
   source: s, known: [{banner: '(unclosed'}]}
- {id: b, name: B, class: client, transport: [tcp], impact: info, tls: none, confidence: recall,
   source: s, beats: [nobody], known: [{banner: 'x'}]}
- {id: c, name: C, class: client, transport: [tcp], impact: info, tls: none, confidence: recall,
   source: s, known: [{banner: '^(a|a?)+$'}]}
)";
  Entries read = parse_entries(text, "mine.yaml");
  ASSERT_THAT(read.problems, IsEmpty());
  std::vector<std::string> problems;
  const Matcher matcher = Matcher::make(std::move(read.entries), problems);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_THAT(problems[0], HasSubstr("mine.yaml:3: a: not a pattern: '(unclosed': missing )"));
  EXPECT_THAT(problems[1], HasSubstr("mine.yaml:4: b: beats 'nobody', which there is not"));
  ASSERT_EQ(matcher.entries().size(), 1U);
  // A pattern that others take exponential time for.
  Answer hostile;
  hostile.bytes = std::string(kMostAnswerBytes, 'a') + "b";
  EXPECT_THAT(matcher.candidates({&hostile, 1}, Port{1}), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::services
