#include "notify/receiver.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::notify {
namespace {

constexpr std::size_t kLongest = 2048, kShown = 80;

// As far as no password and no token can stand in it, even if it is no URL at all.
std::string harmless(std::string_view url) {
  const std::size_t scheme = url.find(':');
  if (url.starts_with("mailto:") || url.starts_with("exec:") || scheme == std::string_view::npos)
    return escape_text(url, kShown);
  return escape_text(url.substr(0, scheme + 1), kShown) + "...";
}

std::unexpected<Error> wrong(std::string_view url, std::string_view what) {
  return fail(ErrorCode::kInvalidInput,
              "'" + harmless(url) + "' " + std::string(what) +
                  "; write https://HOST/PATH, http://HOST/PATH, mailto:ADDRESS or exec:/PROGRAM");
}

bool plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

bool mail_address(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._%+-@").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= 254 && text.front() != '-' && text.front() != '@' &&
         text.back() != '@' && std::ranges::all_of(text, good) &&
         std::ranges::count(text, '@') <= 1;
}

// "https://user@host:1/path?token" -> "https://host:1"
std::string origin(std::string_view url) {
  const std::size_t begin = url.find("//") + 2;
  std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) authority.remove_prefix(at + 1);
  return std::string(url.substr(0, begin)) + std::string(authority);
}

}  // namespace

Result<Receiver> parse_receiver(std::string_view url) {
  if (url.size() > kLongest || !plain(url)) return wrong(url, "is too long, or holds blanks");
  Receiver out;
  out.url = url;
  if (url.starts_with("http://") || url.starts_with("https://")) {
    if (origin(url).ends_with("//")) return wrong(url, "names no host");
    return out;
  }
  if (url.starts_with("mailto:")) {
    out.way = Way::kMail;
    out.address = url.substr(std::string_view("mailto:").size());
    if (!mail_address(out.address)) return wrong(url, "is not one mail address");
    return out;
  }
  if (url.starts_with("exec:")) {
    out.way = Way::kProgram;
    out.program = url.substr(std::string_view("exec:").size());
    if (!out.program.starts_with('/')) return wrong(url, "is not the absolute path of a program");
    return out;
  }
  return wrong(url, "is nothing that can be told");
}

std::string shown(const Receiver& receiver) {
  return escape_text(receiver.way == Way::kWebhook ? origin(receiver.url) : receiver.url, 128);
}

}  // namespace bulkhead::notify
