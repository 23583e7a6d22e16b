// Connect, shake hands where TLS is wanted, wait for the banner where there is one, send, and read
// until the answer has its end.
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <optional>

#include "http/http_answer.h"
#include "identify/conversation.h"

namespace bulkhead::identify {
namespace {

using services::Asking;
using services::Ending;
using services::kMostAnswerBytes;

class TcpConversation final : public Conversation {
 public:
  TcpConversation(services::Question question, const services::Exchange& exchange,
                  const Target& target, probe::Descriptor socket, const Limits& limits,
                  std::unique_ptr<TlsClient> tls)
      : Conversation(question, std::move(socket), limits),
        exchange_(exchange),
        peer_(probe::SocketAddress::of(target.address, target.subject.port, target.scope)),
        request_(request_of(exchange, target)),
        tls_(std::move(tls)) {
    if (exchange.asking == Asking::kHttp) http_.emplace(kMostAnswerBytes, http::Overlong::kCut);
  }

  void start(Clock::time_point now) override {
    begin(now);
    wait_until(now + ms(limits_.answer_ms));
    const int rc = ::connect(socket(), peer_.get(), peer_.length);
    if (rc != 0 && errno != EINPROGRESS) finish(Ending::kFailed);
  }

  void on_ready(std::uint32_t events, Clock::time_point now) override {
    if (stage_ == Stage::kConnecting && !connect_done(now)) return;
    if (!done() && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(now);
    if (!done()) flush();
  }

  void on_time(Clock::time_point now) override {
    if (at_hard_end(now)) return end(answer_.bytes.empty() ? Ending::kSilent : Ending::kCut);
    // The greeting has come to its end: now it is our turn.
    if (stage_ == Stage::kBanner && exchange_.after_banner && !answer_.bytes.empty()) {
      speak(now);
      return flush();
    }
    end(answer_.bytes.empty() ? Ending::kSilent : Ending::kComplete);
  }

  [[nodiscard]] std::uint32_t interest() const override {
    const bool sends = stage_ == Stage::kConnecting || !output_.empty();
    return EPOLLIN | (sends ? EPOLLOUT : 0U);
  }

 private:
  enum class Stage : std::uint8_t { kConnecting, kHandshake, kBanner, kAnswer };

  bool connect_done(Clock::time_point now) {
    if (probe::take_error(socket()) != 0) {
      finish(Ending::kFailed);
      return false;
    }
    connected_ = true;
    if (tls_) {
      stage_ = Stage::kHandshake;
      wait_until(now + ms(limits_.answer_ms));
      output_ += tls_->output();
    } else {
      talk(now);
    }
    return true;
  }

  // The way is open in plain or inside TLS.
  void talk(Clock::time_point now) {
    const bool listens = exchange_.asking == Asking::kBanner || exchange_.after_banner;
    if (exchange_.asking == Asking::kTls) {
      stage_ = Stage::kAnswer;  // a refusal may follow the handshake
      wait_until(now + ms(limits_.quiet_ms));
    } else if (listens) {
      stage_ = Stage::kBanner;
      wait_until(now + ms(limits_.banner_ms));
    } else {
      speak(now);
    }
  }

  void speak(Clock::time_point now) {
    stage_ = Stage::kAnswer;
    wait_until(now + ms(limits_.answer_ms));
    if (tls_) {
      tls_->write(request_);
      output_ += tls_->output();
    } else {
      output_ += request_;
    }
  }

  void flush() {
    while (!output_.empty()) {
      const ssize_t size =
          ::send(socket(), output_.data(), output_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      // What the server sent before it closed is read by the next event.
      if (size < 0) return output_.clear();
      output_.erase(0, static_cast<std::size_t>(size));
    }
  }

  // One read for each event: a fast sender cannot keep the others waiting.
  void receive(Clock::time_point now) {
    std::array<char, 16384> data;
    const ssize_t size = ::recv(socket(), data.data(), data.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return closed(size < 0);
    const std::string_view bytes(data.data(), static_cast<std::size_t>(size));
    if (tls_) return receive_tls(bytes, now);
    take(bytes, now);
  }

  void receive_tls(std::string_view bytes, Clock::time_point now) {
    const bool was_open = tls_->open();
    tls_->feed(bytes);
    output_ += tls_->output();
    if (!was_open && tls_->open()) talk(now);
    const std::string plain = tls_->received();
    if (!plain.empty()) take(plain, now);
    if (!done() && (tls_->failed() || tls_->ended())) closed(tls_->failed());
  }

  void take(std::string_view bytes, Clock::time_point now) {
    if (http_) return take_http(*http_, bytes);
    keep(bytes);
    if (answer_.bytes.size() == kMostAnswerBytes) return end(Ending::kCut);
    wait_until(now + ms(limits_.quiet_ms));
  }

  void take_http(http::HttpAnswerParser& parser, std::string_view bytes) {
    keep(bytes);
    // What is no HTTP stays as bytes: some services answer so, and are known by it.
    if (!parser.feed(bytes)) return end(Ending::kComplete);
    if (parser.done()) return end(parser.answer().cut ? Ending::kCut : Ending::kComplete);
  }

  void keep(std::string_view bytes) {
    answer_.bytes += bytes.substr(0, kMostAnswerBytes - answer_.bytes.size());
  }

  void closed(bool broken) {
    if (http_) static_cast<void>(http_->end());
    const bool nothing = answer_.bytes.empty() && broken;
    end(nothing ? Ending::kFailed : Ending::kClosed);
  }

  void end(Ending ending) {
    if (tls_) answer_.tls = tls_->facts();
    if (http_ && (http_->done() || http_->answer().status != 0)) {
      http::HttpAnswer& from = http_->answer();
      answer_.http =
          services::HttpResponse{from.status, std::move(from.headers), std::move(from.body)};
    }
    finish(ending);
  }

  const services::Exchange& exchange_;
  probe::SocketAddress peer_;
  std::string request_, output_;
  std::unique_ptr<TlsClient> tls_;
  std::optional<http::HttpAnswerParser> http_;
  Stage stage_ = Stage::kConnecting;
};

}  // namespace

std::unique_ptr<Conversation> talk_tcp(services::Question question,
                                       const services::Exchange& exchange, const Target& target,
                                       probe::Descriptor socket, const Limits& limits,
                                       std::unique_ptr<TlsClient> tls) {
  return std::make_unique<TcpConversation>(question, exchange, target, std::move(socket), limits,
                                           std::move(tls));
}

}  // namespace bulkhead::identify
