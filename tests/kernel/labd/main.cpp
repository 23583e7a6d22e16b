#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "labd.h"

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  Endpoint made;
  made.six = address.find(':') != std::string::npos;
  int ok = 0;
  if (made.six) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    ok = inet_pton(AF_INET6, address.c_str(), &in6->sin6_addr);
    made.length = sizeof *in6;
  } else {
    auto* in4 = reinterpret_cast<sockaddr_in*>(&made.storage);
    in4->sin_family = AF_INET;
    in4->sin_port = htons(port);
    ok = inet_pton(AF_INET, address.c_str(), &in4->sin_addr);
    made.length = sizeof *in4;
  }
  if (ok != 1) {
    std::fprintf(stderr, "labd: not an address: %s\n", address.c_str());
    std::exit(2);
  }
  return made;
}

void enter(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
    std::perror(path);
    std::exit(3);
  }
  close(fd);
}

int main(int count, char** arguments) {
  rlimit files{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  if (count > 1 && std::strcmp(arguments[1], "listen") == 0) return listen_main(count, arguments);
  if (count > 1 && std::strcmp(arguments[1], "probe") == 0) return probe_main(count, arguments);
  std::fprintf(stderr, "labd: listen or probe\n");
  return 2;
}
