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
        peer_(probe::SocketAddress::of(target.address, target.subject.port, target.scope)),
        family_(target.address.family()),
        request_(request_of(exchange, target)) {}

  void start(Clock::time_point now) override {
    begin(now);
    // An unconnected socket learns of ICMP errors only when it asks for them.
    probe::queue_icmp_errors(socket(), family_);
    send(now);
  }

  void on_ready(std::uint32_t events, Clock::time_point) override {
    std::array<char, services::kMostAnswerBytes> data;
    probe::SocketAddress from;
    const ssize_t size =
        ::recvfrom(socket(), data.data(), data.size(), MSG_DONTWAIT, from.get(), &from.length);
    // Its port may be another: a TFTP server answers from a new one.
    if (size > 0 && from.address() == peer_.address()) {
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
                 peer_.get(), peer_.length) < 0)
      finish(Ending::kFailed);
  }

  probe::SocketAddress peer_;
  IpFamily family_;
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
