// The client's side of TLS over bytes that somebody else moves: no socket, no blocking. It verifies
// nothing, because it wants to know who the server claims to be and what it asks for; so what comes
// through it is as hostile as without. Internal to identify/.
//
// Bounds: certificates of at most 64 KiB, 1 MiB received in all. Old versions and weak ciphers are
// let in: they are what is looked for.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "services/answer.h"

namespace bulkhead::identify {

// Shared by all handshakes of a run.
class TlsContext {
 public:
  [[nodiscard]] static Result<TlsContext> make();
  [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, Free> context_;
};

enum class Alpn : std::uint8_t { kNone, kHttp1, kHttp2And1 };

class TlsClient {
 public:
  static constexpr std::size_t kMostReceived = 1UL << 20;

  [[nodiscard]] static Result<std::unique_ptr<TlsClient>> make(const TlsContext& context,
                                                               Alpn alpn);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // From the network; then look at open(), failed(), received and output.
  void feed(std::string_view bytes);
  // For the network. Call after make(), feed() and write().
  [[nodiscard]] std::string output();
  void write(std::string_view plain);    // only when open()
  [[nodiscard]] std::string received();  // decrypted since the last call

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool failed() const { return failed_; }  // no TLS, an alert, too much
  [[nodiscard]] bool ended() const { return ended_; }    // the server said so
  [[nodiscard]] services::TlsFacts facts() const;

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  explicit TlsClient(SSL* ssl) : ssl_(ssl) {}
  void proceed();
  void read_plain();
  void judge(int result);
  static void on_info(const SSL* ssl, int where, int value);
  static int on_certificate_request(SSL* ssl, X509** certificate, EVP_PKEY** key);
  friend class TlsContext;

  std::unique_ptr<SSL, Free> ssl_;
  std::string plain_;
  std::size_t fed_ = 0;
  bool open_ = false, failed_ = false, ended_ = false, asked_ = false;
  std::optional<std::uint8_t> alert_;
};

}  // namespace bulkhead::identify
