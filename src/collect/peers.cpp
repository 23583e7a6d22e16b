// Which namespace is "link-netnsid 3"? Ids belong to the namespace that looks. The kernel tells the
// id of a namespace that it is shown (RTM_GETNSID with NETNSA_FD), so likely namespaces are shown
// first: those that have a link with the right number that leads back.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "collect/assemble.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostCandidates = 64;      // first round, of one link
constexpr std::size_t kMostQuestions = 400'000;  // second round, altogether

using Ends = std::unordered_map<std::uint64_t, std::vector<std::uint32_t>>;

constexpr std::uint64_t key(IfIndex index, IfIndex peer) {
  return std::uint64_t{index.value} << 32 | peer.value;
}

Ends index_ends(const std::vector<model::NetNs>& namespaces) {
  Ends ends;
  for (std::uint32_t i = 0; i < namespaces.size(); ++i) {
    for (const model::Link& link : namespaces[i].links) {
      if (link.peer_elsewhere) ends[key(link.index, link.peer)].push_back(i);
    }
  }
  return ends;
}

struct Question {
  std::uint32_t viewer = 0;
  std::vector<std::uint32_t> shown;
};

// Of the namespace `viewer`: who may be behind its links.
Question likely(std::uint32_t viewer, const std::vector<model::NetNs>& namespaces,
                const Pending& pending, const Ends& ends) {
  Question out{viewer, {}};
  std::unordered_set<std::uint32_t> seen;
  for (const auto& [position, nsid] : pending.peer_ids) {
    const model::Link& link = namespaces[viewer].links[position];
    const auto found = ends.find(key(link.peer, link.index));
    std::size_t count = 0;
    if (found != ends.end()) {
      for (std::uint32_t other : found->second) {
        if (++count > kMostCandidates) break;
        if (other != viewer && seen.insert(other).second) out.shown.push_back(other);
      }
    }
    // The parent of a macvlan does not lead back; it is most often in the host's namespace.
    if (count == 0 && viewer != 0 && seen.insert(0).second) out.shown.push_back(0);
  }
  return out;
}

// Applies the ids to the links; true when every link of the viewer is placed.
bool apply(const Question& question, const std::vector<std::optional<std::int32_t>>& ids,
           std::vector<model::NetNs>& namespaces, const Pending& pending) {
  std::unordered_map<std::int32_t, std::uint32_t> place;
  for (std::size_t i = 0; i < std::min(ids.size(), question.shown.size()); ++i) {
    if (const auto& id = ids[i]) place.emplace(*id, question.shown[i]);
  }
  bool all = true;
  for (const auto& [position, nsid] : pending.peer_ids) {
    model::Link& link = namespaces[question.viewer].links[position];
    if (const auto found = place.find(nsid); found != place.end()) {
      link.peer_ns = model::NsId{found->second};
    }
    all = all && link.peer_ns.has_value();
  }
  return all;
}

Status ask_all(Broker& broker, const std::vector<Question>& questions,
               std::vector<model::NetNs>& namespaces, const std::vector<Pending>& pending,
               std::vector<std::uint32_t>& unplaced) {
  const auto request = [&](std::size_t i) {
    Bytes bytes;
    append_value(bytes, namespaces[questions[i].viewer].inode);
    for (std::uint32_t other : questions[i].shown) append_value(bytes, namespaces[other].inode);
    return bytes;
  };
  return pipeline(broker, Op::kNamespaceIds, questions.size(), request,
                  [&](std::size_t i, const Answer& answer) {
                    const auto ids = decode_namespace_ids(answer.bytes(Section::kIds));
                    const std::uint32_t viewer = questions[i].viewer;
                    if (!ids || !apply(questions[i], *ids, namespaces, pending[viewer])) {
                      unplaced.push_back(viewer);
                    }
                  });
}

// A member of a bridge whose namespace is hidden may be a container that nobody sees. Another link
// to somewhere hidden is the way out of this machine (as in LXC or nspawn): what is beyond it is
// outside, as beyond a network card.
void name_hidden_members(model::Snapshot& snapshot) {
  for (const model::NetNs& ns : snapshot.namespaces) {
    for (const model::Link& link : ns.links) {
      if (!link.peer_elsewhere || link.peer_ns || !link.master) continue;
      snapshot.gaps.push_back({"link " + escape_text(link.name) + " of a bridge",
                               "the namespace of its other end was not found"});
    }
  }
}

}  // namespace

Status resolve_peers(Broker& broker, model::Snapshot& snapshot,
                     const std::vector<Pending>& pending) {
  std::vector<model::NetNs>& namespaces = snapshot.namespaces;
  const Ends ends = index_ends(namespaces);
  std::vector<Question> questions;
  for (std::uint32_t i = 0; i < namespaces.size(); ++i) {
    if (!pending[i].peer_ids.empty()) questions.push_back(likely(i, namespaces, pending[i], ends));
  }
  std::vector<std::uint32_t> unplaced;
  if (Status s = ask_all(broker, questions, namespaces, pending, unplaced); !s) return s;

  std::size_t budget = kMostQuestions;
  questions.clear();
  for (std::uint32_t viewer : unplaced) {
    if (budget < namespaces.size()) break;
    budget -= namespaces.size();
    Question& question = questions.emplace_back(Question{viewer, {}});
    for (std::uint32_t i = 0; i < namespaces.size(); ++i) {
      if (i != viewer) question.shown.push_back(i);
    }
  }
  unplaced.clear();
  if (Status s = ask_all(broker, questions, namespaces, pending, unplaced); !s) return s;
  name_hidden_members(snapshot);
  return {};
}

}  // namespace bulkhead::collect
