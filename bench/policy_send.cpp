// One sender and one receiver in two network namespaces, in one thread: what a packet or a
// connection costs on its whole way, as the kernel does all of it within the call that sends.
//
//     policy_send SENDER_NETNS RECEIVER_NETNS udp|tcp ADDRESS PORT COUNT
//
// In bursts, so short that many of them are not disturbed by what else runs. Prints nanoseconds for
// each, of the burst that a fifth of all are faster than; ends 1 when one did not arrive.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr int kDrainEach = 64, kConnectionsEach = 8, kPayload = 64, kBuffer = 8 << 20;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void enter(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail(path);
  close(fd);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address address_of(const char* text, int port) {
  Address out;
  if (std::strchr(text, ':') != nullptr) {
    auto& a = reinterpret_cast<sockaddr_in6&>(out.storage);
    a.sin6_family = AF_INET6;
    a.sin6_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET6, text, &a.sin6_addr) != 1) fail(text);
    out.size = sizeof a;
  } else {
    auto& a = reinterpret_cast<sockaddr_in&>(out.storage);
    a.sin_family = AF_INET;
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1) fail(text);
    out.size = sizeof a;
  }
  return out;
}

int made(const Address& at, int kind) {
  const int fd = socket(at.storage.ss_family, kind | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

int drained(int fd) {
  char buffer[kPayload];
  int out = 0;
  while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) == kPayload) ++out;
  return out;
}

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

double fifth(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 5];
}

// Seconds for a packet; receiving is not counted.
double packets(int from, int to, int count) {
  char payload[kPayload] = {};
  std::vector<double> bursts;
  int arrived = 0;
  for (int sent = 0; sent < count; sent += kDrainEach) {
    const auto begun = Clock::now();
    for (int i = 0; i < kDrainEach; ++i) {
      if (send(from, payload, sizeof payload, 0) != kPayload) fail("send");
    }
    bursts.push_back(since(begun) / kDrainEach);
    for (int tries = 0; arrived < sent + kDrainEach && tries < 1000; ++tries) {
      arrived += drained(to);
      if (arrived < sent + kDrainEach) usleep(100);
    }
    if (arrived < sent + kDrainEach) {
      std::fprintf(stderr, "policy_send: %d of %d packets arrived\n", arrived, sent + kDrainEach);
      std::exit(1);
    }
  }
  return fifth(std::move(bursts));
}

double connections(const Address& at, int listener, int count, const char* sender) {
  enter(sender);
  const linger reset{1, 0};
  std::vector<double> bursts;
  auto begun = Clock::now();
  for (int i = 1; i <= count; ++i) {
    const int fd = made(at, SOCK_STREAM);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) fail("connect");
    const int got = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (got < 0) fail("accept");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    close(got);
    if (i % kConnectionsEach != 0) continue;
    bursts.push_back(since(begun) / kConnectionsEach);
    begun = Clock::now();
  }
  return fifth(std::move(bursts));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const bool udp = std::strcmp(argv[3], "udp") == 0;
  const Address at = address_of(argv[4], std::atoi(argv[5]));
  const int count = std::atoi(argv[6]);
  enter(argv[2]);
  const int receiver = made(at, udp ? SOCK_DGRAM : SOCK_STREAM);
  const int on = 1;
  setsockopt(receiver, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
  if (bind(receiver, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) fail("bind");
  double seconds = 0;
  if (udp) {
    enter(argv[1]);
    const int sender = made(at, SOCK_DGRAM);
    if (connect(sender, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0)
      fail("connect");
    packets(sender, receiver, kDrainEach);  // neighbours are known, the flow is tracked
    seconds = packets(sender, receiver, count);
  } else {
    if (listen(receiver, 16) != 0) fail("listen");
    connections(at, receiver, kConnectionsEach, argv[1]);
    seconds = connections(at, receiver, count, argv[1]);
  }
  std::printf("%.0f\n", seconds * 1e9);
  return 0;
}
