#include "collect/reader_output.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bulkhead::collect {
namespace {

constexpr std::size_t kBuffer = kMostFrame;
constexpr std::size_t kFlushAt = 256U << 10;

void send_all(int channel, const std::uint8_t* bytes, std::size_t count, int fd) {
  alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(int))] = {};
  while (count != 0) {
    iovec part{const_cast<std::uint8_t*>(bytes), count};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t sent = sendmsg(channel, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) _exit(0);
    fd = -1;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
}

}  // namespace

ReaderOutput::ReaderOutput(int channel)
    : channel_(channel), buffer_(std::make_unique<std::uint8_t[]>(kBuffer)) {}

void ReaderOutput::flush() {
  send_all(channel_, buffer_.get(), used_, -1);
  used_ = 0;
}

void ReaderOutput::begin(Section section) {
  if (used_ > kFlushAt) flush();
  open_ = section;
  section_size_ = 0;
  sent_part_ = false;
  frame_ = used_;
  used_ += sizeof(FrameHeader);
}

void ReaderOutput::close_frame(std::uint16_t flags, int error) {
  const FrameHeader header{static_cast<std::uint16_t>(open_), flags, error,
                           static_cast<std::uint32_t>(used_ - frame_ - sizeof(FrameHeader))};
  std::memcpy(buffer_.get() + frame_, &header, sizeof header);
}

std::span<std::uint8_t> ReaderOutput::space(std::size_t least) {
  if (kBuffer - used_ < least) {
    close_frame(0, 0);
    flush();
    sent_part_ = true;
    frame_ = 0;
    used_ = sizeof(FrameHeader);
  }
  return {buffer_.get() + used_, kBuffer - used_};
}

void ReaderOutput::filled(std::size_t count) {
  used_ += count;
  section_size_ += count;
}

void ReaderOutput::append(ByteView bytes) {
  while (!bytes.empty()) {
    const auto room = space(std::min<std::size_t>(bytes.size(), kFlushAt));
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    filled(count);
    bytes = bytes.subspan(count);
  }
}

void ReaderOutput::restart() {
  used_ = frame_ + sizeof(FrameHeader);
  section_size_ = 0;
  if (!sent_part_) return;
  close_frame(kRestart, 0);
  frame_ = used_;
  used_ += sizeof(FrameHeader);
  sent_part_ = false;
}

void ReaderOutput::finish(int error) {
  close_frame(kLast, error);
}

void ReaderOutput::section(Section section, ByteView bytes, int error) {
  begin(section);
  append(bytes);
  finish(error);
}

void ReaderOutput::descriptor(int fd) {
  flush();
  begin(Section::kDescriptor);
  finish(0);
  send_all(channel_, buffer_.get(), used_, fd);
  used_ = 0;
}

void ReaderOutput::end_answer() {
  begin(Section::kEnd);
  finish(0);
  flush();
}

}  // namespace bulkhead::collect
