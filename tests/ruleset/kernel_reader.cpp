#include "ruleset/kernel_reader.h"

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace bulkhead::test {
namespace {

constexpr std::size_t kReply = 1 << 18;
constexpr int kMaxReads = 100000;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

void put(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
  while (out.size() % 4 != 0) out.push_back(0);
}

void put_attribute(Bytes& out, std::uint16_t type, ByteView value) {
  nlattr header{};
  header.nla_len = static_cast<std::uint16_t>(sizeof header + value.size());
  header.nla_type = type;
  put(out, &header, sizeof header);
  put(out, value.data(), value.size());
}

void put_string(Bytes& out, std::uint16_t type, const std::string& text) {
  put_attribute(out, type, as_bytes(std::string_view(text.c_str(), text.size() + 1)));
}

// True when `datagram` ends the answer: an error, the end of a dump, or a single message.
bool ends(ByteView datagram) {
  Cursor cursor(datagram);
  while (auto header = cursor.structure<nlmsghdr>()) {
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return true;
    if ((header->nlmsg_flags & NLM_F_MULTI) == 0) return true;
    if (!cursor.skip(((header->nlmsg_len + 3U) & ~3U) - sizeof(nlmsghdr))) return true;
  }
  return false;
}

Bytes ask(std::uint8_t subsystem, std::uint8_t command, std::uint16_t flags, std::uint8_t family,
          const Bytes& attributes) {
  nlmsghdr header{};
  nfgenmsg generic{};
  header.nlmsg_type = static_cast<std::uint16_t>(subsystem << 8 | command);
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof generic + attributes.size());
  generic.nfgen_family = family;
  Bytes request;
  put(request, &header, sizeof header);
  put(request, &generic, sizeof generic);
  put(request, attributes.data(), attributes.size());
  const Descriptor fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  timeval patience{5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send(fd.get(), request.data(), request.size(), 0) < 0) return {};
  Bytes out;
  Bytes buffer(kReply);
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t got = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    const ByteView datagram(buffer.data(), static_cast<std::size_t>(got));
    out.insert(out.end(), datagram.begin(), datagram.end());
    if (ends(datagram)) break;
  }
  return out;
}

Bytes dump(std::uint8_t command, std::uint8_t family = 0, const Bytes& attributes = {}) {
  return ask(NFNL_SUBSYS_NFTABLES, command, NLM_F_DUMP, family, attributes);
}

template <class Info>
Bytes get_option(int fd, int level, int option, const Info& request, std::size_t size) {
  Bytes out(size);
  std::memcpy(out.data(), &request, std::min(size, sizeof request));
  auto length = static_cast<socklen_t>(size);
  if (getsockopt(fd, level, option, out.data(), &length) != 0) return {};
  out.resize(length);
  return out;
}

}  // namespace

bool enter_fresh_network() {
  return unshare(CLONE_NEWNET) == 0;
}

Output run(const std::string& command, const std::string& input) {
  char name[] = "/tmp/bulkhead-ruleset-XXXXXX";
  const int fd = mkstemp(name);
  if (fd < 0) return {};
  close(fd);
  std::ofstream(name) << input;
  Output out;
  FILE* pipe = popen((command + " 2>&1 <" + name).c_str(), "re");
  if (pipe != nullptr) {
    char buffer[4096];
    std::size_t got = 0;
    while ((got = fread(buffer, 1, sizeof buffer, pipe)) > 0) out.text.append(buffer, got);
    out.status = pclose(pipe);
  }
  unlink(name);
  return out;
}

ruleset::NftDump read_nftables() {
  ruleset::NftDump out;
  out.tables = dump(NFT_MSG_GETTABLE);
  out.chains = dump(NFT_MSG_GETCHAIN);
  out.rules = dump(NFT_MSG_GETRULE);
  out.sets = dump(NFT_MSG_GETSET);
  out.objects = dump(NFT_MSG_GETOBJ);
  const auto names = ruleset::list_sets(out.sets);
  if (!names) return out;
  for (const ruleset::SetName& name : *names) {
    Bytes attributes;
    put_string(attributes, NFTA_SET_ELEM_LIST_TABLE, name.table);
    put_string(attributes, NFTA_SET_ELEM_LIST_SET, name.set);
    out.set_elements.push_back(
        dump(NFT_MSG_GETSETELEM, static_cast<std::uint8_t>(name.family), attributes));
  }
  return out;
}

Bytes read_generation() {
  return ask(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, 0, 0, {});
}

LegacyBytes read_legacy(IpFamily family, const std::string& table) {
  const bool v6 = family == IpFamily::kV6;
  const Descriptor fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  ipt_getinfo info{};
  std::strncpy(info.name, table.c_str(), sizeof info.name - 1);
  LegacyBytes out;
  out.info =
      get_option(fd.get(), level, v6 ? IP6T_SO_GET_INFO : IPT_SO_GET_INFO, info, sizeof info);
  if (out.info.size() != sizeof info) return {};
  std::memcpy(&info, out.info.data(), sizeof info);
  ipt_get_entries request{};
  std::strncpy(request.name, table.c_str(), sizeof request.name - 1);
  request.size = info.size;
  out.entries = get_option(fd.get(), level, v6 ? IP6T_SO_GET_ENTRIES : IPT_SO_GET_ENTRIES, request,
                           sizeof request + info.size);
  if (out.entries.size() < sizeof request) return {};
  out.entries.erase(out.entries.begin(), out.entries.begin() + sizeof request);
  return out;
}

Bytes read_ipsets() {
  Bytes attributes;
  const std::uint8_t protocol = 7;
  put_attribute(attributes, IPSET_ATTR_PROTOCOL, {&protocol, 1});
  return ask(NFNL_SUBSYS_IPSET, IPSET_CMD_LIST, NLM_F_DUMP, 0, attributes);
}

std::vector<ruleset::IpSetIndex> read_ipset_indexes(const std::vector<std::string>& names) {
  const Descriptor fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ip_set_req_version version{IP_SET_OP_VERSION, 0};
  const Bytes known = get_option(fd.get(), IPPROTO_IP, SO_IP_SET, version, sizeof version);
  if (known.size() != sizeof version) return {};
  std::memcpy(&version, known.data(), sizeof version);
  std::vector<ruleset::IpSetIndex> out;
  for (const std::string& name : names) {
    ip_set_req_get_set request{};
    request.op = IP_SET_OP_GET_BYNAME;
    request.version = version.version;
    std::strncpy(request.set.name, name.c_str(), sizeof request.set.name - 1);
    const Bytes reply = get_option(fd.get(), IPPROTO_IP, SO_IP_SET, request, sizeof request);
    if (reply.size() != sizeof request) continue;
    std::memcpy(&request, reply.data(), sizeof request);
    out.push_back({name, request.set.index});
  }
  return out;
}

}  // namespace bulkhead::test
