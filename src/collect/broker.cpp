#include "collect/broker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "collect/access.h"
#include "collect/privileges.h"
#include "collect/reader.h"

namespace bulkhead::collect {
namespace {

constexpr int kChannelBuffer = 4 << 20;  // lets the reader run ahead of the decoder

// Nothing of the caller's stays open but the channel.
int keep_only(int channel) {
  if (channel < 3) channel = fcntl(channel, F_DUPFD_CLOEXEC, 3);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3 && null >= 0; ++fd) dup2(null, fd);
  if (channel > 3) close_range(3, static_cast<unsigned>(channel) - 1, 0);
  close_range(static_cast<unsigned>(channel) + 1, ~0U, 0);
  return channel;
}

[[noreturn]] void become_reader(int channel, pid_t parent, Broker::Rights rights) {
  channel = keep_only(channel);
  for (int number = 1; number < 32; ++number) signal(number, SIG_DFL);
  // Terminals and service managers send these to all: the other half decides what is still to be
  // read then, and this one ends with it.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!keep_reader_capabilities(rights)) _exit(70);
  prctl(PR_SET_NAME, "bulkhead-reader", 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(0);
  setsockopt(channel, SOL_SOCKET, SO_SNDBUFFORCE, &kChannelBuffer, sizeof kChannelBuffer);
  run_reader(channel, rights);
}

Result<int> receive_descriptor(Result<Answer> answer, const std::string& what) {
  if (!answer) return std::unexpected(answer.error());
  const SectionData* section = answer->find(Section::kDescriptor);
  if (section != nullptr && section->error == 0 && answer->descriptor >= 0)
    return answer->descriptor;
  if (answer->descriptor >= 0) close(answer->descriptor);
  const int error = section == nullptr || section->error == 0 ? EPROTO : section->error;
  return fail(errno_code(error), escape_text(what) + ": " + errno_text(error));
}

}  // namespace

Broker::Broker(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
Broker::Broker(Broker&&) noexcept = default;
Broker& Broker::operator=(Broker&&) noexcept = default;
Broker::~Broker() = default;

Result<Broker> Broker::start(Rights rights) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorCode::kInternal, "no socket pair for the reader: " + errno_text(errno));
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return fail(ErrorCode::kInternal, "the reader could not be started: " + errno_text(error));
  }
  if (pid == 0) become_reader(ends[1], parent, rights);
  close(ends[1]);
  return Broker(std::make_unique<Channel>(ends[0], pid));
}

Result<int> Broker::open_socket(std::uint64_t ns_inode, int family, int type) {
  if ((family != AF_INET && family != AF_INET6) ||
      (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW)) {
    return fail(ErrorCode::kInvalidInput, "only TCP, UDP and raw TCP sockets are handed out");
  }
  Bytes payload;
  append_value(payload, ns_inode);
  append_value(payload, static_cast<std::uint32_t>(family));
  append_value(payload, static_cast<std::uint32_t>(type));
  return receive_descriptor(BrokerAccess::ask(*this, Op::kOpenSocket, payload),
                            "socket in namespace " + std::to_string(ns_inode));
}

Result<MadeSeat> Broker::make_seat(const SeatWish& wish) {
  const auto gateway = [&](IpFamily family) {
    const auto found = std::ranges::find(wish.gateways, family, &IpAddress::family);
    return found == wish.gateways.end() ? std::optional<IpAddress>() : *found;
  };
  const auto four = gateway(IpFamily::kV4), six = gateway(IpFamily::kV6);
  Bytes payload;
  for (const std::uint32_t value :
       {wish.link.value, std::uint32_t{wish.bridge}, std::uint32_t{wish.length4},
        std::uint32_t{wish.address6.has_value()}, std::uint32_t{wish.length6},
        std::uint32_t{four.has_value()}, std::uint32_t{six.has_value()},
        static_cast<std::uint32_t>(wish.candidates.size())})
    append_value(payload, value);
  const auto append = [&](const std::optional<IpAddress>& address) {
    std::array<std::uint8_t, 16> bytes{};
    if (address) std::ranges::copy(address->octets(), bytes.begin());
    append_value(payload, bytes);
  };
  append(wish.address6);
  append(four);
  append(six);
  for (const IpAddress& candidate : wish.candidates) append(candidate);
  auto answer = BrokerAccess::ask(*this, Op::kMakeSeat, payload);
  if (!answer) return std::unexpected(answer.error());
  const SectionData* section = answer->find(Section::kSeat);
  const int error = section == nullptr ? EPROTO : section->error;
  if (error != 0) {
    const SectionData* step = answer->find(Section::kProblem);
    const std::string what =
        step == nullptr ? "it" : std::string(step->bytes.begin(), step->bytes.end());
    return fail(errno_code(error), escape_text(what, 64) + " cannot be had: " + errno_text(error));
  }
  Cursor cursor(section->bytes);
  const auto inode = cursor.native<std::uint64_t>();
  const auto chosen = cursor.native<std::uint32_t>();
  if (!inode || !chosen) return fail(ErrorCode::kInternal, "the reader's answer is too short");
  MadeSeat out;
  out.inode = *inode;
  if (*chosen < wish.candidates.size()) out.address = wish.candidates[*chosen];
  return out;
}

Result<int> Broker::open_flow_events(std::uint64_t ns_inode, std::uint32_t queue) {
  if (queue > kMostEventQueue)
    return fail(ErrorCode::kInvalidInput,
                "a queue of more than " + std::to_string(kMostEventQueue) + " bytes");
  Bytes payload;
  append_value(payload, ns_inode);
  append_value(payload, queue);
  return receive_descriptor(BrokerAccess::ask(*this, Op::kOpenFlowEvents, payload),
                            "events of connections (conntrack)");
}

Result<Bytes> Broker::read_flows(std::uint64_t ns_inode) {
  Bytes payload;
  append_value(payload, ns_inode);
  auto answer = BrokerAccess::ask(*this, Op::kReadFlows, payload);
  if (!answer) return std::unexpected(answer.error());
  for (const Section wanted : {Section::kOpened, Section::kFlows}) {
    const SectionData* section = answer->find(wanted);
    const int error = section == nullptr ? EPROTO : section->error;
    if (error != 0) return fail(errno_code(error), "connections (conntrack): " + errno_text(error));
  }
  const ByteView bytes = answer->bytes(Section::kFlows);
  return Bytes(bytes.begin(), bytes.end());
}

Result<int> Broker::connect_unix(const std::string& path) {
  return receive_descriptor(BrokerAccess::ask(*this, Op::kConnectUnix, as_bytes(path)), path);
}

}  // namespace bulkhead::collect
