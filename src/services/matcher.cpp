#include "services/matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/text.h"

namespace bulkhead::services {
namespace {

constexpr std::int64_t kPatternMemory = 1 << 20;  // RE2's budget for each, its cache included

RE2::Options options(bool ignore_case) {
  RE2::Options out(RE2::Latin1);  // bytes are bytes
  out.set_dot_nl(true);
  out.set_log_errors(false);
  out.set_max_mem(kPatternMemory);
  out.set_case_sensitive(!ignore_case);
  return out;
}

// A pattern that asks for nothing is null.
using Pattern = std::unique_ptr<RE2>;

bool fits(const Pattern& pattern, std::string_view text) {
  return pattern == nullptr ||
         RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
}

struct CompiledSign {
  std::size_t exchange = 0;
  Inside inside = Inside::kEither;
  std::vector<std::uint16_t> statuses;
  Pattern header, body, bytes;
  Access means = Access::kUnknown;
};

bool fits_http(const CompiledSign& sign, const HttpResponse& http) {
  if (!sign.statuses.empty() &&
      std::ranges::find(sign.statuses, http.status) == sign.statuses.end())
    return false;
  const bool header =
      sign.header == nullptr ||
      std::ranges::any_of(http.headers, [&](const auto& line) { return fits(sign.header, line); });
  return header && fits(sign.body, http.body);
}

bool fits(const CompiledSign& sign, Asking asking, const Answer& answer) {
  if (sign.inside != Inside::kEither && (sign.inside == Inside::kTls) != answer.in_tls)
    return false;
  switch (asking) {
    case Asking::kBanner: return !answer.bytes.empty() && fits(sign.bytes, answer.bytes);
    case Asking::kSend: return !answer.bytes.empty() && fits(sign.bytes, answer.bytes);
    case Asking::kHttp: return answer.http && fits_http(sign, *answer.http);
    case Asking::kTls: return answer.tls && fits(sign.bytes, to_lines(*answer.tls));
  }
  return false;
}

std::string evidence_of(const Answer& answer) {
  std::string_view text = answer.bytes;
  const std::string facts = text.empty() && answer.tls ? to_lines(*answer.tls) : "";
  if (text.empty()) text = facts;
  return std::string(text.substr(0, kMostEvidence));
}

}  // namespace

struct Matcher::Parts {
  struct CompiledEntry {
    std::vector<CompiledSign> known, access;
  };
  std::vector<Entry> entries;
  std::vector<CompiledEntry> compiled;  // in the order of entries
  std::vector<Exchange> exchanges;
  std::map<Exchange, std::size_t> index;

  std::size_t exchange(const Exchange& wanted) {
    const auto [found, fresh] = index.emplace(wanted, exchanges.size());
    if (fresh) exchanges.push_back(wanted);
    return found->second;
  }

  // "" when all went well, else what is wrong.
  std::string compile(const Sign& sign, CompiledSign& out) {
    const auto pattern = [](const std::string& text, bool ignore_case, Pattern& to) -> std::string {
      if (text.empty()) return {};
      to = std::make_unique<RE2>(text, options(ignore_case));
      return to->ok() ? "" : "'" + escape_text(text, 80) + "': " + escape_text(to->error(), 80);
    };
    std::string wrong = pattern(sign.header, true, out.header);
    if (wrong.empty()) wrong = pattern(sign.body, false, out.body);
    if (wrong.empty()) wrong = pattern(sign.bytes, false, out.bytes);
    out.exchange = exchange(sign.exchange);
    out.inside = sign.inside;
    out.statuses = sign.statuses;
    out.means = sign.means;
    return wrong;
  }

  bool add(Entry entry, std::vector<std::string>& problems) {
    CompiledEntry compiled_entry;
    for (const auto& [from, to] : {std::pair(&entry.known, &compiled_entry.known),
                                   std::pair(&entry.access, &compiled_entry.access)}) {
      for (const Sign& sign : *from) {
        const std::string wrong = compile(sign, to->emplace_back());
        if (wrong.empty()) continue;
        problems.push_back(entry.file + ":" + std::to_string(sign.line) + ": " + entry.id +
                           ": not a pattern: " + wrong);
        return false;
      }
    }
    entries.push_back(std::move(entry));
    compiled.push_back(std::move(compiled_entry));
    return true;
  }

  // A slow server greets when something else was asked already.
  [[nodiscard]] bool late_banner(const CompiledSign& sign, const Answer& answer) const {
    return exchanges[sign.exchange].asking == Asking::kBanner && !answer.http &&
           exchanges[answer.exchange].protocol == IpProtocol::kTcp;
  }

  // The first answer that fits one of the signs; nullptr for none.
  [[nodiscard]] const CompiledSign* first_fit(const std::vector<CompiledSign>& signs,
                                              std::span<const Answer> answers,
                                              std::size_t& where) const {
    for (const CompiledSign& sign : signs) {
      for (where = 0; where < answers.size(); ++where) {
        const Answer& answer = answers[where];
        if (answer.exchange != sign.exchange && !late_banner(sign, answer)) continue;
        if (fits(sign, exchanges[sign.exchange].asking, answer)) return &sign;
      }
    }
    return nullptr;
  }
};

Matcher::Matcher(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

Matcher Matcher::make(std::vector<Entry> entries, std::vector<std::string>& problems) {
  auto parts = std::make_unique<Parts>();
  Exchange root;
  root.asking = Asking::kHttp, root.method = "GET", root.path = "/";
  Exchange tls;
  tls.asking = Asking::kTls;
  for (const Exchange& always : {Exchange(), root, tls}) static_cast<void>(parts->exchange(always));
  std::set<std::string> ids;
  for (const Entry& entry : entries) ids.insert(entry.id);
  std::set<std::string> taken;
  for (Entry& entry : entries) {
    if (!taken.insert(entry.id).second) {
      problems.push_back(entry.file + ":" + std::to_string(entry.line) + ": the id '" + entry.id +
                         "' is taken by an entry before it");
      continue;
    }
    const auto lost =
        std::ranges::find_if(entry.beats, [&](const auto& id) { return !ids.contains(id); });
    if (lost != entry.beats.end()) {
      problems.push_back(entry.file + ":" + std::to_string(entry.line) + ": " + entry.id +
                         ": beats '" + escape_text(*lost, 64) + "', which there is not");
      continue;
    }
    parts->add(std::move(entry), problems);
  }
  return Matcher(std::move(parts));
}

std::span<const Entry> Matcher::entries() const {
  return parts_->entries;
}
std::span<const Exchange> Matcher::exchanges() const {
  return parts_->exchanges;
}

namespace {

std::vector<std::size_t> each_once(const std::vector<CompiledSign>& signs) {
  std::vector<std::size_t> out;
  for (const CompiledSign& sign : signs) {
    if (std::ranges::find(out, sign.exchange) == out.end()) out.push_back(sign.exchange);
  }
  return out;
}

}  // namespace

std::vector<std::size_t> Matcher::known_by(const Entry& entry) const {
  return each_once(
      parts_->compiled[static_cast<std::size_t>(&entry - parts_->entries.data())].known);
}

std::vector<std::size_t> Matcher::access_by(const Entry& entry) const {
  return each_once(
      parts_->compiled[static_cast<std::size_t>(&entry - parts_->entries.data())].access);
}

std::vector<Candidate> Matcher::candidates(std::span<const Answer> answers, Port port) const {
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < parts_->entries.size(); ++i) {
    std::size_t where = 0;
    if (parts_->first_fit(parts_->compiled[i].known, answers, where) == nullptr) continue;
    out.push_back({&parts_->entries[i], where, evidence_of(answers[where])});
  }
  std::set<std::string_view> beaten;
  for (const Candidate& c : out) beaten.insert(c.entry->beats.begin(), c.entry->beats.end());
  std::erase_if(out, [&](const Candidate& c) { return beaten.contains(c.entry->id); });
  const bool specific = std::ranges::any_of(out, [](const auto& c) { return !c.entry->generic; });
  if (specific) std::erase_if(out, [](const Candidate& c) { return c.entry->generic; });
  std::ranges::stable_sort(out, [&](const auto& a, const auto& b) {
    return lists(*a.entry, port) > lists(*b.entry, port);
  });
  return out;
}

AccessSeen Matcher::access(const Entry& entry, std::span<const Answer> answers) const {
  const auto at = static_cast<std::size_t>(&entry - parts_->entries.data());
  std::size_t where = 0;
  const CompiledSign* sign = parts_->first_fit(parts_->compiled[at].access, answers, where);
  if (sign != nullptr) return {sign->means, evidence_of(answers[where])};
  for (const Answer& answer : answers) {
    if (answer.tls && wants_certificate(*answer.tls))
      return {Access::kProtected, to_lines(*answer.tls).substr(0, kMostEvidence)};
  }
  return {};
}

std::string to_lines(const TlsFacts& facts) {
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += std::string(name) + ": " + escape_text(value, 512) + "\n";
  };
  line("version", facts.version);
  line("alpn", facts.alpn);
  line("client-certificate", facts.client_certificate_asked ? "asked" : "");
  line("alert", facts.alert ? std::to_string(*facts.alert) : "");
  line("subject", facts.subject);
  line("issuer", facts.issuer);
  for (const std::string& name : facts.names) line("name", name);
  if (!out.empty()) out.pop_back();
  return out;
}

bool wants_certificate(const TlsFacts& facts) {
  constexpr std::uint8_t kHandshakeFailure = 40, kBadCertificate = 42, kCertificateRequired = 116;
  if (!facts.alert) return false;
  return *facts.alert == kCertificateRequired ||
         (facts.client_certificate_asked &&
          (*facts.alert == kHandshakeFailure || *facts.alert == kBadCertificate));
}

std::set<std::uint16_t> ports_of(const Entry& entry) {
  std::set<std::uint16_t> out(entry.ports.begin(), entry.ports.end());
  out.insert(entry.also.begin(), entry.also.end());
  return out;
}

std::set<std::uint16_t> tcp_ports(const Matcher& matcher) {
  std::set<std::uint16_t> out;
  for (const Entry& entry : matcher.entries()) {
    if (entry.tcp && entry.service_class != ServiceClass::kClient) out.merge(ports_of(entry));
  }
  return out;
}

}  // namespace bulkhead::services
