// Three network namespaces of the real kernel for tests of the filter:
//     peer (10.1.0.2, fd01::2) -- eth0 [this process: routes] eth1 -- far (10.2.0.2, fd02::2)
// All end with the process. Neighbours are permanent and nothing speaks by itself, so that the
// rules see the probes only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace bulkhead::trace::testing {

inline constexpr std::uint16_t kPort = 80;
inline constexpr std::uint32_t kEth0 = 10, kEth1 = 11;

// A process that only holds a network namespace, which ends with it.
class NamespaceHolder {
 public:
  NamespaceHolder();
  ~NamespaceHolder();
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;
  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

 private:
  pid_t pid_ = -1;
};

class KernelLab {
 public:
  // "" when it stands, else what went wrong. Moves this process into a namespace of its own.
  [[nodiscard]] std::string build();
  // One datagram of 4 bytes, or one SYN, from port `port` to kPort. "" or what
  // went wrong.
  [[nodiscard]] std::string send(const std::string& from, const std::string& to, bool tcp,
                                 std::uint16_t port) const;

  // Makes eth0 and eth1 ports of a bridge without addresses; 10.1.0.9 and fd01::9 are then far's.
  [[nodiscard]] std::string bridge_script() const;

 private:
  std::optional<NamespaceHolder> peer_, far_;
};

}  // namespace bulkhead::trace::testing
