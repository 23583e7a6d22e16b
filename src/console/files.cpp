#include "console/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace bulkhead::console {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ > 2) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> system_error(const std::string& path, std::string_view what) {
  const int error = errno;
  const ErrorCode code = error == ENOENT                     ? ErrorCode::kNotFound
                         : error == EACCES || error == EPERM ? ErrorCode::kDenied
                                                             : ErrorCode::kUnavailable;
  return fail(code, escape_text(path) + ": " + std::string(what) + ": " + std::strerror(error));
}

// A device or a pipe, which is written to and never replaced by a file.
bool is_no_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

// So that the new name outlives a loss of power. Some file systems cannot, and need not.
void keep_names(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() >= 0) ::fsync(file.get());
}

Status write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return system_error(path, "cannot write");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t most) {
  const File file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error(path, "cannot open");
  std::string out;
  std::array<char, 65536> block;
  while (true) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, "cannot read");
    if (count == 0) return out;
    if (out.size() + static_cast<std::size_t>(count) > most) {
      return fail(ErrorCode::kInvalidInput,
                  escape_text(path) + ": over " + std::to_string(most) + " bytes");
    }
    out.append(block.data(), static_cast<std::size_t>(count));
  }
}

Status write_file(const std::string& path, std::string_view content) {
  if (path == "-" || path == "/dev/stdout") return print(content);
  if (is_no_file(path)) {
    const File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (file.get() < 0) return system_error(path, "cannot open");
    return write_all(file.get(), path, content);
  }
  const std::string beside = path + ".tmp" + std::to_string(::getpid());
  ::unlink(beside.c_str());  // of one with our number that was killed: in a container all are 1
  const File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return system_error(beside, "cannot create");
  auto written = write_all(file.get(), path, content);
  if (written && ::fsync(file.get()) != 0) written = system_error(path, "cannot write");
  if (written && ::rename(beside.c_str(), path.c_str()) != 0)
    written = system_error(path, "cannot rename");
  if (!written) ::unlink(beside.c_str());
  if (written) keep_names(path);
  return written;
}

Status print(std::string_view text) {
  return write_all(STDOUT_FILENO, "standard output", text);
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

Status check_trusted(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return system_error(path, "cannot stat");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied,
                escape_text(path) + ": belongs to user " + std::to_string(status.st_uid) +
                    ", so it is not followed; name it with --config if you trust it");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kDenied,
                escape_text(path) +
                    ": others may write it, so it is not followed; chmod go-w it, "
                    "or name it with --config if you trust it");
  }
  return {};
}

}  // namespace bulkhead::console
