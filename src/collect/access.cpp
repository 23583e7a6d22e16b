#include "collect/access.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace bulkhead::collect {
namespace {

constexpr std::size_t kBuffer = 256U << 10;
constexpr std::size_t kMostDescriptors = 8;
constexpr std::size_t kMostSections = 1'000'000;

}  // namespace

const SectionData* Answer::find(Section section) const {
  for (auto at = sections.rbegin(); at != sections.rend(); ++at) {
    if (at->section == section) return &*at;
  }
  return nullptr;
}

ByteView Answer::bytes(Section section) const {
  const SectionData* found = find(section);
  if (found == nullptr || found->error != 0) return {};
  return found->bytes;
}

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

ErrorCode errno_code(int error) {
  if (error == EPERM || error == EACCES) return ErrorCode::kDenied;
  if (error == ENOENT) return ErrorCode::kNotFound;
  if (error == EINTR) return ErrorCode::kInterrupted;
  if (error == EFBIG || error == EMFILE) return ErrorCode::kBudget;
  return ErrorCode::kUnavailable;
}

Broker::Channel::~Channel() {
  for (int fd : descriptors_) close(fd);
  if (fd_ >= 0) close(fd_);
  if (pid_ <= 0) return;
  // It ends by itself when its channel closes; a reader stuck in the kernel is not waited for.
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::unexpected<Error> Broker::Channel::give_up(std::string reason) {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  return fail(ErrorCode::kUnavailable, "the reader process " + std::move(reason));
}

Status Broker::Channel::send(Op op, ByteView payload) {
  if (fd_ < 0) return fail(ErrorCode::kUnavailable, "the reader process is gone");
  if (payload.size() > kMostRequest)
    return fail(ErrorCode::kBudget, "request to the reader too large");
  Bytes message;
  message.reserve(sizeof(RequestHeader) + payload.size());
  append_value(message, RequestHeader{static_cast<std::uint32_t>(op),
                                      static_cast<std::uint32_t>(payload.size())});
  message.insert(message.end(), payload.begin(), payload.end());
  std::size_t sent = 0;
  while (sent < message.size()) {
    const ssize_t count = ::send(fd_, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return give_up("ended early");
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

// Waits for bytes, and keeps the descriptors that come with them.
Status Broker::Channel::fill() {
  if (fd_ < 0) return fail(ErrorCode::kUnavailable, "the reader process is gone");
  if (buffer_.empty()) buffer_.resize(kBuffer);
  pollfd waiting{fd_, POLLIN, 0};
  const int ready = poll(&waiting, 1, kAnswerTimeoutMs);
  if (ready < 0 && errno == EINTR) return {};
  if (ready == 0) return give_up("fell silent");
  iovec part{buffer_.data(), buffer_.size()};
  alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(4 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
  if (count < 0 && errno == EINTR) return {};
  if (count <= 0) return give_up("ended early");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < descriptors; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      descriptors_.push_back(fd);
    }
  }
  begin_ = 0;
  end_ = static_cast<std::size_t>(count);
  if (descriptors_.size() > kMostDescriptors)
    return give_up("sent descriptors that nobody asked for");
  return {};
}

Status Broker::Channel::take(void* into, std::size_t count) {
  auto* at = static_cast<std::uint8_t*>(into);
  while (count != 0) {
    if (begin_ == end_) {
      if (Status status = fill(); !status) return status;
      continue;
    }
    const std::size_t part = std::min(count, end_ - begin_);
    std::memcpy(at, buffer_.data() + begin_, part);
    begin_ += part;
    at += part;
    count -= part;
  }
  return {};
}

Status Broker::Channel::take_frame(const FrameHeader& header, Answer& answer, bool& open,
                                   std::size_t& total) {
  if (header.section > static_cast<std::uint16_t>(Section::kLastSection) ||
      header.length > kMostFrame || answer.sections.size() > kMostSections) {
    return give_up("sent something that is not an answer");
  }
  const auto section = static_cast<Section>(header.section);
  if (!open) answer.sections.push_back({section, 0, {}});
  SectionData& data = answer.sections.back();
  total += header.length;
  if (data.section != section || data.bytes.size() + header.length > kMostSection ||
      total > kMostAnswer) {
    return give_up("sent more than it may");
  }
  const std::size_t before = data.bytes.size();
  data.bytes.resize(before + header.length);
  if (Status status = take(data.bytes.data() + before, header.length); !status) return status;
  if ((header.flags & kRestart) != 0) data.bytes.clear();
  open = (header.flags & kLast) == 0;
  if (!open) data.error = header.error;
  return {};
}

Result<Answer> Broker::Channel::receive() {
  Answer answer;
  bool open = false;
  std::size_t total = 0;
  for (;;) {
    FrameHeader header;
    if (Status status = take(&header, sizeof header); !status)
      return std::unexpected(status.error());
    if (header.section == static_cast<std::uint16_t>(Section::kEnd) && !open) break;
    if (Status status = take_frame(header, answer, open, total); !status) {
      return std::unexpected(status.error());
    }
  }
  if (!descriptors_.empty()) {
    answer.descriptor = descriptors_.front();
    descriptors_.erase(descriptors_.begin());
  }
  return answer;
}

Broker BrokerAccess::adopt(int channel, pid_t pid) {
  return Broker(std::make_unique<Broker::Channel>(channel, pid));
}

Result<Answer> BrokerAccess::ask(Broker& broker, Op op, ByteView payload) {
  if (Status status = channel(broker).send(op, payload); !status) {
    return std::unexpected(status.error());
  }
  return channel(broker).receive();
}

}  // namespace bulkhead::collect
