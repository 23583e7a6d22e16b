// Whatever answers, to whichever question: candidates are known entries with bounded evidence, none
// of which another one beats, and access is judged the same each time. First byte: the question;
// the rest: the answer, as bytes, as a body and as the facts of a handshake.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/matcher.h"

namespace {

using namespace bulkhead::services;

const Matcher& builtin() {
  static const Matcher matcher = [] {
    std::vector<std::string> problems;
    return Matcher::make(builtin_entries().entries, problems);
  }();
  return matcher;
}

Answer answer_from(std::uint8_t question, std::string_view text) {
  Answer out;
  out.exchange = question * 2U % builtin().exchanges().size();
  out.in_tls = (question & 1U) != 0;
  out.bytes = text.substr(0, kMostAnswerBytes);
  const std::size_t line = std::min(text.find('\n'), text.size());
  out.http = HttpResponse{200 + question % 5 * 100, {std::string(text.substr(0, line))}, out.bytes};
  out.tls.emplace();
  out.tls->subject = out.tls->issuer = out.bytes;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Answer answer = answer_from(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  const auto found = builtin().candidates({&answer, 1}, bulkhead::Port{data[0]});
  for (const Candidate& one : found) {
    if (one.evidence.size() > kMostEvidence || one.answer != 0) std::abort();
    for (const Candidate& other : found) {
      if (std::ranges::find(other.entry->beats, one.entry->id) != other.entry->beats.end())
        std::abort();
    }
    const AccessSeen seen = builtin().access(*one.entry, {&answer, 1});
    if (seen.evidence.size() > kMostEvidence) std::abort();
    if (builtin().access(*one.entry, {&answer, 1}).access != seen.access) std::abort();
  }
  // A fact cannot hold a line of its own.
  const auto lines = to_lines(*answer.tls);
  if (std::ranges::count(lines, '\n') > 1) std::abort();
  return 0;
}
