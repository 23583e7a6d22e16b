#include "flows/book.h"

#include <algorithm>

namespace bulkhead::flows {
namespace {

constexpr std::size_t kMostLabels = 64, kLongestText = 256;

std::string cut(std::string text) {
  text.resize(std::min(text.size(), kLongestText));
  return text;
}

// What Compose writes anew with each start.
bool changes(std::string_view label) {
  return label.starts_with("com.docker.compose.");
}

}  // namespace

std::string_view to_string(PeerKind kind) {
  switch (kind) {
    case PeerKind::kHost: return "host";
    case PeerKind::kContainer: return "container";
    case PeerKind::kOutside: return "outside";
    case PeerKind::kNobody: return "nobody";
    case PeerKind::kUnsure: return "unsure";
  }
  return "";
}

model::Container Who::container() const {
  model::Container out;
  out.name = name;
  out.image = image;
  out.project = project;
  out.service = service;
  out.labels = labels;
  out.state = "running";
  return out;
}

Who who_is(const model::Engine& engine, const model::Container& container) {
  Who out{cut(engine.name),       cut(container.name),    cut(container.image),
          cut(container.project), cut(container.service), {}};
  for (const auto& [key, value] : container.labels) {
    if (changes(key) || key.size() > kLongestText || value.size() > kLongestText) continue;
    if (out.labels.size() < kMostLabels) out.labels.emplace(key, value);
  }
  return out;
}

void Counts::add(const Counts& other) {
  tries += other.tries;
  answered += other.answered;
  unclear += other.unclear;
  lost += other.lost;
  audited += other.audited;
  if (other.first_ms != 0 && (first_ms == 0 || other.first_ms < first_ms))
    first_ms = other.first_ms;
  last_ms = std::max(last_ms, other.last_ms);
}

std::optional<std::uint32_t> Book::intern(const Who& who) {
  if (const auto at = known_.find(who); at != known_.end()) return at->second;
  if (whos_.size() >= kMostWhos) {
    ++losses.dropped;
    return std::nullopt;
  }
  const auto number = static_cast<std::uint32_t>(whos_.size());
  whos_.push_back(who);
  known_.emplace(who, number);
  return number;
}

// Of a server of the world the addresses would fill all there is.
void Book::fold_strangers(Flow& flow) {
  for (Peer* peer : {&flow.from, &flow.to}) {
    if (peer->kind == PeerKind::kHost || peer->kind == PeerKind::kContainer || !peer->address ||
        peer->address->is_unspecified())
      continue;
    const IpAddress address = *peer->address;
    const IpAddress others = IpAddress::any(address.family());
    peer->address.reset();
    std::set<IpAddress>& known = strangers_[flow];
    const bool fits = known.contains(address) || known.size() < kMostStrangers;
    if (fits) known.insert(address);
    peer->address = fits ? address : others;
  }
}

// Of what was never answered the older half goes first.
bool Book::has_room() {
  if (flows_.size() < kMostFlows) return true;
  std::vector<std::uint64_t> last;
  for (const auto& [flow, counts] : flows_) {
    if (counts.answered == 0) last.push_back(counts.last_ms);
  }
  if (last.empty()) return false;
  const auto middle = last.begin() + static_cast<std::ptrdiff_t>(last.size() / 2);
  std::ranges::nth_element(last, middle);
  losses.dropped += std::erase_if(flows_, [&](const auto& one) {
    return one.second.answered == 0 && one.second.last_ms <= *middle;
  });
  strangers_.clear();
  for (const auto& [flow, counts] : flows_) {
    Flow copy = flow;
    fold_strangers(copy);
  }
  return true;
}

std::optional<Flow> Book::add(Flow flow, const Counts& counts) {
  if (!flows_.contains(flow)) {
    if (!has_room()) {
      ++losses.dropped;
      return std::nullopt;
    }
    fold_strangers(flow);
  }
  flows_[flow].add(counts);
  return flow;
}

}  // namespace bulkhead::flows
