// Many connections at a time, each from the namespace it was asked for. A socket belongs to the
// namespace in which it was made, so one thread that moves between namespaces is enough.
#include <fcntl.h>
#include <linux/errqueue.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "labd.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Target {
  std::size_t space = 0;
  bool udp = false;
  std::string address;
  std::uint16_t port = 0;
  std::string token;

  const char* result = "silent";
  int error = 0;
  int icmp_type = -1;
  int icmp_code = -1;
  int tries = 0;
  int fd = -1;
  Clock::time_point started{};
};

struct Plan {
  milliseconds wait4{};
  milliseconds wait6{};
  int tries = 1;
  std::size_t in_flight = 1;
  milliseconds gap{};
  std::vector<int> spaces;
  int poll = -1;
  int current = -1;
};

void finish(Target& target, const char* result, int error) {
  target.result = result;
  target.error = error;
  if (target.fd < 0) return;
  linger reset{1, 0};
  setsockopt(target.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(target.fd);
  target.fd = -1;
}

// True when the error queue held an ICMP error. It decides even where the kernel keeps it as a soft
// error.
bool icmp_decides(Target& target) {
  for (;;) {
    char data[512];
    char control[512];
    iovec part{data, sizeof data};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(target.fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
      sock_extended_err said;
      std::memcpy(&said, CMSG_DATA(head), sizeof said);
      if (said.ee_errno == EMSGSIZE) continue;
      if (said.ee_origin == SO_EE_ORIGIN_LOCAL) {
        finish(target, "local", static_cast<int>(said.ee_errno));
        return true;
      }
      if (said.ee_origin != SO_EE_ORIGIN_ICMP && said.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
      target.icmp_type = said.ee_type;
      target.icmp_code = said.ee_code;
      finish(target, "icmp", static_cast<int>(said.ee_errno));
      return true;
    }
  }
}

void decide(Target& target, int error) {
  if (error == 0) {
    finish(target, target.udp ? "silent" : "open", 0);
  } else if (error == ECONNREFUSED || error == ECONNRESET) {
    finish(target, "refused", error);
  } else if (error == ETIMEDOUT) {
    finish(target, "silent", error);
  } else {
    finish(target, "local", error);
  }
}

// A socket that happens to get the asked port as its own would connect to itself. 51 is
// IP_LOCAL_PORT_RANGE (Linux 6.3), which older headers lack; it holds for IPv6 too.
void avoid_own_port(int fd, std::uint16_t port) {
  std::uint32_t low = port >= 46000 ? 32768 : 46000;
  std::uint32_t high = port >= 46000 ? 45999 : 60999;
  std::uint32_t range = high << 16 | low;
  setsockopt(fd, SOL_IP, 51, &range, sizeof range);
}

// True when an answer has to be waited for.
bool start(Plan& plan, Target& target, std::size_t index) {
  if (plan.current != static_cast<int>(target.space)) {
    if (setns(plan.spaces.at(target.space), CLONE_NEWNET) != 0) {
      std::perror("setns");
      std::exit(3);
    }
    plan.current = static_cast<int>(target.space);
  }
  ++target.tries;
  Endpoint to = endpoint(target.address, target.port);
  int type = target.udp ? SOCK_DGRAM : SOCK_STREAM;
  target.fd = socket(to.six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (target.fd < 0) {
    std::perror("socket");
    std::exit(4);
  }
  int one = 1;
  setsockopt(target.fd, to.six ? SOL_IPV6 : SOL_IP, to.six ? IPV6_RECVERR : IP_RECVERR, &one,
             sizeof one);
  avoid_own_port(target.fd, target.port);
  int rc = connect(target.fd, reinterpret_cast<sockaddr*>(&to.storage), to.length);
  if (rc == 0 && target.udp) {
    rc = send(target.fd, target.token.data(), target.token.size(), MSG_NOSIGNAL) < 0 ? -1 : 0;
  }
  int error = rc == 0 ? 0 : errno;
  target.started = Clock::now();
  if (icmp_decides(target)) return false;
  bool pending = target.udp ? error == 0 : error == EINPROGRESS;
  if (!pending) {
    decide(target, error);
    return false;
  }
  epoll_event event{};
  event.events = target.udp ? EPOLLERR : EPOLLOUT | EPOLLERR | EPOLLHUP;
  event.data.u64 = index;
  epoll_ctl(plan.poll, EPOLL_CTL_ADD, target.fd, &event);
  return true;
}

void drain(Plan& plan, std::vector<Target>& targets, int wait_ms) {
  epoll_event events[512];
  int ready = epoll_wait(plan.poll, events, 512, wait_ms);
  for (int i = 0; i < ready; ++i) {
    Target& target = targets[events[i].data.u64];
    if (target.fd < 0 || icmp_decides(target)) continue;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(target.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    bool connected = !target.udp && (events[i].events & EPOLLOUT) != 0;
    if (error != 0 || connected) decide(target, error);
  }
}

bool overdue(const Plan& plan, const Target& target, Clock::time_point now) {
  bool six = target.address.find(':') != std::string::npos;
  return now - target.started > (six ? plan.wait6 : plan.wait4);
}

void give_up(const Plan& plan, std::vector<Target>& targets, std::vector<std::size_t>& live,
             Clock::time_point now) {
  std::vector<std::size_t> left;
  for (std::size_t index : live) {
    Target& target = targets[index];
    if (target.fd < 0) continue;
    if (!overdue(plan, target, now)) {
      left.push_back(index);
    } else if (!icmp_decides(target)) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(target.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      decide(target, error != 0 ? error : ETIMEDOUT);
    }
  }
  live.swap(left);
}

void ask(Plan& plan, std::vector<Target>& targets) {
  std::vector<std::size_t> todo;
  std::vector<std::size_t> live;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (std::strcmp(targets[i].result, "silent") == 0) todo.push_back(i);
  }
  std::size_t next = 0;
  while (next < todo.size() || !live.empty()) {
    for (int burst = 0; burst < 64 && next < todo.size() && live.size() < plan.in_flight; ++burst) {
      std::size_t index = todo[next++];
      if (start(plan, targets[index], index)) live.push_back(index);
      if (plan.gap.count() > 0) std::this_thread::sleep_for(plan.gap);
    }
    drain(plan, targets, next < todo.size() && live.size() < plan.in_flight ? 0 : 5);
    auto now = Clock::now();
    bool late = false;
    for (std::size_t index : live)
      late |= targets[index].fd >= 0 && overdue(plan, targets[index], now);
    if (late) drain(plan, targets, 0);  // what came while we were busy is not lost
    give_up(plan, targets, live, now);
  }
}

}  // namespace

int probe_main(int count, char** arguments) {
  if (count < 8) return 2;
  Plan plan;
  plan.wait4 = milliseconds(std::atoi(arguments[2]));
  plan.wait6 = milliseconds(std::atoi(arguments[3]));
  plan.tries = std::atoi(arguments[4]);
  plan.in_flight = static_cast<std::size_t>(std::atoi(arguments[5]));
  plan.gap = milliseconds(std::atoi(arguments[6]));
  plan.poll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 7; i < count; ++i) {
    int fd = open(arguments[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      std::perror(arguments[i]);
      return 3;
    }
    plan.spaces.push_back(fd);
  }
  std::vector<Target> targets;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string proto;
    Target target;
    if (words >> target.space >> proto >> target.address >> target.port >> target.token) {
      target.udp = proto == "udp";
      targets.push_back(target);
    }
  }
  for (int round = 0; round < plan.tries; ++round) ask(plan, targets);
  for (const Target& target : targets) {
    std::printf("%s %s %d %d %d\n", target.result,
                target.error != 0 ? strerrorname_np(target.error) : "0", target.icmp_type,
                target.icmp_code, target.tries);
  }
  return 0;
}
