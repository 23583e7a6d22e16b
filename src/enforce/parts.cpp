#include "enforce/parts.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "enforce/folder.h"

namespace bulkhead::enforce {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

Status send_all(int fd, const char* at, std::size_t left) {
  while (left != 0) {
    const ssize_t count = ::send(fd, at, left, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::kUnavailable, "the other half is gone");
    at += count;
    left -= static_cast<std::size_t>(count);
  }
  return {};
}

Status receive_all(int fd, char* at, std::size_t left) {
  while (left != 0) {
    const ssize_t count = ::read(fd, at, left);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::kUnavailable, "the other half is gone");
    at += count;
    left -= static_cast<std::size_t>(count);
  }
  return {};
}

template <class Number>
Status send_number(int fd, Number number) {
  std::array<char, sizeof number> bytes;
  std::memcpy(bytes.data(), &number, sizeof number);
  return send_all(fd, bytes.data(), bytes.size());
}

template <class Number>
Result<Number> receive_number(int fd) {
  std::array<char, sizeof(Number)> bytes;
  if (auto done = receive_all(fd, bytes.data(), bytes.size()); !done)
    return std::unexpected(done.error());
  Number number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

}  // namespace

Status send_parts(int fd, const Parts& parts) {
  if (auto sent = send_number(fd, parts.word); !sent) return sent;
  if (auto sent = send_number(fd, static_cast<std::uint32_t>(parts.texts.size())); !sent)
    return sent;
  for (const std::string& text : parts.texts) {
    if (auto sent = send_number(fd, std::uint64_t{text.size()}); !sent) return sent;
    if (auto sent = send_all(fd, text.data(), text.size()); !sent) return sent;
  }
  return {};
}

Result<Parts> receive_parts(int fd) {
  const auto word = receive_number<std::uint32_t>(fd);
  if (!word) return std::unexpected(word.error());
  const auto count = receive_number<std::uint32_t>(fd);
  if (!count) return std::unexpected(count.error());
  if (*count > kMostParts) return fail(ErrorCode::kBudget, "too many parts");
  Parts out{*word, {}};
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto size = receive_number<std::uint64_t>(fd);
    if (!size) return std::unexpected(size.error());
    if (*size > kMostFile)
      return fail(ErrorCode::kBudget, "larger than " + std::to_string(kMostFile) + " bytes");
    std::string& text = out.texts.emplace_back();
    while (text.size() < *size) {  // memory follows what is there, not what is announced
      const std::size_t had = text.size();
      text.resize(std::min<std::size_t>(*size, had + kPiece));
      if (auto done = receive_all(fd, text.data() + had, text.size() - had); !done)
        return std::unexpected(done.error());
    }
  }
  return out;
}

}  // namespace bulkhead::enforce
