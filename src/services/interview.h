// What to ask one port next, given what it answered so far. Pure: the network is someone else's, so
// the whole conversation is tested from canned answers.
//
// Order: listen for a banner; what the services of this port are asked in bytes; HTTP; TLS, and
// then the same inside it; the paths of the services of this port; then everything else, because a
// service is known by its protocol and not by its port. It ends as soon as a service that is not
// generic is known and was asked who may use it: what is under way then only to name it is dropped.
// A port is never asked twice the same.
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
  friend bool operator==(const Question&, const Question&) = default;
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

// Nothing came, or it was not asked to the end.
[[nodiscard]] bool is_unanswered(const Answer& answer);

class Interview {
 public:
  // `matcher` must outlive it.
  Interview(const Matcher& matcher, const Subject& subject, Depth depth);

  // To be asked now, in any order, at once or one by one; all must be heard or given back before
  // the next call. Empty: the interview is over. At most exchanges() questions in all.
  [[nodiscard]] std::vector<Question> next();
  // True: this was the answer that settled which service it is. What is asked and not answered yet
  // is then to be given back where wants() says no.
  bool hear(Answer answer);
  // False: the service is known, and the answer to this question, in bytes, can neither name
  // another that would be told instead (Matcher::candidates) nor tell who may use it. Paths are
  // asked to their end: what answers to one answers to the others at once, and products resemble
  // each other.
  [[nodiscard]] bool wants(const Question& question) const;
  // As if it had never been asked.
  void give_back(const Question& question);
  // Something was not answered that could still tell more: of a service that is known, who may use
  // it; else anything but a greeting, as a late one is found in any answer.
  [[nodiscard]] bool misses_answers() const;
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
  // Of an entry that would be told instead of the settled one.
  [[nodiscard]] bool may_name_better(std::size_t exchange) const;
  [[nodiscard]] std::vector<Question> fresh(const std::vector<Question>& questions);
  void advance();
  // The entry that this answer alone shows, if it is not a generic one; else null.
  [[nodiscard]] const Entry* settles(const Answer& answer) const;

  const Matcher& matcher_;
  Subject subject_;
  Depth depth_;
  Stage stage_ = Stage::kListen;
  bool tls_ = false, http_ = false;
  const Entry* settled_ = nullptr;  // by the first answer that did
  std::vector<Answer> answers_;
  std::vector<std::size_t> asked_;  // exchange * 2 + in_tls
  std::string withheld_;
};

}  // namespace bulkhead::services
