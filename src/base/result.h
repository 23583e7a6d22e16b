// Errors are values. Everything that can fail returns Result<T>.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace bulkhead {

// What kind of failure; the command line maps each to an exit code (docs/exit-codes.md).
enum class ErrorCode {
  kInvalidInput,  // bytes or text from outside do not have the form they must have
  kUnsupported,   // well formed, but something that Bulkhead does not handle
  kNotFound,      // what was named does not exist
  kDenied,        // the kernel or an engine said no (EPERM, EACCES, 403)
  kUnavailable,   // could not be reached or read now (no such socket, time-out)
  kBudget,        // a bound on size, count, depth or time was reached
  kInterrupted,   // it moved while it was read
  kInternal,      // our own mistake
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

// `message` is for a person: what is wrong, where, and what to write instead. It may quote hostile
// text only through escape_text().
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// Puts `where` in front of the message of an error that is passed upward.
[[nodiscard]] inline std::unexpected<Error> within(std::string_view where, Error error) {
  error.message.insert(0, std::string(where) + ": ");
  return std::unexpected(std::move(error));
}

}  // namespace bulkhead
