#include "report/learn_text.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "seen/text.h"

namespace bulkhead::report {
namespace {

using LearnJson = nlohmann::ordered_json;

constexpr std::size_t kMostReasons = 100, kMostOfReason = 4;

std::string counted(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

// By the reason: a scan is thousands of flows.
void add_declined(std::string& out, const Learnt& learnt) {
  struct Declined {
    std::vector<std::string> flows;
    std::uint64_t tries = 0;
  };
  std::map<std::pair<learn::Refusal, std::string>, Declined> groups;
  for (const learn::Declined& one : learnt.proposal.declined) {
    Declined& group = groups[{one.why.refusal, one.why.reason}];
    group.flows.push_back(learn::describe(one.flow, learnt.book));
    group.tries += one.counts.tries;
  }
  std::size_t left = kMostReasons;
  for (const auto& [key, group] : groups) {
    if (left-- == 0) {
      out += "# ... and " + std::to_string(groups.size() - kMostReasons) +
             " more reasons (--json has them all)\n";
      return;
    }
    std::string flows;
    for (std::size_t i = 0; i < group.flows.size() && i < kMostOfReason; ++i)
      flows += (i == 0 ? "" : ", ") + group.flows[i];
    if (group.flows.size() > kMostOfReason)
      flows += " and " + std::to_string(group.flows.size() - kMostOfReason) + " more";
    out += "# not proposed (" + std::string(to_string(key.first)) + ", " +
           counted(group.tries, "try", "tries") + "): " + flows + ": " + key.second + "\n";
  }
}

void add_losses(std::string& out, const flows::Losses& losses) {
  if (losses.overflows != 0)
    out += "# lost: the kernel had no room for events " +
           counted(losses.overflows, "time", "times") +
           "; short connections may be missing (give more --buffer)\n";
  if (losses.dropped != 0)
    out +=
        "# lost: no room for " + counted(losses.dropped, "flow or event", "flows or events") + "\n";
}

LearnJson peer_json(const flows::Peer& peer, const flows::Book& book) {
  LearnJson out = {{"kind", to_string(peer.kind)}};
  if (peer.kind == flows::PeerKind::kContainer) {
    out["engine"] = book.whos()[peer.who].engine;
    out["container"] = book.whos()[peer.who].name;
  }
  if (peer.address)
    out["address"] = peer.address->is_unspecified() ? "others" : peer.address->to_string();
  return out;
}

void add_counts(LearnJson& out, const flows::Counts& counts) {
  out["tries"] = counts.tries;
  out["answered"] = counts.answered;
  out["first_ms"] = counts.first_ms;
  out["last_ms"] = counts.last_ms;
  if (counts.audited != 0) out["packets"] = counts.audited;
}

LearnJson declined_json(const learn::Declined& one, const flows::Book& book) {
  LearnJson out = {
      {"refusal", to_string(one.why.refusal)},           {"reason", one.why.reason},
      {"from", peer_json(one.flow.from, book)},          {"to", peer_json(one.flow.to, book)},
      {"proto", bulkhead::to_string(one.flow.protocol)}, {"port", one.flow.dialled.number}};
  if (one.flow.served != one.flow.dialled) out["served"] = one.flow.served.number;
  if (one.flow.at) out["at"] = one.flow.at->to_string();
  add_counts(out, one.counts);
  return out;
}

}  // namespace

std::string learn_text(const Learnt& learnt) {
  const flows::Book& book = learnt.book;
  const learn::Proposal& proposal = learnt.proposal;
  std::string out = "# bulkhead learn: " + counted(book.flows().size(), "flow", "flows") + " in " +
                    counted(book.runs, "run", "runs");
  if (book.since_ms != 0)
    out += ", " + seen::instant_text(book.since_ms) + " to " + seen::instant_text(book.until_ms);
  if (learnt.audited)
    out += "\n# " + counted(*learnt.audited, "way", "ways") + " that mode audit counted";
  out += "\n# " + counted(proposal.lines.size(), "line", "lines") + " to add; " +
         std::to_string(proposal.covered) + " covered already, " +
         std::to_string(proposal.ungoverned) + " no policy's matter, " +
         std::to_string(proposal.declined.size()) + " not proposed\n";
  for (const std::string& gap : learnt.gaps) out += "# not seen: " + gap + "\n";
  add_losses(out, book.losses);
  add_declined(out, learnt);
  if (!proposal.unwritten.empty()) {
    std::string reason = proposal.unwritten;
    std::ranges::replace(reason, '\n', ' ');
    out += "# they could not be put into the file: " + escape_text(reason, 1024) + "\n";
    for (const learn::NewLine& line : proposal.lines)
      out += "# " + (line.tenant.empty() ? "host" : escape_text(line.tenant, 64)) + ", " +
             std::string(to_string(line.section)) + ": " + escape_text(line.text, 4096) + "\n";
  }
  return out + learnt.diff;
}

std::string learn_json(const Learnt& learnt) {
  const flows::Book& book = learnt.book;
  const learn::Proposal& proposal = learnt.proposal;
  LearnJson losses;
  flows::Losses::fields(book.losses,
                        [&](const char* name, std::uint64_t count) { losses[name] = count; });
  LearnJson out = {{"schema", "https://bulkhead.example/schemas/learn/1"},
                   {"file", learnt.file},
                   {"runs", book.runs},
                   {"since_ms", book.since_ms},
                   {"until_ms", book.until_ms},
                   {"flows", book.flows().size()},
                   {"covered", proposal.covered},
                   {"ungoverned", proposal.ungoverned},
                   {"gaps", learnt.gaps},
                   {"losses", std::move(losses)}};
  if (learnt.audited) out["audited"] = *learnt.audited;
  LearnJson groups = LearnJson::array(), lines = LearnJson::array(), declined = LearnJson::array();
  for (const learn::Group& group : proposal.groups) {
    LearnJson addresses = LearnJson::array();
    for (const IpAddress& a : group.addresses) addresses.push_back(a.to_string());
    groups.push_back({{"name", group.name}, {"addresses", std::move(addresses)}});
  }
  for (const learn::NewLine& line : proposal.lines) {
    LearnJson one = {{"section", to_string(line.section)}};
    if (!line.tenant.empty()) one["tenant"] = line.tenant;
    one["line"] = line.text;
    add_counts(one, line.counts);
    lines.push_back(std::move(one));
  }
  for (const learn::Declined& one : proposal.declined) declined.push_back(declined_json(one, book));
  out["trust"] = std::move(groups);
  out["lines"] = std::move(lines);
  out["declined"] = std::move(declined);
  if (!proposal.unwritten.empty()) out["unwritten"] = proposal.unwritten;
  out["diff"] = learnt.diff;
  return out.dump(2, ' ', false, LearnJson::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
