// RFC 9112, the part that an engine's answer needs. No line folding, no transfer coding but
// chunked, no answer with two lengths.
#include "http/http_answer.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace bulkhead::http {
namespace {

std::unexpected<Error> broken(std::string_view what, std::string_view text = {}) {
  std::string message = "not a valid HTTP answer: " + std::string(what);
  if (!text.empty()) message += " '" + escape_text(text, 64) + "'";
  return fail(ErrorCode::kUnavailable, std::move(message));
}

std::unexpected<Error> too_long(std::string_view what, std::uint64_t most) {
  return fail(ErrorCode::kBudget,
              std::string(what) + " longer than " + std::to_string(most) + " bytes");
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-')
    return std::nullopt;
  return value;
}

}  // namespace

Status HttpAnswerParser::feed(std::string_view bytes) {
  started_ |= !bytes.empty();
  while (!bytes.empty() && state_ != State::kDone) {
    if (state_ == State::kLength || state_ == State::kToTheEnd || state_ == State::kChunk) {
      if (Status good = body(bytes); !good) return good;
      continue;
    }
    const auto size = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    header_bytes_ += size;
    if (header_bytes_ > kMostHeaderBytes) return too_long("headers", kMostHeaderBytes);
    line_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (!line_.ends_with('\n')) continue;
    line_.pop_back();
    if (line_.ends_with('\r')) line_.pop_back();
    if (Status good = line(line_); !good) return good;
    line_.clear();
  }
  // Nothing was asked yet that this could answer.
  if (!bytes.empty()) keeps_open_ = false;
  return {};
}

Status HttpAnswerParser::line(std::string_view text) {
  switch (state_) {
    case State::kStatusLine: return status_line(text);
    case State::kHeader: return text.empty() ? end_of_headers() : header(text);
    case State::kChunkSize: return chunk_size(text);
    case State::kChunkEnd:
      state_ = State::kChunkSize;
      return text.empty() ? Status{} : broken("a chunk that is longer than it says");
    case State::kTrailer:
      if (text.empty()) state_ = State::kDone;
      return {};
    case State::kLength:
    case State::kToTheEnd:
    case State::kChunk:
    case State::kDone: break;
  }
  return {};
}

// "HTTP/1.1 200 OK"
Status HttpAnswerParser::status_line(std::string_view text) {
  const bool known = text.starts_with("HTTP/1.1 ") || text.starts_with("HTTP/1.0 ");
  const auto status = known ? number<int>(text.substr(9, 3), 10) : std::nullopt;
  if (!status || *status < 200 || *status > 599 || (text.size() > 12 && text[12] != ' ')) {
    return broken("status line", text);
  }
  if (text[7] == '0') keeps_open_ = false;
  answer_.status = *status;
  state_ = State::kHeader;
  return {};
}

Status HttpAnswerParser::header(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text[0] == ' ' || text[0] == '\t') {
    return broken("header", text);
  }
  const std::string name = lower(text.substr(0, colon));
  const std::string_view value = trim(text.substr(colon + 1));
  answer_.headers.push_back(name + ": " + std::string(value));
  if (name == "content-type") answer_.content_type = value;
  if (name == "content-length") return length_header(value);
  if (name == "connection" && lower(value).find("close") != std::string::npos) keeps_open_ = false;
  if (name != "transfer-encoding") return {};
  if (lower(value) != "chunked") return broken("transfer encoding", value);
  chunked_ = true;
  return {};
}

Status HttpAnswerParser::length_header(std::string_view value) {
  const auto length = value.empty() ? std::nullopt : number<std::uint64_t>(value, 10);
  if (!length || (length_ && *length_ != *length)) return broken("length", value);
  if (refuses(*length)) return too_long("the answer is", most_body_);
  length_ = length;
  return {};
}

Status HttpAnswerParser::end_of_headers() {
  if (chunked_ && length_) return broken("two lengths");
  if (answer_.status == 204 || answer_.status == 304) {
    state_ = State::kDone;
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (length_) {
    left_ = *length_;
    state_ = left_ == 0 ? State::kDone : State::kLength;
  } else {
    keeps_open_ = false;
    state_ = State::kToTheEnd;
  }
  return {};
}

// "1a;extension"
Status HttpAnswerParser::chunk_size(std::string_view text) {
  const std::string_view digits = trim(text.substr(0, text.find(';')));
  const auto size = digits.empty() ? std::nullopt : number<std::uint64_t>(digits, 16);
  if (!size) return broken("chunk size", text);
  if (refuses(*size)) return too_long("the answer is", most_body_);
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailer : State::kChunk;
  // A size line belongs to the bytes that it announces: the bound on headers is for what is not
  // body.
  header_bytes_ -= std::min<std::uint64_t>({header_bytes_, text.size() + 4, left_});
  return {};
}

bool HttpAnswerParser::refuses(std::uint64_t size) const {
  return overlong_ == Overlong::kRefuse && size > most_body_ - answer_.body.size();
}

Status HttpAnswerParser::body(std::string_view& bytes) {
  std::uint64_t size = bytes.size();
  if (state_ != State::kToTheEnd) size = std::min(size, left_);
  if (refuses(size)) return too_long("the answer is", most_body_);
  if (size > most_body_ - answer_.body.size()) {
    answer_.body += bytes.substr(0, most_body_ - answer_.body.size());
    answer_.cut = true;
    state_ = State::kDone;
    return {};
  }
  answer_.body += bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (state_ == State::kToTheEnd) return {};
  left_ -= size;
  if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
  return {};
}

Status HttpAnswerParser::end() {
  keeps_open_ = false;
  if (state_ == State::kToTheEnd) state_ = State::kDone;
  if (done()) return {};
  return fail(ErrorCode::kUnavailable, started_ ? "the answer ends before its end"
                                                : "the connection was closed without an answer");
}

}  // namespace bulkhead::http
