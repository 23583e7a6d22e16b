// Tells one receiver one thing, once. Bounded in time; whether to try again is the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "notify/receiver.h"

namespace bulkhead::notify {

struct Message {
  std::string subject;  // one line, plain
  std::string text;     // for a person: the body of a mail
  std::string json;     // for a machine: a webhook's body, a program's standard input
};

inline constexpr std::uint32_t kPatienceMs = 30'000;

// A webhook is POSTed to as application/json; 2xx is success, and no redirect is followed. A mail
// goes to sendmail -i, a program gets the JSON on its standard input and must end 0; both are ended
// when they take too long. Errors name the receiver.
[[nodiscard]] Status deliver(const Receiver& receiver, const Message& message);

// Internal to notify/.
[[nodiscard]] Status post(const std::string& url, const std::string& body);
[[nodiscard]] Status run_program(const std::vector<std::string>& words, const std::string& input);

}  // namespace bulkhead::notify
