// Whole conversations with peers that are tables: question -> answer.
#include "services/interview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <span>

#include "services/builtin.h"

namespace bulkhead::services {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string name_of(const Question& question) {
  const Exchange& e = builtin().exchanges()[question.exchange];
  std::string out = question.in_tls ? "tls " : "";
  switch (e.asking) {
    case Asking::kBanner: return out + "listen";
    case Asking::kTls: return out + "handshake";
    case Asking::kHttp: return out + e.path;
    case Asking::kSend: return out + "send " + e.send;
  }
  return out;
}

struct Talk {
  std::vector<std::string> asked;
  Finding finding;
};

using Peer = std::function<void(const std::string& question, Answer& answer)>;

Talk talk(const Subject& subject, const Peer& peer, Depth depth = Depth::kProtocol) {
  Talk out;
  Interview interview(builtin(), subject, depth);
  for (auto questions = interview.next(); !questions.empty(); questions = interview.next()) {
    for (const Question& question : questions) {
      out.asked.push_back(name_of(question));
      Answer answer;
      answer.exchange = question.exchange;
      answer.in_tls = question.in_tls;
      peer(out.asked.back(), answer);
      interview.hear(std::move(answer));
    }
  }
  out.finding = interview.finding();
  return out;
}

void says(Answer& answer, int status, std::string body, std::vector<std::string> headers = {}) {
  answer.bytes = "HTTP/1.1 " + std::to_string(status) + "\r\n\r\n" + body;
  answer.http = HttpResponse{status, std::move(headers), std::move(body)};
}

std::string id_of(const Finding& finding) {
  return finding.service == nullptr ? "" : finding.service->id;
}

TEST(Interview, ABannerIsEnoughAndNothingIsSent) {
  const Talk t = talk({Port{2200}}, [](const std::string& question, Answer& answer) {
    if (question == "listen") answer.bytes = "SSH-2.0-x\r\n";
  });
  EXPECT_THAT(t.asked, testing::ElementsAre("listen"));
  EXPECT_EQ(id_of(t.finding), "ssh");
  EXPECT_EQ(t.finding.access.access, Access::kProtected);
}

TEST(Interview, AsksWhatThePortSuggestsBeforeHttp) {
  const Talk t = talk({Port{6379}}, [](const std::string& question, Answer& answer) {
    if (question == "send PING\r\n") answer.bytes = "+PONG\r\n";
  });
  EXPECT_THAT(t.asked, testing::ElementsAre("listen", "send PING\r\n"));
  EXPECT_EQ(id_of(t.finding), "redis");
}

TEST(Interview, KnowsAProtocolOnAPortThatIsNotItsOwn) {
  const Peer redis = [](const std::string& question, Answer& answer) {
    if (question == "send PING\r\n") answer.bytes = "+PONG\r\n";
  };
  EXPECT_EQ(id_of(talk({Port{7777}}, redis).finding), "redis");
  EXPECT_EQ(id_of(talk({Port{7777}}, redis, Depth::kPort).finding), "");
}

TEST(Interview, FindsAManagementApiBehindAnyHttpPort) {
  const Peer docker = [](const std::string& question, Answer& answer) {
    if (question == "/_ping") return says(answer, 200, "OK", {"api-version: 1.41"});
    if (question == "/containers/json?limit=1") return says(answer, 200, "[]");
    if (question.starts_with('/')) says(answer, 404, "{}");
  };
  const Talk t = talk({Port{12345}}, docker);
  EXPECT_EQ(id_of(t.finding), "docker-api");
  EXPECT_EQ(t.finding.access.access, Access::kOpen);
  EXPECT_EQ(id_of(talk({Port{12345}}, docker, Depth::kPort).finding), "http");
}

TEST(Interview, AnApplicationThatSaysYesToEveryPathIsOnlyAWebServer) {
  const Talk t = talk({Port{8080}}, [](const std::string& question, Answer& answer) {
    if (question.starts_with('/')) says(answer, 200, "<!doctype html><title>App</title>");
  });
  EXPECT_EQ(id_of(t.finding), "http");
}

TEST(Interview, GoesIntoTlsWhenPlainHttpIsTurnedAway) {
  const Talk t = talk({Port{2376}}, [](const std::string& question, Answer& answer) {
    if (question == "/")
      return says(answer, 400, "Client sent an HTTP request to an HTTPS server.\n");
    if (!question.starts_with("tls ")) return;
    answer.tls.emplace();
    answer.tls->complete = answer.tls->client_certificate_asked = true;
    answer.tls->alert = 116;
  });
  EXPECT_EQ(id_of(t.finding), "");
  EXPECT_EQ(t.finding.access.access, Access::kProtected);
  EXPECT_FALSE(t.finding.speaks_http);
  EXPECT_THAT(t.asked, Contains("tls /"));
  EXPECT_THAT(t.asked, Not(Contains("/_ping")));
}

TEST(Interview, KnowsWhatIsInsideTls) {
  const Talk t = talk({Port{993}}, [](const std::string& question, Answer& answer) {
    if (!question.starts_with("tls ")) return;
    answer.tls.emplace();
    answer.tls->complete = true;
    if (question == "tls listen") answer.bytes = "* OK IMAP4 ready\r\n";
  });
  EXPECT_EQ(id_of(t.finding), "imap");
  ASSERT_TRUE(t.finding.tls);
}

TEST(Interview, APrinterGetsNothing) {
  const Peer silent = [](const std::string&, Answer&) {};
  const Talk careful = talk({Port{9100}}, silent);
  EXPECT_THAT(careful.asked, testing::ElementsAre("listen"));
  EXPECT_THAT(careful.finding.withheld, HasSubstr("may be a printer"));
  const Talk known = talk({Port{9100}, IpProtocol::kTcp, true}, silent);
  EXPECT_THAT(known.asked, Contains("/"));
}

TEST(Interview, UdpIsAskedByItsPortFirst) {
  const Talk t =
      talk({Port{53}, IpProtocol::kUdp}, [](const std::string& question, Answer& answer) {
        if (question.starts_with("send BK")) answer.bytes = "BK\x81\x85 refused";
        if (question.starts_with("send BL")) answer.bytes = "BL\x81\x85 refused";
      });
  EXPECT_EQ(id_of(t.finding), "dns");
  EXPECT_EQ(t.finding.access.access, Access::kProtected);
  EXPECT_LE(t.asked.size(), 4U);
}

TEST(Interview, AsksEachQuestionOnceAndEnds) {
  for (const bool chatty : {false, true}) {
    const Talk t = talk({Port{1}}, [&](const std::string& question, Answer& answer) {
      if (chatty && question.starts_with('/')) says(answer, 404, "");
    });
    std::vector<std::string> sorted = t.asked;
    std::ranges::sort(sorted);
    EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end());
    EXPECT_LE(t.asked.size(), builtin().exchanges().size());
    EXPECT_EQ(t.finding.asked, t.asked.size());
  }
}

// One service that is known by `a`, and judged by `w`, by which another is known; two that beat it,
// one of them by a path.
Matcher four() {
  std::vector<std::string> problems;
  const std::string_view text = R"(
- id: known
  name: Known
  class: traditional
  transport: [tcp]
  ports: [7]
  impact: data
  tls: none
  confidence: recall
  source: a test
  known:
  - send: 'a'
    answer: '^A'
  access:
  - send: 'w'
    answer: '^free'
    means: open
- id: by-w
  name: By w
  class: traditional
  transport: [tcp]
  ports: [8]
  impact: data
  tls: none
  confidence: recall
  source: a test
  known:
  - send: 'w'
    answer: '^W'
- id: other
  name: Other
  class: traditional
  transport: [tcp]
  ports: [9]
  impact: data
  tls: none
  confidence: recall
  source: a test
  known:
  - send: 'o'
    answer: '^O'
- id: better
  name: Better
  class: traditional
  transport: [tcp]
  ports: [10]
  impact: data
  tls: none
  confidence: recall
  source: a test
  beats: [known]
  known:
  - send: 'b'
    answer: '^B'
)";
  Entries parsed = parse_entries(text, "four.yaml");
  EXPECT_THAT(parsed.problems, testing::IsEmpty());
  return Matcher::make(std::move(parsed.entries), problems);
}

TEST(Interview, OnceAServiceIsKnownOnlyWhatTellsMoreOfItIsWaitedFor) {
  const Matcher matcher = four();
  Interview interview(matcher, {Port{1234}}, Depth::kProtocol);
  std::vector<Question> questions = interview.next();
  const auto sends = [&](const Question& q) { return matcher.exchanges()[q.exchange].send; };
  const auto answer_of = [&](const Question& q, std::string bytes) {
    Answer out;
    out.exchange = q.exchange;
    out.ending = bytes.empty() ? Ending::kSilent : Ending::kComplete;
    out.bytes = std::move(bytes);
    return out;
  };
  while (!questions.empty() && sends(questions.front()).empty()) {
    for (const Question& q : questions) EXPECT_FALSE(interview.hear(answer_of(q, "")));
    questions = interview.next();
  }
  ASSERT_EQ(questions.size(), 4U);
  EXPECT_TRUE(interview.misses_answers());  // nobody answered HTTP or TLS
  std::map<std::string, bool> wanted;
  EXPECT_EQ(sends(questions[0]), "a");
  EXPECT_TRUE(interview.hear(answer_of(questions[0], "A")));
  for (const Question& q : std::span(questions).subspan(1)) {
    wanted[sends(q)] = interview.wants(q);
    interview.give_back(q);
  }
  EXPECT_EQ(wanted, (std::map<std::string, bool>{{"w", true}, {"o", false}, {"b", true}}));
  EXPECT_FALSE(interview.misses_answers());

  // Who may use it is asked all the same, though it had been asked to name another.
  questions = interview.next();
  ASSERT_EQ(questions.size(), 1U);
  EXPECT_EQ(sends(questions[0]), "w");
  EXPECT_FALSE(interview.hear(answer_of(questions[0], "")));
  EXPECT_TRUE(interview.misses_answers());
  EXPECT_THAT(interview.next(), testing::IsEmpty());
  EXPECT_EQ(id_of(interview.finding()), "known");
  EXPECT_EQ(interview.finding().access.access, Access::kUnknown);
}

TEST(Interview, OnItsOwnPortAServiceIsNotOvertakenByOneThatAnswersSooner) {
  const Matcher matcher = four();
  Interview interview(matcher, {Port{9}}, Depth::kProtocol);
  const auto exchange_of = [&](std::string_view bytes) {
    const auto at = std::ranges::find(matcher.exchanges(), bytes, &Exchange::send);
    return static_cast<std::size_t>(at - matcher.exchanges().begin());
  };
  Answer early;
  early.exchange = exchange_of("a");
  early.bytes = "A";
  EXPECT_TRUE(interview.hear(early));
  EXPECT_TRUE(interview.wants({exchange_of("o"), false}));
}

}  // namespace
}  // namespace bulkhead::services
