// The order of rules and chains: nft_do_chain (net/netfilter/nf_tables_core.c) and ipt_do_table
// (net/ipv4/netfilter/ip_tables.c), which agree on jump, goto, return and policy.
#include "reach/chain/compiler.h"

#include <utility>

namespace bulkhead::reach::chains {
namespace {

constexpr std::size_t kDeepestJump = 64;
constexpr std::size_t kMostTasks =
    4096;  // rules that change the image, times the images before them

Error too_many() {
  return {ErrorCode::kBudget, "rules that change marks, addresses or tracking in too many ways"};
}

}  // namespace

Result<Piece> Compiler::chain(std::uint32_t index, ImageId image) {
  const auto known = chains_.find({index, image});
  if (known != chains_.end()) {
    context_.asked_tuples = context_.asked_tuples || ask_tuples_.contains({index, image});
    return known->second;
  }
  if (open_.contains(index)) return unknown_piece(context_, "the rules jump in circles");
  if (open_.size() >= kDeepestJump) {
    return unknown_piece(context_, "the rules jump deeper than the kernel allows");
  }
  open_.insert(index);
  const unsigned nested = std::exchange(nested_, 0);
  const bool asked = std::exchange(context_.asked_tuples, false);
  auto body = list(context_.index.chains.at(index), image);
  if (context_.asked_tuples) ask_tuples_.insert({index, image});
  context_.asked_tuples = context_.asked_tuples || asked;
  nested_ = nested;
  open_.erase(index);
  if (!body) return body;
  auto out = each_effect(context_, body->map, [&](Effect effect) {
    if (effect.kind != EffectKind::kReturn) return effect;
    if (effect.image == image) return Effect{};
    effect.kind = EffectKind::kNext;
    return effect;
  });
  if (out) chains_.emplace(std::pair(index, image), *out);
  return out;
}

Result<Piece> Compiler::base_chain(std::uint32_t index, ImageId image) {
  const ChainEntry& entry = context_.index.chains.at(index);
  open_.insert(index);
  auto body = list(entry, image);
  open_.erase(index);
  if (!body) return body;
  const std::optional<model::BaseChain>& base = entry.chain->base;
  const bool drop = base && base->policy == model::VerdictKind::kDrop;
  return each_effect(context_, body->map, [&](Effect effect) {
    const bool passes = effect.kind == EffectKind::kPass;
    if (!passes && effect.kind != EffectKind::kNext && effect.kind != EffectKind::kReturn) {
      return effect;
    }
    if (drop) return Effect::drop();
    return Effect::accept(passes ? image : effect.image);
  });
}

Result<Compiler::Task> Compiler::scan(const ChainEntry& entry, const Key& from) {
  std::vector<Piece> before;
  Task out{passing(context_), std::nullopt};
  const auto& rules = entry.chain->rules;
  for (std::size_t i = from.first; i < rules.size(); ++i) {
    auto one = statements(*entry.table, rules[i].statements, from.second);
    if (!one) return std::unexpected(one.error());
    if (one->constant == packet::kNone) continue;
    if (one->changes) {
      out.change.emplace(i, *std::move(one));
      break;
    }
    const bool final = one->constant && !one->may_pass;
    before.push_back(*std::move(one));
    if (final) break;  // what follows is never reached
  }
  auto merged = in_sequence(context_, std::move(before));
  if (!merged) return std::unexpected(merged.error());
  out.before = *std::move(merged);
  return out;
}

Result<Piece> Compiler::resolve(const Task& task, const Key& key,
                                const std::map<Key, Piece>& solved) {
  if (!task.change) return task.before;
  const std::size_t next = task.change->first + 1;
  const auto after = continued(
      context_, task.change->second.map,
      [&](const Effect& effect) -> Result<std::optional<packet::VerdictMap>> {
        if (effect.kind == EffectKind::kPass) return solved.at({next, key.second}).map;
        if (effect.kind != EffectKind::kNext) return std::optional<packet::VerdictMap>();
        auto there = rebased(context_, solved.at({next, effect.image}), effect.image, key.second);
        if (!there) return std::unexpected(there.error());
        return std::optional(std::move(there->map));
      });
  if (!after) return std::unexpected(after.error());
  std::vector<Piece> both = {task.before, described(context_, *after)};
  return in_sequence(context_, std::move(both));
}

// Rules that change the image split what follows: each place is compiled once per image that can be
// there. Forward to find the places, backward to put them together.
Result<Piece> Compiler::list(const ChainEntry& entry, ImageId image) {
  std::map<Key, Task> tasks;
  std::set<Key> todo = {{0, image}};
  while (!todo.empty()) {
    const Key key = *todo.begin();
    todo.erase(todo.begin());
    if (tasks.size() == kMostTasks) return std::unexpected(too_many());
    auto task = scan(entry, key);
    if (!task) return std::unexpected(task.error());
    if (const auto& change = task->change) {
      const std::size_t next = change->first + 1;
      for (packet::Leaf leaf : change->second.map.leaves()) {
        for (const Effect& effect : context_.effects.at(leaf).effects) {
          if (effect.kind == EffectKind::kPass) todo.insert({next, key.second});
          if (effect.kind == EffectKind::kNext) todo.insert({next, effect.image});
        }
      }
    }
    tasks.emplace(key, *std::move(task));
  }
  std::map<Key, Piece> solved;
  for (auto at = tasks.rbegin(); at != tasks.rend(); ++at) {
    auto piece = resolve(at->second, at->first, solved);
    if (!piece) return piece;
    solved.emplace(at->first, *std::move(piece));
  }
  return solved.at({0, image});
}

}  // namespace bulkhead::reach::chains
