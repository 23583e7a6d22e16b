#include "audit/cure_rules.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bulkhead::audit {
namespace {

constexpr std::string_view kTable = "local_guard";
constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ: nft compares names padded with zeros

struct HookText {
  CureHook hook;
  std::string_view name;
  model::Hook in_model;
  std::int32_t priority;  // before DNAT (-100) and before filter (0)
};
constexpr std::array<HookText, 3> kHooks{
    {{CureHook::kPrerouting, "prerouting", model::Hook::kPrerouting, -150},
     {CureHook::kInput, "input", model::Hook::kInput, -10},
     {CureHook::kForward, "forward", model::Hook::kForward, -10}}};

bool plain(std::string_view text, std::string_view also) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           also.find(c) != std::string_view::npos;
  });
}

bool shows_safely(std::string_view text) {
  return !text.empty() && text.size() <= 200 && escape_text(text, 1000) == text;
}

std::string interfaces(std::string_view key, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  if (names.size() == 1) return std::string(key) + " \"" + names.front() + "\" ";
  std::string out = std::string(key) + " { ";
  for (std::size_t i = 0; i < names.size(); ++i) out += (i == 0 ? "\"" : ", \"") + names[i] + "\"";
  return out + " } ";
}

std::string line(const CureRule& rule) {
  std::string out = interfaces("iifname", rule.in) + interfaces("oifname", rule.out);
  if (rule.destination) {
    out += (rule.destination->family() == IpFamily::kV4 ? "ip daddr " : "ip6 daddr ");
    out += rule.destination->length() == rule.destination->address().bits()
               ? rule.destination->address().to_string()
               : rule.destination->to_string();
    out += ' ';
  }
  if (rule.protocol && rule.port)
    out += to_string(*rule.protocol) + " dport " + std::to_string(rule.port->number) + " ";
  if (rule.new_only) out += "ct state new ";
  return out + "drop";
}

model::Compare equals(model::Term left, Bytes right) {
  return {std::move(left), model::CompareOp::kEqual, std::move(right)};
}

model::Compare name_is(model::MetaKey key, const std::string& name) {
  Bytes padded(kNameBytes, 0);
  std::copy_n(name.begin(), std::min(name.size(), kNameBytes - 1), padded.begin());
  return equals({model::MetaTerm{key, 0}}, std::move(padded));
}

model::Compare byte_is(model::MetaKey key, std::uint8_t value) {
  return equals({model::MetaTerm{key, 0}}, {value});
}

void match_destination(model::Rule& rule, const Prefix& to) {
  const bool v4 = to.family() == IpFamily::kV4;
  constexpr std::uint8_t kNfprotoV4 = 2, kNfprotoV6 = 10;
  rule.statements.emplace_back(byte_is(model::MetaKey::kNfproto, v4 ? kNfprotoV4 : kNfprotoV6));
  const model::Term field{
      model::PayloadTerm{model::PayloadBase::kNetwork, v4 ? 16U : 24U, v4 ? 4U : 16U}};
  Bytes mask;
  for (unsigned bit = 0; bit < to.address().bits(); ++bit) {
    if (bit % 8 == 0) mask.push_back(0);
    if (bit < to.length())
      mask.back() = static_cast<std::uint8_t>(mask.back() | (0x80U >> (bit % 8)));
  }
  model::BitwiseTerm masked{{field}, mask, Bytes(mask.size(), 0)};
  const IpAddress network = to.address();
  const auto octets = network.octets();
  rule.statements.emplace_back(equals({std::move(masked)}, Bytes(octets.begin(), octets.end())));
}

// NF_CT_STATE_BIT(IP_CT_NEW), in the order of the host that made the snapshot.
model::Compare is_new(bool little_endian) {
  constexpr std::uint8_t kNewBit = 8;
  const Bytes mask = little_endian ? Bytes{kNewBit, 0, 0, 0} : Bytes{0, 0, 0, kNewBit};
  model::BitwiseTerm state{
      {model::Term{model::CtTerm{model::CtKey::kState, {}, 0}}}, mask, Bytes(4, 0)};
  return {{std::move(state)}, model::CompareOp::kNotEqual, Bytes(4, 0)};
}

// nft would write a set of names; one rule for each combination says the same.
void append(model::Chain& chain, const CureRule& rule, const std::string& in,
            const std::string& out, bool little_endian) {
  model::Rule r;
  r.handle = chain.rules.size() + 1;
  if (!in.empty()) r.statements.emplace_back(name_is(model::MetaKey::kIifname, in));
  if (!out.empty()) r.statements.emplace_back(name_is(model::MetaKey::kOifname, out));
  if (rule.destination) match_destination(r, *rule.destination);
  if (rule.protocol && rule.port) {
    r.statements.emplace_back(
        byte_is(model::MetaKey::kL4proto, static_cast<std::uint8_t>(*rule.protocol)));
    const Bytes port{static_cast<std::uint8_t>(rule.port->number >> 8),
                     static_cast<std::uint8_t>(rule.port->number)};
    r.statements.emplace_back(
        equals({model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}}, port));
  }
  if (rule.new_only) r.statements.emplace_back(is_new(little_endian));
  model::Verdict drop;
  drop.kind = model::VerdictKind::kDrop;
  r.statements.emplace_back(model::Decide{drop});
  chain.rules.push_back(std::move(r));
}

}  // namespace

std::string nft_text(std::span<const CureRule> rules) {
  const auto safe = [](const std::string& name) { return plain(name, "_.:@-"); };
  for (const CureRule& rule : rules) {
    if (!std::ranges::all_of(rule.in, safe) || !std::ranges::all_of(rule.out, safe)) return {};
  }
  std::string out = "nft -f - <<'END'\ntable inet " + std::string(kTable) + " {\n";
  for (const HookText& hook : kHooks) {
    std::string lines;
    for (const CureRule& rule : rules) {
      if (rule.hook == hook.hook) lines += "    " + line(rule) + "\n";
    }
    if (lines.empty()) continue;
    out += "  chain " + std::string(hook.name) + " {\n    type filter hook " +
           std::string(hook.name) + " priority " + std::to_string(hook.priority) +
           "; policy accept;\n" + lines + "  }\n";
  }
  return out + "}\nEND";
}

trace::Edits with_rules(const model::Snapshot& snapshot, std::span<const CureRule> rules) {
  model::Table table;
  table.family = model::NfFamily::kInet;
  table.name = std::string(kTable);
  for (const HookText& hook : kHooks) {
    model::Chain chain;
    chain.name = std::string(hook.name);
    chain.base = model::BaseChain{
        hook.in_model, model::ChainType::kFilter, hook.priority, model::VerdictKind::kAccept, {}};
    for (const CureRule& rule : rules) {
      if (rule.hook != hook.hook) continue;
      const std::vector<std::string> any{""};
      for (const std::string& in : rule.in.empty() ? any : rule.in) {
        for (const std::string& out : rule.out.empty() ? any : rule.out)
          append(chain, rule, in, out, snapshot.little_endian);
      }
    }
    if (!chain.rules.empty()) table.chains.push_back(std::move(chain));
  }
  trace::Edits out;
  out.ns = snapshot.host;
  out.tables.push_back(std::move(table));
  return out;
}

std::string shell_word(std::string_view text) {
  if (!shows_safely(text)) return "NAME";
  if (plain(text, "_.:@/%+=-,") && text.front() != '-') return std::string(text);
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string yaml_word(std::string_view text) {
  if (!shows_safely(text)) return "NAME";
  const bool letter =
      (text.front() >= 'a' && text.front() <= 'z') || (text.front() >= 'A' && text.front() <= 'Z');
  if (letter && plain(text, "_-.")) return std::string(text);
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

}  // namespace bulkhead::audit
