// A question in one datagram, sent a second time when nothing came, and the first datagram that
// comes back from that host.
#include <netinet/in.h>
#include <sys/epoll.h>

#include <array>

#include "identify/conversation.h"

namespace bulkhead::identify {
namespace {

using services::Ending;

class UdpConversation final : public Conversation {
 public:
  UdpConversation(services::Question question, const services::Exchange& exchange,
                  const Target& target, probe::Descriptor socket, const Limits& limits)
      : Conversation(question, std::move(socket), limits),
        peer_(PeerAddress::of(target.address, target.subject.port)),
        request_(request_of(exchange, target)) {}

  void start(Clock::time_point now) override {
    begin(now);
    // An unconnected socket learns of ICMP errors only when it asks for them.
    const int on = 1;
    const bool v6 = peer_.storage.ss_family == AF_INET6;
    static_cast<void>(::setsockopt(socket(), v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
                                   &on, sizeof on));
    send(now);
  }

  void on_ready(std::uint32_t events, Clock::time_point) override {
    std::array<char, services::kMostAnswerBytes> data;
    PeerAddress from;
    from.length = sizeof from.storage;
    const ssize_t size = ::recvfrom(socket(), data.data(), data.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from.storage), &from.length);
    if (size > 0 && peer_.same_host(from)) {
      connected_ = true;
      answer_.bytes.assign(data.data(), static_cast<std::size_t>(size));
      return finish(Ending::kComplete);
    }
    // ECONNREFUSED: nobody listens there, and the error says so of our own datagram.
    if (size < 0 && (events & EPOLLERR) != 0) finish(Ending::kFailed);
  }

  void on_time(Clock::time_point now) override {
    connected_ = true;  // silence is no refusal
    if (sent_ < 2 && !at_hard_end(now)) return send(now);
    finish(Ending::kSilent);
  }

  [[nodiscard]] std::uint32_t interest() const override { return EPOLLIN; }

 private:
  void send(Clock::time_point now) {
    ++sent_;
    wait_until(now + ms(limits_.answer_ms) / 2);
    if (::sendto(socket(), request_.data(), request_.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&peer_.storage), peer_.length) < 0)
      finish(Ending::kFailed);
  }

  PeerAddress peer_;
  std::string request_;
  int sent_ = 0;
};

}  // namespace

std::unique_ptr<Conversation> talk_udp(services::Question question,
                                       const services::Exchange& exchange, const Target& target,
                                       probe::Descriptor socket, const Limits& limits) {
  return std::make_unique<UdpConversation>(question, exchange, target, std::move(socket), limits);
}

}  // namespace bulkhead::identify
