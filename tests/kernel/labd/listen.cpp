#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "labd.h"

namespace {

struct Spec {
  bool udp = false;
  std::string address;
  int first = 0;
  int last = 0;
  bool v6only = false;
  std::string device;
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == by) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Spec parse(const std::string& text) {
  auto parts = split(text, ',');
  if (parts.size() < 3) {
    std::fprintf(stderr, "labd: not a listener: %s\n", text.c_str());
    std::exit(2);
  }
  Spec spec;
  spec.udp = parts[0] == "udp";
  spec.address = parts[1];
  auto ports = split(parts[2], '-');
  spec.first = std::atoi(ports.front().c_str());
  spec.last = std::atoi(ports.back().c_str());
  for (std::size_t i = 3; i < parts.size(); ++i) {
    if (parts[i] == "v6only") spec.v6only = true;
    if (parts[i].rfind("dev=", 0) == 0) spec.device = parts[i].substr(4);
  }
  return spec;
}

int bound(const Spec& spec, int port) {
  Endpoint at = endpoint(spec.address, static_cast<std::uint16_t>(port));
  int type = spec.udp ? SOCK_DGRAM : SOCK_STREAM;
  int fd = socket(at.six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  int only = spec.v6only ? 1 : 0;
  int failed = fd < 0 ? 1 : 0;
  if (!spec.udp) failed |= setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (at.six) failed |= setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &only, sizeof only);
  if (!spec.device.empty()) {
    failed |= setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec.device.c_str(),
                         static_cast<socklen_t>(spec.device.size() + 1));
  }
  if (failed == 0) failed = bind(fd, reinterpret_cast<sockaddr*>(&at.storage), at.length);
  if (failed == 0 && !spec.udp) failed = listen(fd, 4096);
  if (failed != 0) {
    std::fprintf(stderr, "labd: %s port %d: %s\n", spec.address.c_str(), port,
                 std::strerror(errno));
    std::exit(4);
  }
  return fd;
}

void serve(int fd, int log) {
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  for (;;) {
    if (type == SOCK_DGRAM) {
      char text[64];
      ssize_t got = recv(fd, text, sizeof text - 1, 0);
      if (got < 0 && errno != EAGAIN)
        continue;  // a pending error of an earlier answer is not ours to judge
      if (got < 0) return;
      text[got] = '\n';
      if (write(log, text, static_cast<std::size_t>(got) + 1) < 0) std::exit(5);
    } else {
      int accepted = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) return;
      close(accepted);
    }
  }
}

}  // namespace

int listen_main(int count, char** arguments) {
  signal(SIGTERM, [](int) { _exit(0); });  // process 1 of a container has no default action
  std::vector<int> sockets;
  std::string file;
  for (int i = 2; i < count; ++i) {
    if (std::strcmp(arguments[i], "--netns") == 0 && i + 1 < count) {
      enter(arguments[++i]);
    } else if (std::strcmp(arguments[i], "--log") == 0 && i + 1 < count) {
      file = arguments[++i];
    } else {
      Spec spec = parse(arguments[i]);
      for (int port = spec.first; port <= spec.last; ++port) sockets.push_back(bound(spec, port));
    }
  }
  int poll = epoll_create1(EPOLL_CLOEXEC);
  for (int fd : sockets) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  }
  int log = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    std::perror(file.c_str());
    return 5;
  }
  for (;;) {
    epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, -1);
    for (int i = 0; i < ready; ++i) serve(events[i].data.fd, log);
  }
}
