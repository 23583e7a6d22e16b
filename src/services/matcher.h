// Answers received -> which service that is, and who may use it. Pure: the same answers give the
// same candidates, from a file as from the network.
//
// Patterns run by RE2: time linear in the answer whatever the pattern and whatever the answer
// (docs/decisions/0040). A Matcher is immutable once made, and may be used by many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "services/answer.h"
#include "services/entry.h"

namespace bulkhead::services {

struct Candidate {
  const Entry* entry = nullptr;  // lives as long as the matcher
  std::size_t answer = 0;        // index of the answer that fitted
  std::string evidence;          // its beginning, hostile, at most kMostEvidence bytes
};

struct AccessSeen {
  Access access = Access::kUnknown;
  std::string evidence;  // hostile, at most kMostEvidence bytes
};

class Matcher {
 public:
  // Compiles all patterns: some 20 ms for the catalogue. Entries with a pattern that RE2 refuses,
  // or that names an entry it beats which there is not, are left out; one line in `problems` for
  // each.
  [[nodiscard]] static Matcher make(std::vector<Entry> entries, std::vector<std::string>& problems);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
  ~Matcher();

  [[nodiscard]] std::span<const Entry> entries() const;

  // All questions, each once. The first three are the ones that are always there.
  [[nodiscard]] std::span<const Exchange> exchanges() const;
  static constexpr std::size_t kBannerExchange = 0, kRootExchange = 1, kTlsExchange = 2;
  // Indexes in exchanges() that could show or judge this entry, in its order, each once.
  [[nodiscard]] std::vector<std::size_t> known_by(const Entry& entry) const;
  [[nodiscard]] std::vector<std::size_t> access_by(const Entry& entry) const;

  // Best first: what nothing else beats, what is not generic, what lists `port`, what is further
  // up. Empty when nothing fits. O(patterns * bytes).
  [[nodiscard]] std::vector<Candidate> candidates(std::span<const Answer> answers, Port port) const;

  // Who may use it, as far as these answers say. A TLS server that insists on a certificate
  // protects whatever is behind it.
  [[nodiscard]] AccessSeen access(const Entry& entry, std::span<const Answer> answers) const;

 private:
  struct Parts;
  explicit Matcher(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The ports of these services, those included that need a process or an image beside them.
[[nodiscard]] std::set<std::uint16_t> ports_of(const Entry& entry);
// TCP ports of all services that listen, ascending.
[[nodiscard]] std::set<std::uint16_t> tcp_ports(const Matcher& matcher);

}  // namespace bulkhead::services
