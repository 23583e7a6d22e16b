#include "services/interview.h"

#include <algorithm>

#include "services/deny.h"

namespace bulkhead::services {
namespace {

// "The plain HTTP request was sent to HTTPS port", "Client sent an HTTP request to an HTTPS
// server".
bool sends_elsewhere(const HttpResponse& http) {
  return http.status == 400 && http.body.find("HTTPS") != std::string::npos;
}

}  // namespace

bool is_unanswered(const Answer& answer) {
  return answer.ending == Ending::kSilent || answer.ending == Ending::kFailed ||
         answer.ending == Ending::kWithheld;
}

Interview::Interview(const Matcher& matcher, const Subject& subject, Depth depth)
    : matcher_(matcher), subject_(subject), depth_(depth) {
  if (subject_.protocol == IpProtocol::kUdp) stage_ = Stage::kPortBytes;
}

std::vector<Question> Interview::next() {
  while (stage_ != Stage::kOver) {
    std::vector<Question> questions = fresh(stage());
    advance();
    if (!questions.empty()) return questions;
  }
  return {};
}

std::vector<Question> Interview::stage() {
  switch (stage_) {
    case Stage::kListen: return {{Matcher::kBannerExchange, false}};
    case Stage::kPortBytes: return questions(Asking::kSend, true);
    case Stage::kHttp: return {{Matcher::kRootExchange, false}};
    case Stage::kTls:
      if (http_) return {};
      return {{Matcher::kTlsExchange, true}};
    case Stage::kInsideTls: {
      if (!tls_) return {};
      std::vector<Question> out = questions(Asking::kSend, true);
      out.push_back({Matcher::kBannerExchange, true});
      out.push_back({Matcher::kRootExchange, true});
      return out;
    }
    case Stage::kPortPaths: return http_ ? questions(Asking::kHttp, true) : std::vector<Question>();
    case Stage::kPaths: return http_ ? questions(Asking::kHttp, false) : std::vector<Question>();
    // A server that greets or speaks HTTP is not asked in the bytes of all other protocols.
    case Stage::kBytes: {
      const bool quiet =
          std::ranges::all_of(answers_, [](const Answer& a) { return a.bytes.empty(); });
      return !http_ && quiet ? questions(Asking::kSend, false) : std::vector<Question>();
    }
    case Stage::kAccess: return access();
    case Stage::kOver: break;
  }
  return {};
}

// What is settled needs only to be asked who may use it.
void Interview::advance() {
  const bool udp = subject_.protocol == IpProtocol::kUdp;
  const bool shallow = depth_ == Depth::kPort;
  switch (stage_) {
    case Stage::kListen: stage_ = Stage::kPortBytes; break;
    case Stage::kPortBytes: stage_ = udp ? Stage::kBytes : Stage::kHttp; break;
    case Stage::kHttp: stage_ = Stage::kTls; break;
    case Stage::kTls: stage_ = Stage::kInsideTls; break;
    case Stage::kInsideTls: stage_ = Stage::kPortPaths; break;
    case Stage::kPortPaths: stage_ = Stage::kPaths; break;
    case Stage::kPaths: stage_ = Stage::kBytes; break;
    case Stage::kBytes: stage_ = Stage::kAccess; break;
    case Stage::kAccess: stage_ = Stage::kOver; break;
    case Stage::kOver: break;
  }
  const bool broad = stage_ == Stage::kPaths || stage_ == Stage::kBytes;
  if (shallow && broad) stage_ = Stage::kAccess;
}

// An answer fits or does not whatever the others are: only the new one has to be looked at.
const Entry* Interview::settles(const Answer& answer) const {
  const auto found = matcher_.candidates({&answer, 1}, subject_.port);
  return found.empty() || found.front().entry->generic ? nullptr : found.front().entry;
}

bool Interview::hear(Answer answer) {
  if (answer.http && sends_elsewhere(*answer.http)) answer.http.reset();
  if (answer.http) http_ = true;
  if (answer.tls && answer.tls->complete) tls_ = true;
  const Entry* settled = settled_ == nullptr ? settles(answer) : nullptr;
  answers_.push_back(std::move(answer));
  if (settled == nullptr) return false;
  settled_ = settled;
  stage_ = std::max(stage_, Stage::kAccess);
  return true;
}

bool Interview::wants(const Question& question) const {
  if (settled_ == nullptr) return true;
  if (matcher_.exchanges()[question.exchange].asking != Asking::kSend) return true;
  const std::vector<Question> judging = access();
  return may_name_better(question.exchange) ||
         std::ranges::find(judging, question) != judging.end();
}

bool Interview::may_name_better(std::size_t exchange) const {
  return std::ranges::any_of(matcher_.entries(), [&](const Entry& entry) {
    const bool beats = std::ranges::find(entry.beats, settled_->id) != entry.beats.end();
    const bool of_port =
        lists(entry, subject_.port) && (&entry < settled_ || !lists(*settled_, subject_.port));
    if (!beats && !of_port) return false;
    const auto shows = matcher_.known_by(entry);
    return std::ranges::find(shows, exchange) != shows.end();
  });
}

void Interview::give_back(const Question& question) {
  std::erase(asked_, question.exchange * 2 + std::size_t{question.in_tls});
}

bool Interview::misses_answers() const {
  const std::vector<Question> wanted = settled_ == nullptr ? std::vector<Question>() : access();
  return std::ranges::any_of(answers_, [&](const Answer& a) {
    if (!is_unanswered(a)) return false;
    if (settled_ == nullptr) return a.exchange != Matcher::kBannerExchange;
    return std::ranges::find(wanted, Question{a.exchange, a.in_tls}) != wanted.end();
  });
}

std::vector<Question> Interview::questions(Asking asking, bool of_port) const {
  std::vector<Question> out;
  for (const Entry& entry : matcher_.entries()) {
    if (of_port && !lists(entry, subject_.port)) continue;
    for (const std::size_t index : matcher_.known_by(entry)) {
      const Exchange& exchange = matcher_.exchanges()[index];
      const bool fits = asking != Asking::kSend || exchange.protocol == subject_.protocol;
      if (exchange.asking == asking && fits) out.push_back({index, tls_});
    }
  }
  return out;
}

std::vector<Question> Interview::access() const {
  std::vector<Question> out;
  const auto found = matcher_.candidates(answers_, subject_.port);
  if (found.empty()) return out;
  for (const std::size_t index : matcher_.access_by(*found.front().entry)) {
    const Exchange& exchange = matcher_.exchanges()[index];
    if (exchange.asking == Asking::kSend && exchange.protocol != subject_.protocol) continue;
    out.push_back({index, tls_ && exchange.protocol == IpProtocol::kTcp});
  }
  return out;
}

// Takes out what was asked already and what may not be.
std::vector<Question> Interview::fresh(const std::vector<Question>& questions) {
  std::vector<Question> out;
  const bool printer = may_print(subject_.port, subject_.protocol) && !subject_.no_printer;
  for (const Question& question : questions) {
    const std::size_t key = question.exchange * 2 + std::size_t{question.in_tls};
    if (std::ranges::find(asked_, key) != asked_.end()) continue;
    asked_.push_back(key);
    if (printer && question.exchange != Matcher::kBannerExchange) {
      withheld_ = "port " + std::to_string(subject_.port.number) +
                  " may be a printer, which prints what it gets: nothing was sent";
      continue;
    }
    out.push_back(question);
  }
  return out;
}

Finding Interview::finding() const {
  Finding out;
  out.asked = static_cast<std::uint32_t>(answers_.size());
  out.withheld = withheld_;
  out.speaks_http = http_;
  for (const Answer& answer : answers_) {
    const bool facts = answer.tls && (answer.tls->complete || answer.tls->alert);
    if (!answer.bytes.empty() || facts) ++out.answered;
    if (answer.ending == Ending::kWithheld && out.withheld.empty())
      out.withheld = "the time was over before all was asked";
    if (!out.tls && facts) out.tls = answer.tls;
    if (out.evidence.empty()) out.evidence = answer.bytes.substr(0, kMostEvidence);
  }
  const auto found = matcher_.candidates(answers_, subject_.port);
  if (found.empty()) {
    if (out.tls && wants_certificate(*out.tls))
      out.access = {Access::kProtected, to_lines(*out.tls).substr(0, kMostEvidence)};
    return out;
  }
  out.service = found.front().entry;
  out.evidence = found.front().evidence;
  for (std::size_t i = 1; i < found.size(); ++i) out.also.push_back(found[i].entry);
  out.access = matcher_.access(*out.service, answers_);
  return out;
}

}  // namespace bulkhead::services
