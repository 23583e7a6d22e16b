#include "identify/conversation.h"

#include <netinet/in.h>

#include <cstring>

namespace bulkhead::identify {

PeerAddress PeerAddress::of(const IpAddress& address, Port port) {
  PeerAddress out;
  if (address.is_v4()) {
    sockaddr_in sin{};
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port.number);
    std::memcpy(&sin.sin_addr, address.octets().data(), 4);
    std::memcpy(&out.storage, &sin, sizeof sin);
    out.length = sizeof sin;
  } else {
    sockaddr_in6 sin6{};
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = htons(port.number);
    std::memcpy(&sin6.sin6_addr, address.octets().data(), 16);
    std::memcpy(&out.storage, &sin6, sizeof sin6);
    out.length = sizeof sin6;
  }
  return out;
}

bool PeerAddress::same_host(const PeerAddress& other) const {
  if (storage.ss_family != other.storage.ss_family) return false;
  if (storage.ss_family == AF_INET) {
    sockaddr_in a{}, b{};
    std::memcpy(&a, &storage, sizeof a);
    std::memcpy(&b, &other.storage, sizeof b);
    return a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  sockaddr_in6 a{}, b{};
  std::memcpy(&a, &storage, sizeof a);
  std::memcpy(&b, &other.storage, sizeof b);
  return std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

Conversation::Conversation(services::Question question, probe::Descriptor socket,
                           const Limits& limits)
    : limits_(limits), socket_(std::move(socket)) {
  answer_.exchange = question.exchange;
  answer_.in_tls = question.in_tls;
}

// Nothing lingers on the other side: the connection ends with a reset.
void Conversation::finish(services::Ending ending) {
  answer_.ending = ending;
  done_ = true;
  const linger now{1, 0};
  static_cast<void>(::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

std::string request_of(const services::Exchange& exchange, const Target& target) {
  if (exchange.asking == services::Asking::kSend) return exchange.send;
  if (exchange.asking != services::Asking::kHttp) return {};
  const std::string address = target.address.to_string();
  const std::string host = target.address.is_v6() ? "[" + address + "]" : address;
  return exchange.method + " " + exchange.path + " HTTP/1.1\r\nHost: " + host + ":" +
         std::to_string(target.subject.port.number) +
         "\r\nUser-Agent: bulkhead\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace bulkhead::identify
