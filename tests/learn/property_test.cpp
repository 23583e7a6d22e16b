// For random flows and random policies: what is proposed reads, is free of errors and of lines that
// say what others say, permits nothing of what was declined, and closes nothing that was seen.
#include <gtest/gtest.h>

#include <random>

#include "compile/compile.h"
#include "learn/books.h"
#include "learn/fates.h"
#include "learn/judge.h"
#include "policy/lint.h"

namespace bulkhead::learn {
namespace {

using compile::shops::Policy;
using compile::shops::shop;
using testing_books::BookOf;
using testing_books::kNow;
using testing_books::patched;
using testing_books::proposed;

// With a service of the host that manages nothing.
model::Snapshot host() {
  auto h = shop();
  h.listen(0, 7777, "feed");
  return h.snapshot;
}

class Chance {
 public:
  explicit Chance(std::uint32_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool once_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::mt19937 engine_;
};

// The tenants, their sections written in one way or the other, with some lines already.
std::string random_policy(Chance& chance) {
  const std::vector<std::string> allows{
      "{from: web, to: api, port: 7000/tcp}", "{from: \"*\", to: db, port: 5432/tcp}",
      "{from: blog/app, to: web, port: 8080/tcp}", "{from: host, to: db, port: 5432/tcp}"};
  std::string out = "bulkhead: 1\nmode: enforce\n";
  if (chance.once_in(2)) out += "trust: {admins: [198.51.100.0/28]}\n";
  if (chance.once_in(2)) out += "host:\n  ssh: {port: 22/tcp, from: lan, expires: 2027-01-01}\n";
  out += "tenants:\n  shop:  # é日\n";
  out += "    services: {web: {compose: web}, api: {compose: api}, db: {compose: db}}\n";
  switch (chance.below(4)) {
    case 0: break;
    case 1: out += "    allow: [" + chance.of(allows) + "]\n"; break;
    case 2: out += "    allow:\n      # why\n      - " + chance.of(allows) + "\n"; break;
    case 3: out += "    allow: []\n    egress:\n"; break;
  }
  if (chance.once_in(3)) out += "    ingress:\n    - {to: web, publish: 80/tcp, from: lan}\n";
  out += chance.once_in(2) ? "  blog: {services: {app: {compose: app}}}\n"
                           : "\n  blog:\n    services:\n      app:\n        compose: app\n";
  if (chance.once_in(3)) out += "never:\n  - {from: shop/*, to: blog/*, both: true}\n";
  if (chance.once_in(3)) out += "# the end";
  return out;
}

void random_flow(Chance& chance, BookOf& seen) {
  const std::vector<std::string> boxes{"shop-web-1", "shop-api-1", "shop-db-1", "blog-app-1"};
  const std::vector<std::string> strangers{"198.51.100.7", "203.0.113.9", "192.0.2.77",
                                           "192.0.2.78"};
  const std::vector<std::pair<std::string, std::uint16_t>> doors{
      {"shop-web-1", 8080}, {"shop-api-1", 7000}, {"shop-db-1", 5432}, {"blog-app-1", 80}};
  BookOf::More more;
  if (chance.once_in(5)) more.answered = 0;
  switch (chance.below(7)) {
    case 0:
    case 1: {
      const auto& [to, port] = chance.of(doors);
      const std::string& from = chance.of(boxes);
      if (from != to) seen.add(from, to, port, more);
      break;
    }
    case 2:
      more.at = "192.0.2.10";
      more.dialled = chance.once_in(2) ? 80 : 81;
      seen.add(chance.of(strangers), more.dialled == 80 ? "shop-web-1" : "blog-app-1",
               more.dialled == 80 ? 8080 : 80, more);
      break;
    case 3:
      seen.add(chance.of(boxes), chance.of(strangers), chance.once_in(2) ? 443 : 8443, more);
      break;
    case 4: {
      const std::string& from = chance.of(boxes);
      more.at = from == "blog-app-1" ? "172.21.0.1" : "172.20.0.1";
      seen.add(from, "host", chance.once_in(3) ? 22 : 7777, more);
      break;
    }
    case 5: {
      const auto& [to, port] = chance.of(doors);
      seen.add("host", to, port, more);
      break;
    }
    case 6:
      more.at = "192.0.2.10";
      seen.add(chance.of(strangers), "host", chance.once_in(2) ? 22 : 7777, more);
      break;
  }
}

void expect_no_errors(const Policy& after, std::size_t lines_before, const std::string& text) {
  for (const policy::Lint& lint :
       policy::lint(after.config, after.bound, after.zones, after.snapshot.taken_at_ms)) {
    EXPECT_NE(lint.level, policy::LintLevel::kError) << lint.what << "\n" << text;
    EXPECT_FALSE(lint.kind == policy::LintKind::kShadowed && lines_before == 0)
        << lint.what << text;
  }
}

struct Tally {
  std::size_t lines = 0, declined = 0, stays = 0, asked = 0;
};

void expect_nothing_breaks(const Policy& after, const BookOf& seen, const Proposal& proposal,
                           Tally& tally) {
  const auto compiled = compile::compile(after.input());
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto fates = fates_of(after.input(), *compiled, seen.book);
  ASSERT_TRUE(fates) << fates.error().message;
  for (const Fated& one : fates->flows) {
    const bool declined = std::ranges::any_of(
        proposal.declined, [&](const Declined& d) { return d.flow == *one.flow; });
    tally.asked += one.fate != Fate::kUnasked;
    tally.stays += one.fate == Fate::kStays;
    if (declined) continue;
    EXPECT_TRUE(one.fate != Fate::kBreaks && one.fate != Fate::kUnknown)
        << describe(*one.flow, seen.book) << " " << to_string(one.fate) << ": " << one.reason
        << "\n"
        << proposal.text;
  }
}

TEST(Learn, WhatIsProposedClosesNothingThatWasSeenAndOpensNothingThatWasDeclined) {
  Tally tally;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chance chance(seed);
    const std::string text = random_policy(chance);
    BookOf seen(host());
    for (std::size_t n = 1 + chance.below(25); n > 0; --n) random_flow(chance, seen);
    const Policy before(host(), text);
    const Proposal proposal = proposed(seen.book, text, before.snapshot);
    ASSERT_EQ(proposal.unwritten, "") << text;
    ASSERT_EQ(patched(text, proposal.diff), proposal.text);
    const Policy after(host(), proposal.text);
    expect_no_errors(after, policy::all_lines(before.config).size(), proposal.text);
    const Judge judge(seen.book, after.config, after.zones, kNow);
    for (const Declined& one : proposal.declined) {
      // What the host sends may be what its proxy sends for those that are let in.
      const bool host_sends = one.flow.from.kind == flows::PeerKind::kHost;
      EXPECT_TRUE(host_sends || !judge.covered(one.flow))
          << describe(one.flow, seen.book) << proposal.text;
    }
    expect_nothing_breaks(after, seen, proposal, tally);
    // And once it is there, nothing is left to say.
    EXPECT_TRUE(proposed(seen.book, proposal.text, after.snapshot).lines.empty());
    tally.lines += proposal.lines.size();
    tally.declined += proposal.declined.size();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(tally.lines, 300U);
  EXPECT_GT(tally.declined, 150U);
  EXPECT_GT(tally.stays, 500U);
}

// Without a line that was proposed, a flow that was seen is not permitted any more.
TEST(Learn, NoLineThatIsProposedCouldBeLeftOut) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    Chance chance(seed);
    const std::string text = random_policy(chance);
    BookOf seen(host());
    for (int n = 0; n < 15; ++n) random_flow(chance, seen);
    const Policy before(host(), text);
    const Proposal proposal = proposed(seen.book, text, before.snapshot);
    for (const NewLine& line : proposal.lines) {
      std::string less = proposal.text;
      const std::size_t at = less.find(line.text);
      ASSERT_NE(at, std::string::npos);
      less.insert(less.find('{', at) + 1, "expires: 2020-01-01, ");
      const Policy after(host(), less);
      const Judge judge(seen.book, after.config, after.zones, kNow);
      bool missed = false;
      for (const auto& [flow, counts] : seen.book.flows())
        missed = missed || judge.judge(flow, counts).ruling == Ruling::kWanted;
      EXPECT_TRUE(missed) << seed << ": " << line.text;
    }
  }
}

}  // namespace
}  // namespace bulkhead::learn
