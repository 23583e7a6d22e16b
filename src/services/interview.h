// What to ask one port next, given what it answered so far. Pure: the network is someone else's, so
// the whole conversation is tested from canned answers.
//
// Order: listen for a banner; what the services of this port are asked in bytes; HTTP; TLS, and
// then the same inside it; the paths of the services of this port; then everything else, because a
// service is known by its protocol and not by its port. It ends as soon as a service that is not
// generic is known and was asked who may use it. A port is never asked twice the same.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "services/matcher.h"

namespace bulkhead::services {

struct Subject {
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  bool no_printer = false;  // the host's side knows who listens, and it prints nothing
};

enum class Depth : std::uint8_t {
  kPort,      // only what the services of this port, and HTTP and TLS in general, are asked
  kProtocol,  // everything that the catalogue knows
};

struct Question {
  std::size_t exchange = 0;  // index in Matcher::exchanges()
  bool in_tls = false;
};

struct Finding {
  const Entry* service = nullptr;  // null: nothing fitted; lives as long as the matcher
  std::vector<const Entry*> also;  // fitted as well
  std::string evidence;            // of the service, or what came first; hostile, <= kMostEvidence
  AccessSeen access;
  std::optional<TlsFacts> tls;  // of the first handshake that got as far as facts
  bool speaks_http = false;
  std::uint32_t asked = 0, answered = 0;
  std::string withheld;  // why something was not asked; "" when all was
};

class Interview {
 public:
  // `matcher` must outlive it.
  Interview(const Matcher& matcher, const Subject& subject, Depth depth);

  // To be asked now, in any order, at once or one by one; all must be heard before the next call.
  // Empty: the interview is over. At most exchanges() questions in all.
  [[nodiscard]] std::vector<Question> next();
  void hear(Answer answer);
  [[nodiscard]] Finding finding() const;

 private:
  enum class Stage : std::uint8_t {
    kListen,
    kPortBytes,
    kHttp,
    kTls,
    kInsideTls,
    kPortPaths,
    kPaths,
    kBytes,
    kAccess,
    kOver
  };

  [[nodiscard]] std::vector<Question> stage();
  // What shows services, in bytes or by HTTP: those of this port, or all.
  [[nodiscard]] std::vector<Question> questions(Asking asking, bool of_port) const;
  [[nodiscard]] std::vector<Question> access() const;
  [[nodiscard]] std::vector<Question> fresh(const std::vector<Question>& questions);
  void advance();
  [[nodiscard]] bool settles(const Answer& answer) const;

  const Matcher& matcher_;
  Subject subject_;
  Depth depth_;
  Stage stage_ = Stage::kListen;
  bool tls_ = false, http_ = false;
  std::vector<Answer> answers_;
  std::vector<std::size_t> asked_;  // exchange * 2 + in_tls
  std::string withheld_;
};

}  // namespace bulkhead::services
