// One HTTP/1.x answer to a GET, fed as bytes come. Pure; nothing is trusted: header bytes, body
// bytes and lengths are bounded, and what two readers might read differently is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead::http {

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
  std::vector<std::string> headers;  // "name: value", the name in lower case
  bool cut = false;                  // the body went on; Overlong::kCut only
};

// What a body beyond the bound is: an error, or the end of what is read.
enum class Overlong { kRefuse, kCut };

class HttpAnswerParser {
 public:
  static constexpr std::size_t kMostHeaderBytes = 64U << 10;  // with chunk sizes and trailers

  explicit HttpAnswerParser(std::uint64_t most_body_bytes, Overlong overlong = Overlong::kRefuse)
      : most_body_(most_body_bytes), overlong_(overlong) {}

  // kUnavailable for what is not HTTP, kBudget for what is too long. After an error, stop.
  [[nodiscard]] Status feed(std::string_view bytes);
  // The connection was closed by the engine. An error unless that may be the end of the answer.
  [[nodiscard]] Status end();

  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  [[nodiscard]] bool started() const { return started_; }  // some byte has come
  // Another request may follow on the same connection. Only when done().
  [[nodiscard]] bool keeps_open() const { return keeps_open_; }
  [[nodiscard]] HttpAnswer& answer() { return answer_; }

 private:
  enum class State {
    kStatusLine,
    kHeader,
    kLength,
    kToTheEnd,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kDone
  };

  Status line(std::string_view text);
  Status status_line(std::string_view text);
  Status header(std::string_view text);
  Status length_header(std::string_view value);
  Status end_of_headers();
  Status chunk_size(std::string_view text);
  Status body(std::string_view& bytes);
  [[nodiscard]] bool refuses(std::uint64_t size) const;

  std::uint64_t most_body_;
  Overlong overlong_;
  State state_ = State::kStatusLine;
  HttpAnswer answer_;
  std::string line_;
  std::size_t header_bytes_ = 0;
  std::uint64_t left_ = 0;  // of the body or the chunk
  std::optional<std::uint64_t> length_;
  bool chunked_ = false, keeps_open_ = true, started_ = false;
};

}  // namespace bulkhead::http
