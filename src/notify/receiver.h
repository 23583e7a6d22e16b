// Who is told: http:// or https:// (a webhook), mailto:ADDRESS (by sendmail), exec:/PROGRAM.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead::notify {

enum class Way : std::uint8_t { kWebhook, kMail, kProgram };

struct Receiver {
  Way way = Way::kWebhook;
  std::string url;      // as it was written
  std::string address;  // of mail
  std::string program;  // an absolute path
};

// kInvalidInput says what to write. A mail address is only what cannot be an option, a second
// recipient or a header.
[[nodiscard]] Result<Receiver> parse_receiver(std::string_view url);

// For messages: without what may be a password or a token (user, query, path of a webhook).
[[nodiscard]] std::string shown(const Receiver& receiver);

}  // namespace bulkhead::notify
