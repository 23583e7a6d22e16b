// Books of flows between the containers of tests/compile/shop.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compile/shop.h"
#include "flows/book.h"
#include "learn/propose.h"

namespace bulkhead::learn::testing_books {

using testing_hosts::ip;

// 2026-11-24, on which the host's snapshot was taken.
inline constexpr std::uint64_t kNow = 1795478400000;

class BookOf {
 public:
  flows::Book book;

  explicit BookOf(const model::Snapshot& snapshot) {
    for (const model::Engine& engine : snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        EXPECT_TRUE(book.intern(flows::who_is(engine, c)));
      }
    }
  }

  // "shop-web-1", "host", or an address from outside.
  [[nodiscard]] flows::Peer peer(std::string_view name) const {
    if (name == "host") return {};
    for (std::uint32_t i = 0; i < book.whos().size(); ++i) {
      if (book.whos()[i].name == name) return {flows::PeerKind::kContainer, i, {}};
    }
    return {flows::PeerKind::kOutside, 0, ip(name)};
  }

  struct More {
    std::uint16_t dialled = 0;  // else the served one
    std::string_view at = "";
    std::uint64_t answered = 3, tries = 3, first_ms = kNow - 60'000, last_ms = kNow;
    IpProtocol protocol = IpProtocol::kTcp;
  };
  flows::Flow add(std::string_view from, std::string_view to, std::uint16_t served, More more) {
    flows::Flow flow;
    flow.from = peer(from);
    flow.to = peer(to);
    flow.protocol = more.protocol;
    flow.served = Port{served};
    flow.dialled = Port{more.dialled == 0 ? served : more.dialled};
    if (!more.at.empty()) flow.at = ip(more.at);
    for (const flows::Peer* p : {&flow.from, &flow.to}) {
      if (p->address) flow.family = p->address->family();
    }
    book.add(flow, {.tries = more.tries,
                    .answered = more.answered,
                    .first_ms = more.first_ms,
                    .last_ms = more.last_ms});
    return flow;
  }
  flows::Flow add(std::string_view from, std::string_view to, std::uint16_t served) {
    return add(from, to, served, More{});
  }
};

inline Proposal proposed(const flows::Book& book, const std::string& text,
                         const model::Snapshot& snapshot) {
  auto config = policy::parse_config(text, "bulkhead.yaml");
  EXPECT_TRUE(config) << config.error().message;
  if (!config) return {};
  const auto zones = policy::resolve_zones(*config, snapshot);
  return propose(book, *config, text, zones, kNow);
}

// What patch makes of it: the diff's hunks, applied without any fuzz.
inline std::string patched(const std::string& text, const std::string& diff) {
  std::vector<std::string> old, out;
  std::string line;
  for (const char c : text) {
    line += c;
    if (c == '\n') old.push_back(std::exchange(line, ""));
  }
  if (!line.empty()) old.push_back(line);
  std::size_t at = 0;
  bool in_hunk = false, gone = false;
  for (std::size_t begin = 0; begin < diff.size();) {
    const std::size_t end = diff.find('\n', begin);
    const std::string row = diff.substr(begin, end - begin);
    begin = end + 1;
    if (row.starts_with("@@ -")) {
      const std::size_t first = std::stoul(row.substr(4));
      const bool none = row.find(",0 ") != std::string::npos;
      while (at + 1 < first + (none ? 1 : 0)) out.push_back(old.at(at++));
      in_hunk = true;
      continue;
    }
    if (!in_hunk) continue;
    if (row.starts_with("\\")) {
      if (!gone) out.back().pop_back();
      continue;
    }
    gone = row[0] == '-';
    if (row[0] != '+') {
      std::string had = old.at(at++);
      if (!had.ends_with('\n')) had += '\n';
      EXPECT_EQ(had, row.substr(1) + "\n");
    }
    if (row[0] != '-') out.push_back(row.substr(1) + "\n");
  }
  while (at < old.size()) out.push_back(old[at++]);
  std::string all;
  for (const std::string& one : out) all += one;
  return all;
}

}  // namespace bulkhead::learn::testing_books
