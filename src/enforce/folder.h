// The folder in which apply keeps what it did: /run/bulkhead/apply/net-N, where N names the network
// namespace in which we run. It is gone after a restart of the machine, as are the rules.
//
// Root's alone: each part of the path is opened from the one above without following links, and
// must belong to root and be writable by nobody else. Files are read within bounds and written by
// rename.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "enforce/state.h"

namespace bulkhead::enforce {

inline constexpr std::size_t kMostFile = std::size_t{256} << 20;

// Held as long as it lives; goes with the process, however that ends.
class Lock {
 public:
  explicit Lock(int fd) : fd_(fd) {}
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&&) = delete;
  ~Lock();

  // A process that inherits it holds the lock, too.
  [[nodiscard]] int descriptor() const { return fd_; }

 private:
  int fd_;
};

class Folder {
 public:
  enum class Make : std::uint8_t { kNo, kYes };
  // kNotFound when it is not there and not to be made; kDenied when it is not safe.
  [[nodiscard]] static Result<Folder> open(Make make, const std::string& base = "/run");
  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&&) = delete;
  ~Folder();

  // Excludes every other apply, confirm and rollback of this namespace. kUnavailable when another
  // still holds it after `patience`.
  [[nodiscard]] Result<Lock> lock(std::chrono::milliseconds patience) const;

  // Who took the lock last; he may have ended since. nullopt when it is not written there.
  [[nodiscard]] std::optional<Process> lock_holder() const;

  // nullopt when it is not there. kBudget past kMostFile.
  [[nodiscard]] Result<std::optional<std::string>> read(const std::string& name) const;
  [[nodiscard]] Status write(const std::string& name, std::string_view text) const;
  void remove(const std::string& name) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& base() const { return base_; }

 private:
  Folder(int fd, std::string path, std::string base)
      : fd_(fd), path_(std::move(path)), base_(std::move(base)) {}
  int fd_;
  std::string path_, base_;
};

}  // namespace bulkhead::enforce
