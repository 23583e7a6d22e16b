#include "compile/audit.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <variant>

#include "compile/compile.h"

namespace bulkhead::compile {
namespace {

struct Kind {
  Refusal refusal;
  std::string_view name, word;  // in audit.nft; for people
};
constexpr std::array<Kind, 6> kKinds{{{Refusal::kInside, "c2c", "inside"},
                                      {Refusal::kOutward, "egr", "outward"},
                                      {Refusal::kInward, "ing", "inward"},
                                      {Refusal::kImpostor, "src", "impostor"},
                                      {Refusal::kToHost, "hst", "to-host"},
                                      {Refusal::kFromHost, "hout", "from-host"}}};
constexpr std::size_t kTail = 8;  // protocol and port, each padded to 4 bytes

std::optional<Refused> refused_of(const Kind& kind, std::size_t address_bytes,
                                  const model::SetElement& element) {
  const Bytes& key = element.first;
  if (key.size() != 2 * address_bytes + kTail) return std::nullopt;
  const auto at = [&key](std::size_t begin, std::size_t count) {
    return ByteView(key).subspan(begin, count);
  };
  const auto from = IpAddress::from_octets(at(0, address_bytes));
  const auto to = IpAddress::from_octets(at(address_bytes, address_bytes));
  if (!from || !to) return std::nullopt;
  const ByteView tail = at(2 * address_bytes, kTail);
  Refused out;
  out.refusal = kind.refusal;
  out.from = *from;
  out.to = *to;
  out.protocol = IpProtocol{tail[0]};
  out.port = Port{static_cast<std::uint16_t>(tail[4] << 8U | tail[5])};
  out.packets = element.packets.value_or(0);
  out.ago_ms = kAuditKeepMs - std::min(element.expires_ms.value_or(0), kAuditKeepMs);
  return out;
}

// What the counter at the end of its chain has seen: packets for which the set had no room.
std::uint64_t missed_by(const model::Chain& chain) {
  std::uint64_t out = 0;
  for (const model::Rule& rule : chain.rules) {
    const bool keeps = std::ranges::any_of(rule.statements, [](const model::Statement& s) {
      return std::holds_alternative<model::UpdateSet>(s);
    });
    if (keeps) continue;
    for (const model::Statement& s : rule.statements) {
      if (const auto* seen = std::get_if<model::Observe>(&s)) out += seen->packets.value_or(0);
    }
  }
  return out;
}

void read_kind(const Kind& kind, const model::Table& table, Tally& out) {
  for (const model::SetDef& set : table.sets) {
    for (const auto& [family, bytes] : {std::pair("4", 4), std::pair("6", 16)}) {
      if (set.name != "seen_" + std::string(kind.name) + family) continue;
      for (const model::SetElement& element : set.elements) {
        if (auto one = refused_of(kind, static_cast<std::size_t>(bytes), element))
          out.refused.push_back(*one);
      }
    }
  }
  const auto chain =
      std::ranges::find(table.chains, "count_" + std::string(kind.name), &model::Chain::name);
  const std::uint64_t missed = chain == table.chains.end() ? 0 : missed_by(*chain);
  if (missed != 0) out.full.push_back(kind.refusal);
  out.missed += missed;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  return kKinds[static_cast<std::size_t>(refusal)].word;
}

std::optional<Tally> read_tally(std::span<const model::Table> tables) {
  const auto table = std::ranges::find_if(tables, is_audit);
  if (table == tables.end()) return std::nullopt;
  Tally out;
  for (const Kind& kind : kKinds) read_kind(kind, *table, out);
  std::ranges::sort(out.refused, [](const Refused& a, const Refused& b) {
    return std::tuple(a.refusal, b.packets, a.from, a.to, a.protocol, a.port.number) <
           std::tuple(b.refusal, a.packets, b.from, b.to, b.protocol, b.port.number);
  });
  return out;
}

}  // namespace bulkhead::compile
