// An HTTP server on a unix socket, or on a port of 127.0.0.1, that answers what a test tells it,
// lies included.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bulkhead::engine {

// Bytes of an answer, headers included, as they go onto the wire.
struct FakeAnswer {
  std::string bytes;
  bool close = false;  // the connection, after `bytes`
  std::string repeat;  // then this again and again, until the client goes
  unsigned repeat_every_ms = 0;
  bool hang = false;  // then nothing, until the client goes
};

// A well-formed answer.
FakeAnswer json_answer(const std::string& body, const std::string& status = "200 OK");

class FakeEngine {
 public:
  using Handler = std::function<FakeAnswer(const std::string& path)>;
  enum class Socket { kUnix, kTcp };
  explicit FakeEngine(Handler handler, Socket socket = Socket::kUnix);
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::vector<std::string> requests();  // their first lines
  [[nodiscard]] int connections();

 private:
  void serve();
  void serve_connection(int fd);
  bool wait_readable(int fd, int timeout_ms);  // false: stopped, or the time is over
  bool stopped();
  void answer(int fd, const FakeAnswer& answer);

  Handler handler_;
  void listen_unix();
  void listen_tcp();

  std::string folder_, path_, url_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // the writing end closes: stop
  std::mutex mutex_;
  std::vector<std::string> requests_;
  int connections_ = 0;
  std::thread thread_;
};

}  // namespace bulkhead::engine
