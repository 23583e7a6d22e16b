#include "enforce/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "base/text.h"
#include "enforce/sessions.h"

namespace bulkhead::enforce {
namespace {

constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE, asm-generic/socket.h, Linux 5.14
constexpr std::size_t kBlock = std::size_t{1} << 16;

std::string said(int error) {
  return std::generic_category().message(error);
}

// Never given again while the machine runs, unlike the inode of the namespace.
std::string namespace_name() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  const bool known = fd >= 0 && ::getsockopt(fd, SOL_SOCKET, kNetnsCookie, &cookie, &size) == 0;
  if (fd >= 0) ::close(fd);
  if (known) return "net-" + std::to_string(cookie);
  struct stat status{};
  if (::stat("/proc/self/ns/net", &status) != 0) return "net";
  return "net-inode-" + std::to_string(status.st_ino);
}

// Closes `above`.
Result<int> enter(int above, const std::string& name, const std::string& path, Folder::Make make) {
  if (make == Folder::Make::kYes && ::mkdirat(above, name.c_str(), S_IRWXU) != 0 &&
      errno != EEXIST) {
    const int error = errno;
    ::close(above);
    return fail(ErrorCode::kDenied, path + ": cannot be made: " + said(error));
  }
  const int fd =
      ::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  const int error = errno;
  ::close(above);
  if (fd < 0)
    return fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kDenied,
                path + ": " + said(error));
  struct stat status{};
  if (::fstat(fd, &status) != 0 || status.st_uid != 0 ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    ::close(fd);
    return fail(ErrorCode::kDenied,
                path + ": others than root may write there; move it away, and say again");
  }
  return fd;
}

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::kUnavailable, said(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Whoever waits for the lock can see whom to wait for.
void sign(int fd) {
  const auto self = process_of(::getpid());
  if (!self || ::ftruncate(fd, 0) != 0) return;
  // Without it one waits longer, and that is all.
  [[maybe_unused]] const Status done =
      write_all(fd, std::to_string(self->pid) + " " + std::to_string(self->start_ticks) + "\n");
}

Result<std::string> read_all(int fd) {
  std::string out;
  std::string block(kBlock, '\0');
  while (true) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::kUnavailable, said(errno));
    if (count == 0) return out;
    if (out.size() + static_cast<std::size_t>(count) > kMostFile)
      return fail(ErrorCode::kBudget, "larger than " + std::to_string(kMostFile) + " bytes");
    out.append(block, 0, static_cast<std::size_t>(count));
  }
}

}  // namespace

Lock::Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

Folder::Folder(Folder&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      base_(std::move(other.base_)) {}
Folder::~Folder() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Folder> Folder::open(Make make, const std::string& base) {
  int fd = ::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(ErrorCode::kUnavailable, base + ": " + said(errno));
  std::string path = base;
  for (const std::string& name :
       {std::string("bulkhead"), std::string("apply"), namespace_name()}) {
    path += "/" + name;
    auto next = enter(fd, name, path, make);
    if (!next) return std::unexpected(next.error());
    fd = *next;
  }
  return Folder(fd, path, base);
}

// flock() waits without an end, so it is asked again and again.
Result<Lock> Folder::lock(std::chrono::milliseconds patience) const {
  constexpr std::chrono::milliseconds kPause{50};
  const int fd =
      ::openat(fd_, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (fd < 0) return fail(ErrorCode::kDenied, path_ + "/lock: " + said(errno));
  const auto patient_until = std::chrono::steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EWOULDBLOCK && std::chrono::steady_clock::now() < patient_until) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    ::close(fd);
    if (error != EWOULDBLOCK) return fail(ErrorCode::kUnavailable, path_ + "/lock: " + said(error));
    return fail(ErrorCode::kUnavailable,
                "another bulkhead apply, confirm or rollback is at work; wait until it is done");
  }
  sign(fd);
  return Lock(fd);
}

std::optional<Process> Folder::lock_holder() const {
  const auto found = read("lock");
  if (!found) return std::nullopt;
  const std::optional<std::string>& text = *found;
  if (!text) return std::nullopt;
  const char* at = text->data();
  const char* const end = at + text->size();
  Process out;
  const auto pid = std::from_chars(at, end, out.pid);
  if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != ' ') return std::nullopt;
  const auto start = std::from_chars(pid.ptr + 1, end, out.start_ticks);
  if (start.ec != std::errc() || out.pid <= 1) return std::nullopt;
  return out;
}

Result<std::optional<std::string>> Folder::read(const std::string& name) const {
  const int fd = ::openat(fd_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return fail(ErrorCode::kDenied, path_ + "/" + escape_text(name) + ": " + said(errno));
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != 0) {
    ::close(fd);
    return fail(ErrorCode::kDenied, path_ + "/" + escape_text(name) + ": is no file of root's");
  }
  auto text = read_all(fd);
  ::close(fd);
  if (!text) return within(path_ + "/" + escape_text(name), text.error());
  return *std::move(text);
}

Status Folder::write(const std::string& name, std::string_view text) const {
  const std::string beside = "." + name + ".new";
  const std::string shown = path_ + "/" + escape_text(name);
  ::unlinkat(fd_, beside.c_str(), 0);
  const int fd = ::openat(fd_, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          S_IRUSR | S_IWUSR);
  if (fd < 0) return fail(ErrorCode::kUnavailable, shown + ": " + said(errno));
  Status done = write_all(fd, text);
  if (done && ::fsync(fd) != 0) done = fail(ErrorCode::kUnavailable, said(errno));
  ::close(fd);
  if (done && ::renameat(fd_, beside.c_str(), fd_, name.c_str()) != 0)
    done = fail(ErrorCode::kUnavailable, said(errno));
  if (done) return {};
  ::unlinkat(fd_, beside.c_str(), 0);
  return within(shown, done.error());
}

void Folder::remove(const std::string& name) const {
  ::unlinkat(fd_, name.c_str(), 0);
}

}  // namespace bulkhead::enforce
