#include "identify/conversation.h"

#include <sys/socket.h>

namespace bulkhead::identify {

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
