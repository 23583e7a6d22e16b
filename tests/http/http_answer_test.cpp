#include "http/http_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

struct Case {
  std::string name, bytes, body;
  bool closes;  // the end of the connection ends the answer
  bool keeps_open;
};

const Case kAnswers[] = {
    {"WithLength", kHead + "Content-Length: 5\r\n\r\nhello", "hello", false, true},
    {"Empty", kHead + "Content-Length: 0\r\n\r\n", "", false, true},
    {"Chunked", kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     "hello", false, true},
    {"WithTrailer",
     kHead + "Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "0123456789",
     false, true},
    {"ToTheEnd", kHead + "\r\nhello", "hello", true, false},
    {"SaysClose", kHead + "Connection: close\r\ncontent-length:5\r\n\r\nhello", "hello", false,
     false},
    {"OldVersion", "HTTP/1.0 200 OK\nContent-Type: application/json\nContent-Length: 5\n\nhello",
     "hello", false, false},
    {"SameLengthTwice", kHead + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello",
     false, true},
};

class HttpAnswers : public ::testing::TestWithParam<Case> {};

// However the bytes are cut on the way, the answer is the same; cut off, it is an error.
TEST_P(HttpAnswers, AreReadInAnyPieces) {
  const Case& expected = GetParam();
  for (std::size_t piece = 1; piece <= expected.bytes.size(); ++piece) {
    HttpAnswerParser parser(100);
    for (std::size_t at = 0; at < expected.bytes.size(); at += piece) {
      ASSERT_FALSE(parser.done());
      ASSERT_TRUE(parser.feed(std::string_view(expected.bytes).substr(at, piece)));
    }
    if (expected.closes) {
      ASSERT_TRUE(parser.end());
    }
    ASSERT_TRUE(parser.done()) << piece;
    EXPECT_EQ(parser.answer().status, 200);
    EXPECT_EQ(parser.answer().body, expected.body);
    EXPECT_EQ(parser.answer().content_type, "application/json");
    EXPECT_EQ(parser.keeps_open(), expected.keeps_open);
  }
}

TEST_P(HttpAnswers, CutOffAreErrors) {
  const Case& whole = GetParam();
  const std::size_t head = whole.closes ? whole.bytes.find("\r\n\r\n") + 4 : whole.bytes.size();
  for (std::size_t size = 0; size < head; ++size) {
    HttpAnswerParser parser(100);
    ASSERT_TRUE(parser.feed(std::string_view(whole.bytes).substr(0, size)));
    EXPECT_FALSE(parser.end()) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, HttpAnswers, ::testing::ValuesIn(kAnswers),
                         [](const auto& row) { return row.param.name; });

TEST(HttpAnswers, ABodyBeyondTheBoundIsCutWhenThatIsWanted) {
  for (const std::string& bytes :
       {kHead + "Content-Length: 10\r\n\r\n0123456789", kHead + "\r\n0123456789",
        kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\n012\r\n7\r\n3456789\r\n0\r\n\r\n",
        kHead + "Content-Length: 18446744073709551615\r\n\r\n0123456789"}) {
    HttpAnswerParser parser(5, Overlong::kCut);
    ASSERT_TRUE(parser.feed(bytes)) << bytes;
    EXPECT_TRUE(parser.done());
    EXPECT_TRUE(parser.answer().cut);
    EXPECT_EQ(parser.answer().body, "01234");
    EXPECT_FALSE(HttpAnswerParser(5).feed(bytes)) << bytes;
  }
}

TEST(HttpAnswers, HeadersAreKeptWithLowerNames) {
  HttpAnswerParser parser(5);
  ASSERT_TRUE(parser.feed("HTTP/1.1 401 No\r\nWWW-Authenticate:  Basic realm=\"X\" \r\n"));
  ASSERT_TRUE(parser.feed("Content-Length: 0\r\n\r\n"));
  EXPECT_THAT(parser.answer().headers,
              testing::ElementsAre("www-authenticate: Basic realm=\"X\"", "content-length: 0"));
}

TEST(HttpAnswers, WhatTwoReadersCouldReadDifferentlyIsRefused) {
  for (const std::string& bytes :
       {kHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        kHead + "Content-Length: +5\r\n\r\n", kHead + "Content-Length: 5, 5\r\n\r\n",
        kHead + "Content-Length: \r\n\r\n",
        kHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        kHead + "Transfer-Encoding: gzip, chunked\r\n\r\n", kHead + " folded: line\r\n\r\n",
        kHead + "no colon\r\n\r\n", kHead + ": no name\r\n\r\n",
        kHead + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        kHead + "Transfer-Encoding: chunked\r\n\r\n0x1\r\n",
        kHead + "Transfer-Encoding: chunked\r\n\r\n\r\n",
        kHead + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", std::string("HTTP/2 200\r\n"),
        std::string("HTTP/1.1 100 Continue\r\n"), std::string("HTTP/1.1 20\r\n"),
        std::string("HTTP/1.1 2000 OK\r\n"), std::string("HTTP/1.1 -20 OK\r\n"),
        std::string("\r\n")}) {
    HttpAnswerParser parser(100);
    const Status good = parser.feed(bytes);
    ASSERT_FALSE(good) << bytes;
    EXPECT_EQ(good.error().code, ErrorCode::kUnavailable) << bytes;
  }
}

TEST(HttpAnswers, EveryPartIsBounded) {
  for (const std::string& bytes :
       {kHead + "Content-Length: 101\r\n\r\n", kHead + "Transfer-Encoding: chunked\r\n\r\n65\r\n",
        kHead + "\r\n" + std::string(101, 'x'), std::string(70'000, 'x'),
        kHead + "X: " + std::string(70'000, 'x'),
        kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + std::string(70'000, 'x')}) {
    HttpAnswerParser parser(100);
    const Status good = parser.feed(bytes);
    ASSERT_FALSE(good) << bytes.substr(0, 80);
    EXPECT_EQ(good.error().code, ErrorCode::kBudget);
  }
}

TEST(HttpAnswers, BytesThatNobodyAskedForEndTheConnection) {
  HttpAnswerParser parser(100);
  ASSERT_TRUE(parser.feed(kHead + "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK"));
  EXPECT_TRUE(parser.done());
  EXPECT_FALSE(parser.keeps_open());
}

}  // namespace
}  // namespace bulkhead::http
