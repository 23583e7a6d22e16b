#include "outside/resolve.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/select.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>

#include "base/text.h"

namespace bulkhead::outside {
namespace {

constexpr std::size_t kMostAddresses = 16;
constexpr std::size_t kLongestName = 253;
constexpr int kTimeoutMs = 2000, kTries = 2;
constexpr std::chrono::seconds kLongest{10};

bool can_be_a_name(const std::string& name) {
  const bool characters = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
  return characters && !name.empty() && name.size() <= kLongestName && name.front() != '-';
}

// What comes back, from within a call of c-ares.
struct Answer {
  int status = ARES_ETIMEOUT;
  std::vector<IpAddress> addresses;
};

std::optional<IpAddress> address_of(const sockaddr* from) {
  if (from->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, from, sizeof v4);
    return IpAddress::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (from->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, from, sizeof v6);
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  return IpAddress::v6(octets);
}

void hear(void* to, int status, int /*timeouts*/, ares_addrinfo* found) {
  auto& answer = *static_cast<Answer*>(to);
  answer.status = status;
  for (const ares_addrinfo_node* node = found == nullptr ? nullptr : found->nodes; node != nullptr;
       node = node->ai_next) {
    if (const auto address = address_of(node->ai_addr)) answer.addresses.push_back(*address);
  }
  if (found != nullptr) ares_freeaddrinfo(found);
}

struct ChannelDeleter {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, ChannelDeleter>;

// Until nothing is under way, or the time is over.
void converse(ares_channel channel) {
  const auto end = std::chrono::steady_clock::now() + kLongest;
  while (std::chrono::steady_clock::now() < end) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    const int count = ares_fds(channel, &readable, &writable);
    if (count == 0) return;
    timeval longest{1, 0}, wait{};
    timeval* until = ares_timeout(channel, &longest, &wait);
    if (::select(count, &readable, &writable, nullptr, until) < 0) return;
    ares_process(channel, &readable, &writable);
  }
}

// ares_library_init() has been called.
Result<Answer> ask(const std::string& name) {
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  ares_channel raw = nullptr;
  if (const int error = ares_init_options(&raw, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
      error != ARES_SUCCESS)
    return fail(ErrorCode::kUnavailable, ares_strerror(error));
  Answer answer;  // outlives the channel, whose end is told to it
  const Channel channel(raw);
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  ares_getaddrinfo(channel.get(), name.c_str(), nullptr, &hints, hear, &answer);
  converse(channel.get());
  ares_cancel(channel.get());
  return answer;
}

}  // namespace

Result<std::vector<IpAddress>> resolve(const std::string& name) {
  const std::string shown = "'" + escape_text(name, kLongestName) + "'";
  if (!can_be_a_name(name))
    return fail(ErrorCode::kInvalidInput,
                shown +
                    " is no address, prefix or name; write 192.168.1.7, 192.168.1.0/24, "
                    "fd00::7 or db.example");
  const std::string lookup = "no address for " + shown;
  if (const int error = ares_library_init(ARES_LIB_INIT_NONE); error != ARES_SUCCESS)
    return fail(ErrorCode::kUnavailable, lookup + ": " + ares_strerror(error));
  auto answer = ask(name);
  ares_library_cleanup();
  if (!answer) return within(lookup, answer.error());
  std::vector<IpAddress>& found = answer->addresses;
  std::ranges::sort(found);
  const auto twice = std::ranges::unique(found);
  found.erase(twice.begin(), twice.end());
  if (found.size() > kMostAddresses) found.resize(kMostAddresses);
  if (!found.empty()) return std::move(found);
  const bool none = answer->status == ARES_ENOTFOUND || answer->status == ARES_ENODATA ||
                    answer->status == ARES_SUCCESS;
  return fail(none ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              lookup + ": " + (none ? "no such name" : ares_strerror(answer->status)));
}

}  // namespace bulkhead::outside
