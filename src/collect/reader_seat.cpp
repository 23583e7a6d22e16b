#include "collect/reader_seat.h"

// Before the kernel's own headers, which then leave out what libc has defined
// (linux/libc-compat.h).
// clang-format off
#include <netinet/in.h>
// clang-format on

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "collect/seat_wish.h"
#include "collect/wire.h"

namespace bulkhead::collect {
namespace {

constexpr const char* kSeatLink = "eth0";
constexpr int kProbes = 2, kProbeWaitMs = 200;
constexpr int kUpWaitMs = 1500;
constexpr int kMakingMs = 20'000;

using SeatAddress = std::array<std::uint8_t, 16>;  // the first four of IPv4

// The request, read.
struct SeatRequest {
  std::uint32_t link = 0, bridge = 0, length4 = 0, has6 = 0, length6 = 0, gateway4 = 0,
                gateway6 = 0;
  std::vector<SeatAddress> candidates;
  SeatAddress address6{}, to4{}, to6{};
};

std::optional<SeatAddress> take_address(Cursor& cursor) {
  const auto bytes = cursor.take(16);
  if (!bytes) return std::nullopt;
  SeatAddress out{};
  std::ranges::copy(*bytes, out.begin());
  return out;
}

std::optional<SeatRequest> read_request(Cursor& cursor) {
  SeatRequest out;
  std::uint32_t count = 0;
  for (std::uint32_t* field : {&out.link, &out.bridge, &out.length4, &out.has6, &out.length6,
                               &out.gateway4, &out.gateway6, &count}) {
    const auto value = cursor.native<std::uint32_t>();
    if (!value) return std::nullopt;
    *field = *value;
  }
  for (SeatAddress* address : {&out.address6, &out.to4, &out.to6}) {
    const auto value = take_address(cursor);
    if (!value) return std::nullopt;
    *address = *value;
  }
  if (count > kMostCandidates || out.length4 > 32 || out.length6 > 128) return std::nullopt;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto value = take_address(cursor);
    if (!value) return std::nullopt;
    out.candidates.push_back(*value);
  }
  return cursor.left() == 0 ? std::optional(std::move(out)) : std::nullopt;
}

// What the keeper says when it is done: an errno with the step that failed, or the candidate.
struct Said {
  std::int32_t error = 0;
  std::uint32_t chosen = ~0U;
  std::array<char, 64> step{};
};

// One message, and the kernel's answer to it: 0 or an errno.
class Asked {
 public:
  Asked(int fd, std::uint16_t type, std::uint16_t flags) : fd_(fd) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header().nlmsg_seq = 1;
  }
  // What stands before attributes. Valid until the message grows: filled at once.
  template <class T>
  T& extra() {
    return *reinterpret_cast<T*>(grow(sizeof(T)));
  }
  void put(std::uint16_t type, const void* data, std::size_t size) {
    const std::size_t at = begin(type);
    std::memcpy(grow(size), data, size);
    end(at);
  }
  void put32(std::uint16_t type, std::uint32_t value) { put(type, &value, sizeof value); }
  void text(std::uint16_t type, const char* value) { put(type, value, std::strlen(value) + 1); }
  // An attribute that holds what is put until end(), which takes what this gives.
  std::size_t begin(std::uint16_t type) {
    const std::size_t at = used_;
    reinterpret_cast<nlattr*>(grow(sizeof(nlattr)))->nla_type = type;
    sized_ = used_;
    return at;
  }
  void end(std::size_t at) {
    reinterpret_cast<nlattr*>(buffer_.data() + at)->nla_len =
        static_cast<std::uint16_t>(sized_ - at);
  }

  int run() {
    header().nlmsg_len = static_cast<std::uint32_t>(used_);
    if (send(fd_, buffer_.data(), used_, 0) < 0) return errno;
    alignas(nlmsghdr) std::array<char, 8192> answer{};
    const ssize_t got = recv(fd_, answer.data(), answer.size(), 0);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(int))) return got < 0 ? errno : EPROTO;
    if (reinterpret_cast<const nlmsghdr*>(answer.data())->nlmsg_type != NLMSG_ERROR) return EPROTO;
    int error = 0;
    std::memcpy(&error, answer.data() + sizeof(nlmsghdr), sizeof error);
    return -error;
  }

 private:
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  // Zeroes, in steps of four; the length of an attribute leaves the last of them out.
  char* grow(std::size_t size) {
    char* const at = buffer_.data() + used_;
    sized_ = used_ + size;
    used_ += (size + 3) & ~std::size_t{3};
    if (used_ > buffer_.size()) _exit(70);  // all that is put has a size of ours
    return at;
  }

  int fd_;
  alignas(nlmsghdr) std::array<char, 2048> buffer_{};
  std::size_t used_ = sizeof(nlmsghdr), sized_ = 0;
};

ifreq about_seat_link(unsigned long what) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, IFNAMSIZ, "%s", kSeatLink);
  if (fd < 0 || ioctl(fd, what, &request) != 0) request.ifr_ifru = {};
  if (fd >= 0) close(fd);
  return request;
}

std::uint32_t seat_link_index() {
  return static_cast<std::uint32_t>(about_seat_link(SIOCGIFINDEX).ifr_ifindex);
}

bool is_running() {
  return (about_seat_link(SIOCGIFFLAGS).ifr_flags & IFF_RUNNING) != 0;
}

int route_socket() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

int set_up(int fd, const char* name) {
  Asked ask(fd, RTM_NEWLINK, 0);
  auto& link = ask.extra<ifinfomsg>();
  link.ifi_flags = link.ifi_change = IFF_UP;
  ask.text(IFLA_IFNAME, name);
  return ask.run();
}

// Of a link in the namespace of the socket; 0: not known.
std::uint32_t mtu_of(int fd, std::uint32_t link) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(link);
  const bool known = ioctl(fd, SIOCGIFNAME, &request) == 0 && ioctl(fd, SIOCGIFMTU, &request) == 0;
  return known && request.ifr_mtu > 0 ? static_cast<std::uint32_t>(request.ifr_mtu) : 0;
}

// A pair of which one end is a port of the bridge. Its MAC is higher than others', so that a bridge
// that takes the lowest of its ports' keeps its own; and so with the MTU (br_mtu_auto_adjust() in
// net/bridge/br_if.c).
int add_port(int fd, std::uint32_t bridge, int own_namespace) {
  const auto pid = static_cast<std::uint32_t>(getpid());
  std::array<char, IFNAMSIZ> name{};
  std::snprintf(name.data(), name.size(), "bks%u", pid);
  const std::array<std::uint8_t, 6> mac{0xfe,
                                        0xff,
                                        static_cast<std::uint8_t>(pid >> 24),
                                        static_cast<std::uint8_t>(pid >> 16),
                                        static_cast<std::uint8_t>(pid >> 8),
                                        static_cast<std::uint8_t>(pid)};
  const std::uint32_t mtu = mtu_of(fd, bridge);
  if (mtu == 0) return ENODEV;
  Asked ask(fd, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ask.extra<ifinfomsg>();
  ask.text(IFLA_IFNAME, name.data());
  ask.put32(IFLA_MTU, mtu);
  ask.put(IFLA_ADDRESS, mac.data(), mac.size());
  ask.put32(IFLA_MASTER, bridge);
  const std::size_t info = ask.begin(IFLA_LINKINFO);
  ask.text(IFLA_INFO_KIND, "veth");
  const std::size_t data = ask.begin(IFLA_INFO_DATA);
  const std::size_t peer = ask.begin(VETH_INFO_PEER);
  ask.extra<ifinfomsg>();
  ask.text(IFLA_IFNAME, kSeatLink);
  ask.put32(IFLA_MTU, mtu);
  ask.put32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(own_namespace));
  ask.end(peer);
  ask.end(data);
  ask.end(info);
  // Neither end can be up before both are there (veth_open() in drivers/net/veth.c).
  const int error = ask.run();
  return error == 0 ? set_up(fd, name.data()) : error;
}

int add_macvlan(int fd, std::uint32_t parent, int own_namespace) {
  Asked ask(fd, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ask.extra<ifinfomsg>();
  ask.text(IFLA_IFNAME, kSeatLink);
  ask.put32(IFLA_LINK, parent);
  ask.put32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(own_namespace));
  const std::size_t info = ask.begin(IFLA_LINKINFO);
  ask.text(IFLA_INFO_KIND, "macvlan");
  const std::size_t data = ask.begin(IFLA_INFO_DATA);
  ask.put32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
  ask.end(data);
  ask.end(info);
  return ask.run();
}

int add_address(int fd, int family, const SeatAddress& address, std::uint32_t length) {
  Asked ask(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto& head = ask.extra<ifaddrmsg>();
  head.ifa_family = static_cast<std::uint8_t>(family);
  head.ifa_prefixlen = static_cast<std::uint8_t>(length);
  head.ifa_index = seat_link_index();
  const std::size_t size = family == AF_INET ? 4 : 16;
  ask.put(IFA_LOCAL, address.data(), size);
  ask.put(IFA_ADDRESS, address.data(), size);
  return ask.run();
}

int add_default_route(int fd, int family, const SeatAddress& gateway) {
  Asked ask(fd, RTM_NEWROUTE, NLM_F_CREATE);
  auto& head = ask.extra<rtmsg>();
  head.rtm_family = static_cast<std::uint8_t>(family);
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_type = RTN_UNICAST;
  ask.put(RTA_GATEWAY, gateway.data(), family == AF_INET ? 4 : 16);
  ask.put32(RTA_OIF, seat_link_index());
  return ask.run();
}

struct ArpPacket {  // of IPv4 on Ethernet (RFC 826)
  std::uint16_t hardware = htons(ARPHRD_ETHER), protocol = htons(ETH_P_IP);
  std::uint8_t hardware_size = 6, protocol_size = 4;
  std::uint16_t operation = htons(ARPOP_REQUEST);
  std::array<std::uint8_t, 6> sender_mac{};
  std::array<std::uint8_t, 4> sender{};
  std::array<std::uint8_t, 6> target_mac{};
  std::array<std::uint8_t, 4> target{};
};
static_assert(sizeof(ArpPacket) == 28);

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Asks who has the address (RFC 5227: without one of one's own, so that no table is filled); true
// when somebody says so.
bool somebody_has(int fd, const sockaddr_ll& everybody, std::span<const std::uint8_t, 6> mac,
                  const SeatAddress& address) {
  ArpPacket question;
  std::ranges::copy(mac, question.sender_mac.begin());
  std::copy_n(address.begin(), 4, question.target.begin());
  for (int i = 0; i < kProbes; ++i) {
    sendto(fd, &question, sizeof question, 0, reinterpret_cast<const sockaddr*>(&everybody),
           sizeof everybody);
    const std::int64_t end = now_ms() + kProbeWaitMs;
    for (std::int64_t left = kProbeWaitMs; left > 0; left = end - now_ms()) {
      pollfd wait{fd, POLLIN, 0};
      if (poll(&wait, 1, static_cast<int>(left)) <= 0) break;
      ArpPacket heard;
      const ssize_t got = recv(fd, &heard, sizeof heard, MSG_DONTWAIT);
      if (got >= static_cast<ssize_t>(sizeof heard) &&
          std::equal(heard.sender.begin(), heard.sender.end(), address.begin()))
        return true;
    }
  }
  return false;
}

// Position of the first that nobody has; nullopt: none, or an errno in `error`.
std::optional<std::uint32_t> choose(const std::vector<SeatAddress>& candidates, int& error) {
  const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
  if (fd < 0) {
    error = errno;
    return std::nullopt;
  }
  sockaddr_ll own{};
  own.sll_family = AF_PACKET;
  own.sll_protocol = htons(ETH_P_ARP);
  own.sll_ifindex = static_cast<int>(seat_link_index());
  socklen_t size = sizeof own;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    error = errno;
    close(fd);
    return std::nullopt;
  }
  sockaddr_ll everybody = own;
  everybody.sll_halen = 6;
  std::fill_n(everybody.sll_addr, 6, std::uint8_t{0xff});
  std::array<std::uint8_t, 6> mac{};
  std::copy_n(own.sll_addr, 6, mac.begin());
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    if (somebody_has(fd, everybody, mac, candidates[i])) continue;
    close(fd);
    return i;
  }
  close(fd);
  error = EADDRINUSE;
  return std::nullopt;
}

// For links that are made in this namespace from now on. No IPv6 at all is none to be asked for.
int set_default6(const char* name, char value) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/sys/net/ipv6/conf/default/%s", name);
  const int fd = open(path.data(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  const int error = write(fd, &value, 1) == 1 ? 0 : errno;
  close(fd);
  return error;
}

// In the keeper: all that is to be done, step by step; the first that fails is said.
class Keeper {
 public:
  Keeper(const SeatRequest& request, int host) : request_(request), host_(host) {}

  Said make() {
    link() && addresses() && routes();
    return said_;
  }

 private:
  bool step(const char* name, int error) {
    said_.error = error;
    std::snprintf(said_.step.data(), said_.step.size(), "%s", name);
    return error == 0;
  }

  // It has the addresses that were announced: none that a router advertises, and no link-local one,
  // with its questions for routers, where IPv6 was not asked for.
  bool silence() {
    return step("no IPv6 address of its own", set_default6("accept_ra", '0')) &&
           step("no IPv6 address of its own", set_default6("autoconf", '0')) &&
           step("no IPv6", set_default6("disable_ipv6", request_.has6 == 0 ? '1' : '0'));
  }

  bool link() {
    if (!step("a network namespace", unshare(CLONE_NEWNET) == 0 ? 0 : errno) || !silence())
      return false;
    own_ = route_socket();
    const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (!step("its descriptors", own_ < 0 || here < 0 ? errno : 0)) return false;
    const bool bridge = request_.bridge != 0;
    const int made =
        bridge ? add_port(host_, request_.link, here) : add_macvlan(host_, request_.link, here);
    close(here);
    if (!step(bridge ? "a port of the bridge (veth)" : "a macvlan on the interface", made))
      return false;
    if (!step("its loopback", set_up(own_, "lo")) || !step("its link", set_up(own_, kSeatLink)))
      return false;
    for (const std::int64_t end = now_ms() + kUpWaitMs; !is_running() && now_ms() < end;)
      poll(nullptr, 0, 10);
    return true;
  }

  bool addresses() {
    if (!request_.candidates.empty()) {
      int error = 0;
      const auto chosen = choose(request_.candidates, error);
      if (!step("an address that nobody has", chosen ? 0 : error) || !chosen) return false;
      said_.chosen = *chosen;
      if (!step("its address",
                add_address(own_, AF_INET, request_.candidates[*chosen], request_.length4)))
        return false;
    }
    return request_.has6 == 0 ||
           step("its IPv6 address",
                add_address(own_, AF_INET6, request_.address6, request_.length6));
  }

  bool routes() {
    const bool four = request_.gateway4 == 0 || request_.candidates.empty() ||
                      step("its route", add_default_route(own_, AF_INET, request_.to4));
    return four && (request_.gateway6 == 0 || request_.has6 == 0 ||
                    step("its IPv6 route", add_default_route(own_, AF_INET6, request_.to6)));
  }

  const SeatRequest& request_;
  int host_, own_ = -1;
  Said said_;
};

[[noreturn]] void keep_seat(const SeatRequest& request, int pipe_end, int host, pid_t reader) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_NAME, "bulkhead-seat", 0, 0, 0);
  if (getppid() != reader) _exit(0);
  const int low = std::min(pipe_end, host), high = std::max(pipe_end, host);
  if (low > 3) close_range(3, static_cast<unsigned>(low) - 1, 0);
  if (high > low + 1)
    close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1, 0);
  close_range(static_cast<unsigned>(high) + 1, ~0U, 0);
  const Said said = Keeper(request, host).make();
  static_cast<void>(!write(pipe_end, &said, sizeof said));
  if (said.error != 0) _exit(1);
  close(pipe_end);
  for (;;) pause();
}

void tell(ReaderOutput& out, pid_t keeper, const Said& said) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/ns/net", static_cast<int>(keeper));
  struct stat info{};
  if (said.error == 0 && stat(path.data(), &info) == 0) {
    out.begin(Section::kSeat);
    out.append_value(static_cast<std::uint64_t>(info.st_ino));
    out.append_value(said.chosen);
    out.finish(0);
    return;
  }
  out.problem({said.step.data(), strnlen(said.step.data(), said.step.size())});
  out.section(Section::kSeat, {}, said.error == 0 ? ENOENT : said.error);
}

}  // namespace

bool make_seat(Cursor& request, ReaderOutput& out) {
  const auto wanted = read_request(request);
  if (!wanted) return false;
  int ends[2];
  const int host = route_socket();
  if (host < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    const int error = errno;
    if (host >= 0) close(host);
    out.section(Section::kSeat, {}, error);
    return true;
  }
  const pid_t reader = getpid();
  const pid_t keeper = fork();
  if (keeper == 0) keep_seat(*wanted, ends[1], host, reader);
  const int fork_error = errno;
  close(ends[1]);
  close(host);
  Said said;
  said.error = keeper < 0 ? fork_error : EIO;
  pollfd wait{ends[0], POLLIN, 0};
  const bool heard = keeper > 0 && poll(&wait, 1, kMakingMs) > 0 &&
                     read(ends[0], &said, sizeof said) == static_cast<ssize_t>(sizeof said);
  close(ends[0]);
  tell(out, keeper, said);
  if (keeper > 0 && (!heard || said.error != 0)) {
    kill(keeper, SIGKILL);
    waitpid(keeper, nullptr, 0);
  }
  return true;
}

}  // namespace bulkhead::collect
