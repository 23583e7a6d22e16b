// The smallest policy that covers what was seen, as lines to add to a bulkhead.yaml.
//
// Lines name services, and no line permits a pair of services and a port that was not seen: lines
// are joined only where all that the joined one says was seen. From outside only the very addresses
// that were seen are let in, by a trust group of their own. What is covered already is not said
// again, and what should not be proposed is listed with its reason (judge.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "flows/book.h"
#include "learn/judge.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::learn {

// More addresses at the other end of one service and port are not listed.
inline constexpr std::size_t kMostListed = 32;

struct NewLine {
  policy::LineKind section = policy::LineKind::kAllow;
  std::string tenant;  // "": of the host
  std::string text;    // as it stands in the file, without indentation
  flows::Counts counts;
};

struct Group {  // of trust
  std::string name;
  std::vector<IpAddress> addresses;
};

struct Declined {
  flows::Flow flow;
  flows::Counts counts;
  Judged why;
};

struct Proposal {
  std::vector<Group> groups;
  std::vector<NewLine> lines;
  std::vector<Declined> declined;
  std::size_t covered = 0, ungoverned = 0;  // flows
  std::string text;                         // of the file with them; as it was when there is none
  std::string diff;                         // unified; "" when there is nothing to add
  std::string unwritten;  // why they could not be put into the file; escaped; "": they are there
};

// `text` is what `config` was read from. What is proposed reads again, holds all that the file held
// and covers what is to be covered, or `unwritten` says why not. The same book gives the same text.
[[nodiscard]] Proposal propose(const flows::Book& book, const policy::Config& config,
                               std::string_view text, std::span<const policy::Zone> zones,
                               std::uint64_t now_ms);

// A file with the tenants and services of the containers in the book, and no lines: what is
// proposed is then all there is.
[[nodiscard]] std::string draft(const flows::Book& book);

}  // namespace bulkhead::learn
