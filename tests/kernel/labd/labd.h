// labd: the sockets of the kernel tests, in one static program that needs nothing in the image it
// runs in. It shares no code with the product, so that a mistake there is not repeated here.
//
//   labd listen [--netns PATH] --log FILE SPEC...   SPEC:
//   tcp|udp,ADDRESS,PORT[-END][,v6only][,dev=NAME]
//     Binds all, then creates FILE (its existence says "ready"), accepts and closes TCP connections
//     and appends the text of each UDP datagram to FILE, one per line. Exit 4 when one cannot be
//     bound.
//   labd probe TIMEOUT4_MS TIMEOUT6_MS TRIES IN_FLIGHT GAP_MS NSPATH...   < "NSINDEX tcp|udp
//   ADDRESS PORT TOKEN" lines
//     One line per target in order: "RESULT ERRNO ICMPTYPE ICMPCODE TRY"; RESULT is open, refused,
//     silent, icmp or local (the system call failed at once). UDP never says open: the listener's
//     log tells which TOKEN arrived.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool six = false;
};

// Address in text form and port in host order; exits 2 on text that is no address.
Endpoint endpoint(const std::string& address, std::uint16_t port);

// Puts the calling thread into the network namespace at |path|; exits 3 when that fails.
void enter(const char* path);

int listen_main(int count, char** arguments);
int probe_main(int count, char** arguments);
