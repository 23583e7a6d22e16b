#include "collect/reader_netlink.h"

// Before the kernel's own headers, which then leave out what libc has defined
// (linux/libc-compat.h).
// clang-format off
#include <netinet/in.h>
// clang-format on

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "collect/reader_files.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kDatagram = 64U << 10;  // the kernel fills at most 32 KiB (af_netlink.c)
constexpr int kReceiveBuffer = 1 << 20;
constexpr std::uint32_t kSkipStatistics = 1U << 3;  // RTEXT_FILTER_SKIP_STATS, linux/rtnetlink.h

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

template <class T>
void append_structure(Bytes& bytes, const T& value) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
  bytes.resize(padded(bytes.size()));
}

void append_attribute(Bytes& bytes, std::uint16_t type, ByteView value) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  append_structure(bytes, header);
  bytes.insert(bytes.end(), value.begin(), value.end());
  bytes.resize(padded(bytes.size()));
}

void append_attribute(Bytes& bytes, std::uint16_t type, std::uint32_t value) {
  append_attribute(bytes, type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void append_string(Bytes& bytes, std::uint16_t type, std::string_view text) {
  const std::string copy(text);
  append_attribute(bytes, type, as_bytes(std::string_view(copy.c_str(), copy.size() + 1)));
}

template <class T>
Bytes body_of(const T& header) {
  Bytes body;
  append_structure(body, header);
  return body;
}

}  // namespace

NetlinkSocket::NetlinkSocket(int protocol) : protocol_(protocol) {
  reopen();
}

NetlinkSocket::~NetlinkSocket() {
  if (fd_ >= 0) close(fd_);
}

void NetlinkSocket::reopen() {
  if (fd_ >= 0) close(fd_);
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol_);
  error_ = fd_ < 0 ? errno : 0;
  if (fd_ < 0) return;
  if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  }
  const timeval patience{5, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (protocol_ == NETLINK_ROUTE) {
    const int on = 1;  // absent before Linux 4.20: the requests here are well formed either way
    setsockopt(fd_, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  }
}

int NetlinkSocket::send(std::uint16_t type, std::uint16_t flags, ByteView body) {
  Bytes request;
  request.reserve(sizeof(nlmsghdr) + body.size());
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence_;
  append_structure(request, header);
  request.insert(request.end(), body.begin(), body.end());
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (sendto(fd_, request.data(), request.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

namespace {

enum class Seen { kMore, kDone, kForeign };

// Looks at the headers of one datagram only as far as needed to know when the dump ends.
Seen look(ByteView datagram, std::uint32_t sequence, bool dump, std::size_t& messages, int& error) {
  std::size_t at = 0;
  while (datagram.size() - at >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data() + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size() - at) {
      error = EBADMSG;
      return Seen::kDone;
    }
    if (header.nlmsg_seq != sequence) return Seen::kForeign;
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) error = EINTR;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      std::int32_t code = 0;
      if (header.nlmsg_len >= sizeof header + sizeof code) {
        std::memcpy(&code, datagram.data() + at + sizeof header, sizeof code);
      }
      if (code < 0) error = -code;
      return Seen::kDone;
    }
    ++messages;
    at += padded(header.nlmsg_len);
    if (at >= datagram.size()) break;
  }
  return dump ? Seen::kMore : Seen::kDone;
}

}  // namespace

int NetlinkSocket::receive(ReaderOutput& out, bool dump, std::size_t& messages, Word* mentions) {
  int error = 0;
  for (;;) {
    const auto room = out.space(kDatagram);
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t count = recvfrom(fd_, room.data(), kDatagram, MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &from_size);
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? ETIMEDOUT : errno;
    }
    if (from.nl_pid != 0) continue;  // not from the kernel
    if (static_cast<std::size_t>(count) > kDatagram) return EMSGSIZE;
    const ByteView datagram(room.data(), static_cast<std::size_t>(count));
    const Seen seen = look(datagram, sequence_, dump, messages, error);
    if (seen == Seen::kForeign) continue;
    if (mentions != nullptr && !mentions->seen)
      mentions->seen = memmem(datagram.data(), datagram.size(), mentions->bytes.data(),
                              mentions->bytes.size()) != nullptr;
    out.filled(datagram.size());
    if (seen == Seen::kDone) return error;
    if (out.section_size() > kMostSection - kDatagram) return EFBIG;
  }
}

int NetlinkSocket::dump(ReaderOutput& out, Section section, std::uint16_t type, ByteView body,
                        std::size_t* messages, Word* mentions) {
  out.begin(section);
  int error = error_;
  std::size_t count = 0;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (error_ != 0) break;
    count = 0;
    error = send(type, NLM_F_DUMP, body);
    if (error == 0) error = receive(out, true, count, mentions);
    if (error != EINTR && error != ENOBUFS && error != EBUSY) break;
    if (attempt + 1 == kMostAttempts) break;
    out.restart();
    reopen();
  }
  if (messages != nullptr) *messages = count;
  out.finish(error);
  if (error != 0) reopen();  // what may be left of that dump must not reach the next
  return error;
}

int NetlinkSocket::ask(ReaderOutput& out, std::uint16_t type, ByteView body) {
  if (error_ != 0) return error_;
  std::size_t messages = 0;
  if (const int error = send(type, 0, body); error != 0) return error;
  return receive(out, false, messages);
}

// ------------------------------------------------------------------------------------- rtnetlink

namespace {

Bytes link_request() {
  Bytes body = body_of(ifinfomsg{});
  append_attribute(body, IFLA_EXT_MASK, kSkipStatistics);
  return body;
}

Bytes route_request(std::uint8_t family) {
  rtmsg header{};
  header.rtm_family = family;
  return body_of(header);
}

Bytes rule_request(std::uint8_t family) {
  fib_rule_hdr header{};
  header.family = family;
  return body_of(header);
}

Bytes neighbour_request(std::uint8_t family, std::uint8_t flags) {
  ndmsg header{};
  header.ndm_family = family;
  header.ndm_flags = flags;
  return body_of(header);
}

}  // namespace

bool read_network(ReaderOutput& out) {
  NetlinkSocket socket(NETLINK_ROUTE);
  NetlinkSocket::Word bridge{.bytes = as_bytes("bridge")};  // IFLA_INFO_KIND
  const int error =
      socket.dump(out, Section::kLinks, RTM_GETLINK, link_request(), nullptr, &bridge);
  socket.dump(out, Section::kAddresses, RTM_GETADDR, body_of(ifaddrmsg{}));
  socket.dump(out, Section::kRoutes4, RTM_GETROUTE, route_request(AF_INET));
  socket.dump(out, Section::kRoutes6, RTM_GETROUTE, route_request(AF_INET6));
  socket.dump(out, Section::kNextHops, RTM_GETNEXTHOP, body_of(nhmsg{}));
  socket.dump(out, Section::kRules4, RTM_GETRULE, rule_request(AF_INET));
  socket.dump(out, Section::kRules6, RTM_GETRULE, rule_request(AF_INET6));
  socket.dump(out, Section::kNeighbours, RTM_GETNEIGH, neighbour_request(AF_UNSPEC, 0));
  socket.dump(out, Section::kProxyNeighbours, RTM_GETNEIGH,
              neighbour_request(AF_UNSPEC, NTF_PROXY));
  socket.dump(out, Section::kFdb, RTM_GETNEIGH, neighbour_request(AF_BRIDGE, 0));
  socket.dump(out, Section::kQdiscs, RTM_GETQDISC, body_of(tcmsg{}));
  return bridge.seen || error != 0;
}

void read_namespace_ids(ReaderOutput& out, const std::function<std::optional<int>()>& next) {
  NetlinkSocket socket(NETLINK_ROUTE);
  while (const auto fd = next()) {
    Bytes body = body_of(rtgenmsg{});
    append_attribute(body, NETNSA_FD, static_cast<std::uint32_t>(*fd));
    if (const int error = *fd < 0 ? EBADF : socket.ask(out, RTM_GETNSID, body); error != 0) {
      nlmsghdr none{};
      none.nlmsg_len = sizeof none;
      none.nlmsg_type = NLMSG_NOOP;
      out.append_value(none);
    }
  }
}

// ------------------------------------------------------------------------------------- netfilter

namespace {

constexpr std::uint16_t nf_type(std::uint16_t subsystem, std::uint16_t message) {
  return static_cast<std::uint16_t>(subsystem << 8 | message);
}

Bytes nf_request(std::uint8_t family = AF_UNSPEC) {
  nfgenmsg header{};
  header.nfgen_family = family;
  return body_of(header);
}

void read_generation(NetlinkSocket& socket, ReaderOutput& out, Section section) {
  out.begin(section);
  const int error = socket.ask(out, nf_type(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN), nf_request());
  out.finish(error);
}

void read_ipsets(NetlinkSocket& socket, ReaderOutput& out) {
  if (!kernel_has("ip_set")) return;
  Bytes body = nf_request(AF_INET);
  const std::uint8_t protocol = 7;  // IPSET_PROTOCOL: the answers then carry IPSET_ATTR_INDEX
  append_attribute(body, IPSET_ATTR_PROTOCOL, ByteView(&protocol, 1));
  socket.dump(out, Section::kIpSets, nf_type(NFNL_SUBSYS_IPSET, IPSET_CMD_LIST), body);
}

}  // namespace

void read_rules(ReaderOutput& out) {
  if (!kernel_has("nfnetlink")) return;
  NetlinkSocket socket(NETLINK_NETFILTER);
  if (kernel_has("nf_tables")) {
    const auto dump = [&](Section section, std::uint16_t message, std::size_t* count = nullptr) {
      socket.dump(out, section, nf_type(NFNL_SUBSYS_NFTABLES, message), nf_request(), count);
    };
    read_generation(socket, out, Section::kGenerationBefore);
    std::size_t tables = 0;
    dump(Section::kTables, NFT_MSG_GETTABLE, &tables);
    if (tables != 0) {
      dump(Section::kChains, NFT_MSG_GETCHAIN);
      dump(Section::kNfRules, NFT_MSG_GETRULE);
      dump(Section::kSets, NFT_MSG_GETSET);
      dump(Section::kObjects, NFT_MSG_GETOBJ);
      read_generation(socket, out, Section::kGenerationAfter);
    }
  }
  read_ipsets(socket, out);
}

void read_set_elements(ReaderOutput& out, ByteView sets) {
  NetlinkSocket socket(NETLINK_NETFILTER);
  while (!sets.empty()) {
    const std::uint8_t family = sets.front();
    sets = sets.subspan(1);
    const auto text = [&sets] {
      const auto end = std::find(sets.begin(), sets.end(), std::uint8_t{0});
      const auto length = static_cast<std::size_t>(end - sets.begin());
      const std::string_view out_text(reinterpret_cast<const char*>(sets.data()), length);
      sets = sets.subspan(std::min(length + 1, sets.size()));
      return out_text;
    };
    Bytes body = nf_request(family);
    append_string(body, NFTA_SET_ELEM_LIST_TABLE, text());
    append_string(body, NFTA_SET_ELEM_LIST_SET, text());
    socket.dump(out, Section::kSetElements, nf_type(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM),
                body);
  }
  read_generation(socket, out, Section::kGenerationAfter);
}

// ------------------------------------------------------------------------------------- conntrack

void read_tracked(ReaderOutput& out) {
  NetlinkSocket socket(NETLINK_NETFILTER);
  socket.dump(out, Section::kFlows, nf_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET),
              nf_request());
}

int make_flow_events(std::uint32_t queue, int& error) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_DESTROY;
  const int size = static_cast<int>(queue);
  if (fd >= 0 &&
      (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0 ||
       setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0) &&
      bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0)
    return fd;
  error = errno;
  if (fd >= 0) close(fd);
  return -1;
}

// ------------------------------------------------------------------------------------- sock_diag

namespace {

// include/net/tcp_states.h
constexpr std::uint32_t kEstablished = 1U << 1, kClose = 1U << 7, kListen = 1U << 10;

struct Kind {
  Section diag, text;
  std::uint8_t family, protocol;
  std::uint32_t states;
  const char* module;  // the handler of inet_diag
  const char* path;
};
constexpr Kind kKinds[] = {
    {Section::kTcp4, Section::kProcTcp4, AF_INET, IPPROTO_TCP, kListen, "tcp_diag",
     "/proc/self/net/tcp"},
    {Section::kTcp6, Section::kProcTcp6, AF_INET6, IPPROTO_TCP, kListen, "tcp_diag",
     "/proc/self/net/tcp6"},
    {Section::kUdp4, Section::kProcUdp4, AF_INET, IPPROTO_UDP, kClose | kEstablished, "udp_diag",
     "/proc/self/net/udp"},
    {Section::kUdp6, Section::kProcUdp6, AF_INET6, IPPROTO_UDP, kClose | kEstablished, "udp_diag",
     "/proc/self/net/udp6"},
    {Section::kUdpLite4, Section::kProcUdpLite4, AF_INET, IPPROTO_UDPLITE, kClose | kEstablished,
     "udp_diag", "/proc/self/net/udplite"},
    {Section::kUdpLite6, Section::kProcUdpLite6, AF_INET6, IPPROTO_UDPLITE, kClose | kEstablished,
     "udp_diag", "/proc/self/net/udplite6"},
};

constexpr std::size_t kMostSocketText = 64U << 20;

}  // namespace

void read_sockets(ReaderOutput& out) {
  const bool diag = kernel_has("inet_diag");
  NetlinkSocket socket(diag ? NETLINK_SOCK_DIAG : NETLINK_ROUTE);
  for (const Kind& kind : kKinds) {
    if (!diag || !kernel_has(kind.module)) {
      const FileText file = read_file(kind.path, kMostSocketText);
      out.section(kind.text, as_bytes(file.text), file.error);
      continue;
    }
    inet_diag_req_v2 request{};
    request.sdiag_family = kind.family;
    request.sdiag_protocol = kind.protocol;
    request.idiag_states = kind.states;
    socket.dump(out, kind.diag, SOCK_DIAG_BY_FAMILY, body_of(request));
  }
}

}  // namespace bulkhead::collect
