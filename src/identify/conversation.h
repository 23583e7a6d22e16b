// One exchange over one socket, driven by events. Internal to identify/.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "identify/identify.h"
#include "identify/tls_client.h"
#include "probe/descriptor.h"
#include "probe/socket_address.h"

namespace bulkhead::identify {

using Clock = std::chrono::steady_clock;

class Conversation {
 public:
  Conversation(services::Question question, probe::Descriptor socket, const Limits& limits);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  virtual ~Conversation() = default;

  // Connects, or sends the first datagram. Call once.
  virtual void start(Clock::time_point now) = 0;
  virtual void on_ready(std::uint32_t events, Clock::time_point now) = 0;
  // `deadline()` has passed.
  virtual void on_time(Clock::time_point now) = 0;
  [[nodiscard]] virtual std::uint32_t interest() const = 0;  // EPOLLIN, EPOLLOUT
  void give_up() { finish(services::Ending::kWithheld); }

  [[nodiscard]] int socket() const { return socket_.get(); }
  [[nodiscard]] Clock::time_point deadline() const { return std::min(deadline_, hard_end_); }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] services::Answer take_answer() { return std::move(answer_); }

 protected:
  void begin(Clock::time_point now) { hard_end_ = now + ms(limits_.exchange_ms); }
  void wait_until(Clock::time_point when) { deadline_ = when; }
  [[nodiscard]] bool at_hard_end(Clock::time_point now) const { return now >= hard_end_; }
  void finish(services::Ending ending);
  static std::chrono::milliseconds ms(std::uint32_t count) {
    return std::chrono::milliseconds(count);
  }

  const Limits& limits_;
  probe::Descriptor socket_;
  services::Answer answer_;
  bool connected_ = false;

 private:
  Clock::time_point deadline_, hard_end_;
  bool done_ = false;
};

// `exchange` outlives the conversation. `tls` is null for plain TCP.
[[nodiscard]] std::unique_ptr<Conversation> talk_tcp(services::Question question,
                                                     const services::Exchange& exchange,
                                                     const Target& target, probe::Descriptor socket,
                                                     const Limits& limits,
                                                     std::unique_ptr<TlsClient> tls);
[[nodiscard]] std::unique_ptr<Conversation> talk_udp(services::Question question,
                                                     const services::Exchange& exchange,
                                                     const Target& target, probe::Descriptor socket,
                                                     const Limits& limits);

// The bytes of the request; `target` gives the name of the host.
[[nodiscard]] std::string request_of(const services::Exchange& exchange, const Target& target);

}  // namespace bulkhead::identify
