// Which rules switch connection tracking on (nf_ct_netns_get), per family, whether they are reached
// or not: nft_ct.c (get and set, not notrack), nft_nat.c, nft_masq.c, nft_redir.c, nft_connlimit.c,
// and the checkentry functions of xt_conntrack, xt_state, xt_connmark, xt_helper, xt_CT (not for
// --notrack), xt_nat, xt_MASQUERADE, xt_REDIRECT, xt_NETMAP...
#include <algorithm>
#include <array>

#include "trace/filter_build.h"

namespace bulkhead::trace::filtering {
namespace {

namespace xt = model::xt;

bool named(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool term_tracks(const TermCode& code) {
  return code.term != nullptr && std::holds_alternative<model::CtTerm>(code.term->node);
}

bool match_tracks(const model::XtMatch& match) {
  constexpr std::array<std::string_view, 9> kNames = {"conntrack", "state",     "connmark",
                                                      "helper",    "connlimit", "connbytes",
                                                      "connlabel", "cluster",   "socket-ct"};
  return named(match.name, kNames);
}

bool target_tracks(const model::XtTarget& target) {
  constexpr std::array<std::string_view, 8> kNames = {
      "CONNMARK", "CONNSECMARK", "SYNPROXY", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"};
  if (const auto* ct = std::get_if<xt::CtTarget>(&target.info)) return !ct->notrack;
  return named(target.name, kNames) || std::holds_alternative<xt::NatTarget>(target.info) ||
         std::holds_alternative<xt::ConnmarkTarget>(target.info);
}

bool statement_tracks(const model::Statement& statement) {
  if (std::holds_alternative<model::Nat>(statement)) return true;
  if (std::holds_alternative<model::SetCt>(statement)) return true;
  if (const auto* may = std::get_if<model::May>(&statement)) {
    return may->what == "connlimit" || may->what == "ct count";
  }
  if (const auto* match = std::get_if<model::XtMatch>(&statement)) return match_tracks(*match);
  if (const auto* target = std::get_if<model::XtTarget>(&statement)) return target_tracks(*target);
  if (const auto* opaque = std::get_if<model::OpaqueStatement>(&statement)) {
    constexpr std::array<std::string_view, 4> kNames = {"synproxy", "flow_offload", "ct",
                                                        "connlimit"};
    return named(opaque->what, kNames);
  }
  return false;
}

bool any_term_tracks(const Program& p, std::uint32_t index, unsigned depth = 0) {
  if (index == kNone || depth > 64) return false;
  const TermCode& code = p.terms[index];
  if (term_tracks(code)) return true;
  for (std::uint32_t i = 0; i < code.children; ++i) {
    if (any_term_tracks(p, code.first_child + i, depth + 1)) return true;
  }
  return false;
}

bool op_tracks(const Program& p, const OpDetail& op) {
  return statement_tracks(*op.statement) ||
         std::any_of(op.terms.begin(), op.terms.end(),
                     [&](std::uint32_t term) { return any_term_tracks(p, term); });
}

void note(const Program& program, const model::Table& table, const OpDetail& op,
          std::array<bool, 2>& tracks) {
  const model::NfFamily family = table.family;
  const bool v4 = family != model::NfFamily::kIp6, v6 = family != model::NfFamily::kIp;
  if (family == model::NfFamily::kArp || family == model::NfFamily::kNetdev) return;
  if ((tracks[0] || !v4) && (tracks[1] || !v6)) return;
  if (!op_tracks(program, op)) return;
  tracks[0] = tracks[0] || v4;
  tracks[1] = tracks[1] || v6;
}

}  // namespace

void note_conntrack_use(Program& program, const model::Table& table, const OpDetail& op) {
  note(program, table, op, program.tracks);
}

std::array<bool, 2> conntrack_use(const Program& program,
                                  const std::function<bool(std::uint32_t rule)>& is_gone) {
  std::array<bool, 2> tracks{};
  std::size_t detail = 0;  // each statement has one, in the order of the rules
  for (const ChainCode& chain : program.chains) {
    for (std::uint32_t rule = chain.first; rule < chain.end; ++rule) {
      const std::size_t end = detail + program.rules[rule].rule->statements.size();
      if (is_gone(rule)) detail = end;
      for (; detail < end; ++detail) note(program, *chain.table, program.details[detail], tracks);
      if (tracks == program.tracks) return tracks;
    }
  }
  return tracks;
}

}  // namespace bulkhead::trace::filtering
