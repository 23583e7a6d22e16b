#include "collect/reader_files.h"

// Before the kernel's own headers, which then leave out what libc has defined
// (linux/libc-compat.h).
// clang-format off
#include <netinet/in.h>
// clang-format on

#include <fcntl.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <map>
#include <vector>

namespace bulkhead::collect {

FileText read_file(const char* path, std::size_t most) {
  FileText out;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    out.error = errno;
    return out;
  }
  char part[16384];
  for (;;) {
    const ssize_t count = read(fd, part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) out.error = errno;
    if (count <= 0) break;
    if (out.text.size() + static_cast<std::size_t>(count) > most) {
      out.error = EFBIG;
      break;
    }
    out.text.append(part, static_cast<std::size_t>(count));
  }
  close(fd);
  return out;
}

namespace {

// kernel/module/: /proc/modules exists exactly when the kernel can load modules; a loaded one has a
// folder in /sys/module; what is built in is listed in modules.builtin of the kernel's folder.
bool look_for_module(const char* module) {
  if (access("/proc/modules", F_OK) != 0) return true;
  const std::string name(module);
  if (access(("/sys/module/" + name).c_str(), F_OK) == 0) return true;
  utsname machine{};
  if (uname(&machine) != 0) return false;
  static const std::string kBuiltin =
      read_file(("/lib/modules/" + std::string(machine.release) + "/modules.builtin").c_str(),
                4U << 20)
          .text;
  return kBuiltin.find("/" + name + ".ko") != std::string::npos;
}

}  // namespace

namespace {

std::map<std::string, bool, std::less<>>& known_modules() {
  static std::map<std::string, bool, std::less<>> known;
  return known;
}

}  // namespace

bool kernel_has(const char* module) {
  auto& known = known_modules();
  const auto found = known.find(module);
  if (found != known.end()) return found->second;
  return known[module] = look_for_module(module);
}

void pretend_kernel_has(const char* module, bool present) {
  known_modules()[module] = present;
}

// --------------------------------------------------------------------------------------- sysctls

namespace {

// The names are those of decode_sysctls.cpp; conf/all exists in full only here.
struct Folder {
  const char* name;  // below /proc/sys/net
  std::initializer_list<const char*> files;
  std::initializer_list<const char*> all;  // below conf/all
  bool of_bridges = false;
};
const Folder kFolders[] = {
    {"ipv4",
     {"ip_forward", "ip_nonlocal_bind", "ip_early_demux", "fib_multipath_hash_policy",
      "icmp_echo_ignore_all", "tcp_l3mdev_accept", "udp_l3mdev_accept", "ip_local_port_range",
      "fwmark_reflect", "tcp_fwmark_accept"},
     {"forwarding",
      "rp_filter",
      "accept_local",
      "route_localnet",
      "arp_ignore",
      "arp_announce",
      "arp_filter",
      "arp_accept",
      "proxy_arp",
      "proxy_arp_pvlan",
      "src_valid_mark",
      "accept_source_route",
      "mc_forwarding",
      "medium_id",
      "disable_policy",
      "drop_unicast_in_l2_multicast",
      "ignore_routes_with_linkdown",
      "shared_media",
      "accept_redirects",
      "log_martians"}},
    {"ipv6",
     {"ip_nonlocal_bind"},
     {"forwarding", "force_forwarding", "disable_ipv6", "accept_ra", "proxy_ndp",
      "accept_source_route", "ndisc_notify", "drop_unicast_in_l2_multicast",
      "ignore_routes_with_linkdown", "use_tempaddr", "seg6_enabled"}},
    {"bridge",
     {"bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables",
      "bridge-nf-filter-vlan-tagged", "bridge-nf-filter-pppoe-tagged",
      "bridge-nf-pass-vlan-input-dev"},
     {},
     true},
    {"netfilter", {"nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal"}, {}},
};

// A file that does not exist is left out; one that cannot be read is named with an empty value.
void read_folder(ReaderOutput& out, int folder, const std::string& prefix,
                 std::initializer_list<const char*> files) {
  for (const char* name : files) {
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    char value[128];
    const ssize_t count = fd < 0 ? 0 : read(fd, value, sizeof value);
    if (fd >= 0) close(fd);
    out.append_text(prefix);
    out.append_text({name, std::strlen(name) + 1});
    out.append({reinterpret_cast<const std::uint8_t*>(value),
                count < 0 ? 0 : static_cast<std::size_t>(count)});
    out.append_value('\0');
  }
}

void read_folders(ReaderOutput& out, int folder, const Folder& which) {
  const std::string prefix = std::string(which.name) + "/";
  read_folder(out, folder, prefix, which.files);
  if (which.all.size() == 0) return;
  const int all = openat(folder, "conf/all", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (all < 0) return;
  read_folder(out, all, prefix + "conf/all/", which.all);
  close(all);
}

}  // namespace

// Below /proc/sys/net each namespace has folders of its own, all of the same name and parent: to
// find the right one the kernel compares them one by one (fs/proc/proc_sysctl.c, proc_sys_compare).
// So each folder is looked up once, and its files from there: by path, a thousand namespaces
// took 3.5 s.
void read_sysctls(ReaderOutput& out, bool bridges) {
  out.begin(Section::kSysctls);
  const int root = open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const int error = root < 0 ? errno : 0;
  for (const Folder& which : kFolders) {
    if (root < 0) break;
    if (which.of_bridges && !bridges) continue;
    const int folder = openat(root, which.name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) continue;
    read_folders(out, folder, which);
    close(folder);
  }
  if (root >= 0) close(root);
  out.finish(error);
}

// ---------------------------------------------------------------------------------- legacy tables

namespace {

constexpr std::size_t kMostNames = 4096;
constexpr std::size_t kMostTable = 128U << 20;

struct Legacy {
  int family, level, info, entries;
  Section info_section, entries_section;
  const char* names;
};
// IPT_BASE_CTL and IP6T_BASE_CTL are both 64: uapi/linux/netfilter_ipv{4,6}/ip*_tables.h.
constexpr Legacy kLegacy[] = {
    {AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, Section::kLegacyInfo4,
     Section::kLegacyEntries4, "/proc/self/net/ip_tables_names"},
    {AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, Section::kLegacyInfo6,
     Section::kLegacyEntries6, "/proc/self/net/ip6_tables_names"},
};

// struct ipt_get_entries and ip6t_get_entries: name[32], u32 size, padding to 8, entries.
constexpr std::size_t kEntriesHeader = 40;
static_assert(offsetof(ipt_get_entries, entrytable) == kEntriesHeader);
static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo));

// A table may grow between its two questions (EAGAIN): ask again.
int read_table(ReaderOutput& out, int fd, const Legacy& legacy, const std::string& name) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    ipt_getinfo info{};
    std::memcpy(info.name, name.data(), name.size());
    socklen_t length = sizeof info;
    if (getsockopt(fd, legacy.level, legacy.info, &info, &length) != 0) return errno;
    if (info.size > kMostTable) return EFBIG;
    std::vector<std::uint8_t> blob(kEntriesHeader + info.size);
    std::memcpy(blob.data(), info.name, sizeof info.name);
    std::memcpy(blob.data() + sizeof info.name, &info.size, sizeof info.size);
    length = static_cast<socklen_t>(blob.size());
    if (getsockopt(fd, legacy.level, legacy.entries, blob.data(), &length) != 0) {
      if (errno == EAGAIN) continue;
      return errno;
    }
    out.section(legacy.info_section, {reinterpret_cast<const std::uint8_t*>(&info), sizeof info});
    out.section(legacy.entries_section, ByteView(blob).subspan(kEntriesHeader));
    return 0;
  }
  return EINTR;
}

}  // namespace

// Only tables that are listed: asking for another would create it.
void read_legacy_tables(ReaderOutput& out) {
  for (const Legacy& legacy : kLegacy) {
    const FileText names = read_file(legacy.names, kMostNames);
    if (names.error != 0 && names.error != ENOENT) {
      out.section(legacy.info_section, {}, names.error);
    }
    if (names.text.empty()) continue;
    const int fd = socket(legacy.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int socket_error = fd < 0 ? errno : 0;
    std::string_view left = names.text;
    while (!left.empty()) {
      const std::string name(left.substr(0, left.find('\n')));
      left.remove_prefix(std::min(name.size() + 1, left.size()));
      if (name.empty() || name.size() >= XT_TABLE_MAXNAMELEN) continue;
      const int error = fd < 0 ? socket_error : read_table(out, fd, legacy, name);
      if (error != 0) out.section(legacy.info_section, as_bytes(name), error);
    }
    if (fd >= 0) close(fd);
  }
  const FileText arp = read_file("/proc/self/net/arp_tables_names", kMostNames);
  if (!arp.text.empty()) out.section(Section::kLegacyArp, as_bytes(arp.text));
}

}  // namespace bulkhead::collect
