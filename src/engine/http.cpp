#include "engine/http.h"

#include <algorithm>

#include "base/text.h"
#include "engine/answers.h"

namespace bulkhead::engine {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// "application/json", "application/json; charset=utf-8"
bool is_json(std::string type) {
  type = type.substr(0, type.find(';'));
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  while (type.ends_with(' ')) type.pop_back();
  return type == "application/json";
}

ErrorCode code_of_status(int status) {
  if (status == 404) return ErrorCode::kNotFound;
  return status == 401 || status == 403 ? ErrorCode::kDenied : ErrorCode::kUnavailable;
}

Status check_answer(const HttpAnswer& answer) {
  if (answer.status >= 300 && answer.status < 400) {
    return fail(ErrorCode::kUnavailable, "answered with a redirect, which is not followed");
  }
  if (answer.status != 200) {
    return fail(code_of_status(answer.status), "answered " + std::to_string(answer.status) + ": " +
                                                   parse_error_message(answer.body));
  }
  if (!is_json(answer.content_type)) {
    return fail(ErrorCode::kUnavailable, "answered with '" + escape_text(answer.content_type, 64) +
                                             "' where JSON is expected; is this an engine?");
  }
  return {};
}

}  // namespace

HttpClient::HttpClient(std::unique_ptr<Transport> transport, const Limits& limits)
    : transport_(std::move(transport)),
      limits_(limits),
      end_(Clock::now() + Milliseconds(limits.total_ms)),
      bytes_left_(limits.total_bytes) {}

Result<HttpClient> HttpClient::make(const Endpoint& endpoint, UnixConnector connect,
                                    const Limits& limits) {
  auto target = parse_endpoint(endpoint);
  if (!target) return std::unexpected(target.error());
  if (!target->unix_path.empty()) {
    return HttpClient(make_socket_transport(target->unix_path, std::move(connect)), limits);
  }
  auto transport = make_curl_transport(*std::move(target), endpoint);
  if (!transport) return std::unexpected(transport.error());
  return HttpClient(*std::move(transport), limits);
}

bool HttpClient::exhausted() const {
  return bytes_left_ == 0 || Clock::now() >= end_;
}

Result<std::string> HttpClient::get(const std::string& path) {
  if (exhausted())
    return fail(ErrorCode::kBudget, "the time or the bytes for this engine are used up");
  const auto left = std::chrono::ceil<Milliseconds>(end_ - Clock::now()).count();
  const auto timeout =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, limits_.timeout_ms));
  auto answer = transport_->get(path, timeout, std::min(limits_.response_bytes, bytes_left_));
  if (!answer) return std::unexpected(answer.error());
  bytes_left_ -= std::min<std::uint64_t>(bytes_left_, answer->body.size());
  if (Status good = check_answer(*answer); !good) return std::unexpected(good.error());
  return std::move(answer->body);
}

}  // namespace bulkhead::engine
