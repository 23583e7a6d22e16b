#include "collect/privileges.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "collect/access.h"
#include "collect/broker.h"

namespace bulkhead::collect {
namespace {

struct CapabilitySets {
  std::uint64_t effective = 0, permitted = 0, inheritable = 0;
};

Result<CapabilitySets> current_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) {
    return fail(ErrorCode::kInternal, "capabilities could not be read: " + errno_text(errno));
  }
  const auto join = [](std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{high} << 32 | low;
  };
  return CapabilitySets{join(data[0].effective, data[1].effective),
                        join(data[0].permitted, data[1].permitted),
                        join(data[0].inheritable, data[1].inheritable)};
}

Status set_capabilities(std::uint64_t keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = static_cast<std::uint32_t>(keep);
  data[1].effective = data[1].permitted = static_cast<std::uint32_t>(keep >> 32);
  if (syscall(SYS_capset, &header, data) != 0) {
    return fail(ErrorCode::kInternal, "capabilities could not be given up: " + errno_text(errno));
  }
  return {};
}

// So that not even a program run later could get them back. Needs CAP_SETPCAP; who has none has
// nothing to win back either, because of no_new_privs.
void drop_bounding_set(std::uint64_t keep) {
  for (unsigned long bit = 0; bit < 64; ++bit) {
    if ((keep >> bit & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, bit, 0, 0, 0) != 0 && errno == EINVAL) break;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

Status reduce_to(std::uint64_t wanted) {
  auto sets = current_sets();
  if (!sets) return std::unexpected(sets.error());
  const std::uint64_t keep = sets->permitted & wanted;
  drop_bounding_set(keep);
  if (keep == 0) {
    // uid 0 alone means nothing from here on, and that is locked.
    prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS, 0, 0, 0);
  }
  if (Status status = set_capabilities(keep); !status) return status;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(ErrorCode::kInternal, "no_new_privs could not be set: " + errno_text(errno));
  }
  return {};
}

constexpr std::uint64_t bit(unsigned capability) {
  return std::uint64_t{1} << capability;
}

}  // namespace

Status keep_reader_capabilities(Broker::Rights rights) {
  const std::uint64_t raw = rights == Broker::Rights::kReading ? 0 : bit(CAP_NET_RAW);
  return reduce_to(bit(CAP_SYS_ADMIN) | bit(CAP_NET_ADMIN) | bit(CAP_SYS_PTRACE) |
                   bit(CAP_DAC_READ_SEARCH) | raw);
}

bool can_look_into_processes() {
  const auto sets = current_sets();
  return sets && (sets->effective & bit(CAP_SYS_PTRACE)) != 0;
}

Status drop_privileges() {
  return reduce_to(0);
}

}  // namespace bulkhead::collect
