// The walk over rules and chains: nft_do_chain (net/netfilter/nf_tables_core.c) and ipt_do_table
// (net/ipv4/netfilter/ip_tables.c), which agree on jump, goto, return and policy.
#include "trace/filter_run.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulkhead::trace::filtering {
namespace {

WideName wide_name(const model::Link* link) {
  std::array<std::uint8_t, 16> bytes{};
  if (link == nullptr) return {};
  std::memcpy(bytes.data(), link->name.data(), std::min<std::size_t>(link->name.size(), 15));
  return {big_endian_word(bytes.data()), big_endian_word(bytes.data() + 8)};
}

}  // namespace

Run::Run(const Program& program_in, const Edited* edits, FilterPoint point_in, Context& context_in)
    : program(program_in),
      point(point_in),
      context(context_in),
      packet(*context_in.packet),
      edits_(edits) {
  names_ = {wide_name(context.in), wide_name(context.out)};
  refresh();
}

std::uint8_t Run::protocol_family() const {
  constexpr std::uint8_t kIpv4 = 2, kArp = 3, kNetdev = 5, kBridge = 7, kIpv6 = 10;
  if (is_ip_point() || point == FilterPoint::kInetIngress) {
    return packet.family() == IpFamily::kV4 ? kIpv4 : kIpv6;
  }
  if (is_arp_point()) return kArp;
  if (point == FilterPoint::kNetdevIngress || point == FilterPoint::kNetdevEgress) return kNetdev;
  return kBridge;
}

// nft_payload.c: skb_mac_header_was_set() and a length that is not 0. Packets that a socket of this
// namespace sends have none until they leave the IP layer.
bool Run::has_mac_header() const {
  constexpr std::uint16_t kEther = 1, kLoopback = 772;
  if (!is_ip_point()) return true;
  return context.in != nullptr &&
         (context.in->hw_type == kEther || context.in->hw_type == kLoopback);
}

std::uint32_t Run::ct_state_bit() const {  // NF_CT_STATE_BIT, nf_conntrack_common.h
  constexpr std::uint32_t kInvalid = 1, kUntracked = 64;
  if (entry() == nullptr) return untracked() ? kUntracked : kInvalid;
  return 1U << (static_cast<unsigned>(context.ct->info) % 3 + 1);
}

std::uint16_t Run::xt_state() const {  // XT_CONNTRACK_STATE_*, xt_conntrack.h
  constexpr std::uint16_t kSnat = 64, kDnat = 128, kUntracked = 256, kInvalid = 1;
  if (entry() == nullptr) return untracked() ? kUntracked : kInvalid;
  return static_cast<std::uint16_t>(ct_state_bit() | (entry()->snat ? kSnat : 0U) |
                                    (entry()->dnat ? kDnat : 0U));
}

std::uint16_t Run::ct_status(const ConnTrack& entry) {  // IPS_*
  return static_cast<std::uint16_t>((entry.seen_reply ? 2 : 0) | (entry.assured ? 4 : 0) |
                                    (entry.confirmed ? 8 : 0) | (entry.snat ? 16 : 0) |
                                    (entry.dnat ? 32 : 0) | (entry.snat_done ? 128 : 0) |
                                    (entry.dnat_done ? 256 : 0));
}

void Run::refresh() {
  fields.known = 0;
  const auto in_host_order = [&](Field field, std::uint32_t number) {
    fields.set(field, program.little_endian ? std::byteswap(number) : number);
  };
  fields.set(Field::kNfProto, protocol_family());
  fields.set(Field::kProtocol, static_cast<std::uint16_t>(packet.ether_type));
  fields.set(Field::kPacketType, static_cast<std::uint8_t>(packet.type));
  if (has_mac_header())
    fields.set(Field::kEtherType, packet.tagged ? std::uint16_t{0x8100}
                                                : static_cast<std::uint16_t>(packet.ether_type));
  in_host_order(Field::kMark, packet.mark);
  in_host_order(Field::kIif, context.in == nullptr ? 0 : context.in->index.value);
  in_host_order(Field::kOif, context.out == nullptr ? 0 : context.out->index.value);
  in_host_order(Field::kCtState, ct_state_bit());
  if (entry() != nullptr) in_host_order(Field::kCtStatus, ct_status(*entry()));
  fields.set(Field::kXtState, xt_state());
  if (!packet.is_ip()) return;
  const auto protocol = static_cast<std::uint8_t>(packet.protocol);
  if (packet.source.is_v4()) {
    fields.set(Field::kIpv4Protocol, protocol);
    fields.set(Field::kIpv4Source, packet.source.v4_number());
    fields.set(Field::kIpv4Destination, packet.destination.v4_number());
  } else {
    fields.set(Field::kIpv6NextHeader, protocol);
  }
  if (!knows_transport()) return;
  fields.set(Field::kL4Proto, protocol);
  if (!has_ports(packet.protocol)) return;
  fields.set(Field::kSourcePort, packet.source_port.number);
  fields.set(Field::kDestinationPort, packet.destination_port.number);
  if (packet.protocol == IpProtocol::kTcp) fields.set(Field::kTcpFlags, packet.tcp_flags);
}

Image& Run::image() {
  if (!image_) image_.emplace(packet);
  return *image_;
}

RuleRef Run::here() const {
  const ChainCode& chain = program.chains[chain_];
  return {chain.table, chain.chain, program.rules[rule_].rule};
}

void Run::note() {
  if (context.explain != nullptr) context.explain->push_back(here());
}

bool Run::pick(std::string_view why) {
  if (context.choices != nullptr) return context.choices->pick(why);
  in_doubt_ = true;
  unknown = why;
  return false;
}

Flow Run::give_up(std::string_view why) {
  unknown = why;
  return Flow::kUnknown;
}

Flow decide(Run& run, const VerdictCode& verdict, std::string_view why) {
  switch (verdict.kind) {
    case model::VerdictKind::kAccept: return Flow::kAccept;
    case model::VerdictKind::kDrop: return Flow::kDrop;
    case model::VerdictKind::kContinue: return Flow::kContinue;
    case model::VerdictKind::kReturn: return Flow::kReturn;
    case model::VerdictKind::kQueue:
      // With bypass and nobody listening nf_queue() goes on to the next hook.
      if (verdict.queue_bypass) return Flow::kAccept;
      return run.give_up(why);
    case model::VerdictKind::kStolen: return run.give_up(why);
    case model::VerdictKind::kJump:
    case model::VerdictKind::kGoto: break;
  }
  if (verdict.chain < 0) return run.give_up(why);
  run.target_ = verdict.chain;
  return verdict.kind == model::VerdictKind::kJump ? Flow::kJump : Flow::kGoto;
}

Flow Run::address_op(const Op& op) {
  if (!packet.is_ip() || packet.source.is_v4()) return general(op);
  const auto octets = (op.second ? packet.destination : packet.source).octets();
  const std::uint64_t high = big_endian_word(octets.data()),
                      low = big_endian_word(octets.subspan(8).data());
  return matched(program.wides[op.wide].holds(high, low) != op.inverted);
}

Flow Run::execute(const Op& op) {
  switch (op.kind) {
    case OpKind::kField:
      if (!fields.has(op.field)) break;
      return matched(op.holds(fields[op.field]) != op.inverted);
    case OpKind::kName: {
      const WideName& name = names_[op.second ? 1 : 0];
      return matched(program.wides[op.wide].holds(name.high, name.low) != op.inverted);
    }
    case OpKind::kAddress6: return address_op(op);
    case OpKind::kStatement: break;
  }
  return general(op);
}

Flow Run::rule(const RuleCode& code) {
  const bool noted = context.reads != nullptr || context.to_reads != nullptr;
  const Op* const end = program.ops.data() + code.end;
  for (const Op* op = program.ops.data() + code.first; op != end; ++op) {
    if (noted) each_record([&](EndReads& record) { reads(*op, record); });
    const Flow flow = execute(*op);
    if (flow == Flow::kContinue && !in_doubt_) continue;
    return in_doubt_ ? Flow::kUnknown : flow;
  }
  return Flow::kContinue;
}

bool Run::is_passed_over(std::uint32_t rule) {
  const RuleEdit* edit = edits_->find(rule);
  if (edit == nullptr || edit->removed) return edit != nullptr;
  if (!fields.has(edit->asks.field)) return true;
  each_record([&](EndReads& record) { reads(edit->asks, record); });
  return execute(edit->asks) != Flow::kContinue;
}

bool Run::jump(std::uint32_t target, std::uint32_t return_to) {
  if (depth_ == kDeepest) return false;
  stack_[depth_++] = {chain_, return_to};
  chain_ = target;
  return true;
}

Flow Run::rules(std::uint32_t start) {
  chain_ = start;
  std::uint32_t at = program.chains[start].first;
  for (;;) {
    const ChainCode& chain = program.chains[chain_];
    if (chain.index != kNone && program.indexes[chain.index].covers(fields)) {
      at = program.indexes[chain.index].next(at, fields, names_);
      each_record([&](EndReads& record) { reads_index(program.indexes[chain.index], at, record); });
    }
    if (at == chain.end) {  // the end of a chain, or a return
      if (depth_ == 0) return Flow::kReturn;
      chain_ = stack_[--depth_].chain;
      at = stack_[depth_].next_rule;
      continue;
    }
    if (edits_ != nullptr && is_passed_over(at)) {
      ++at;
      continue;
    }
    if (budget_-- == 0) return give_up("the rules jump in circles");
    rule_ = at;
    const Flow step = rule(program.rules.data()[at]);
    switch (step) {
      case Flow::kContinue:
      case Flow::kBreak: ++at; break;
      case Flow::kReturn: at = chain.end; break;
      case Flow::kGoto:
      case Flow::kJump:
        if (context.reads != nullptr && context.jumps_unclear) context.reads->unclear();
        note();
        if (step == Flow::kGoto) {
          chain_ = static_cast<std::uint32_t>(target_);
        } else if (!jump(static_cast<std::uint32_t>(target_), at + 1)) {
          return give_up("the rules jump deeper than the kernel allows");
        }
        at = program.chains[chain_].first;
        break;
      case Flow::kAccept:
      case Flow::kDrop:
      case Flow::kReject:
      case Flow::kUnknown: note(); return step;
    }
  }
}

Flow Run::base_chain(std::uint32_t index) {
  depth_ = 0;
  const Flow step = rules(index);
  if (step != Flow::kReturn) {
    decided_by = here();
    return step;
  }
  const ChainCode& chain = program.chains[index];
  const std::optional<model::BaseChain>& base = chain.chain->base;
  if (!base || base->policy != model::VerdictKind::kDrop) return Flow::kAccept;
  decided_by = {chain.table, chain.chain, nullptr};
  if (context.explain != nullptr) context.explain->push_back(decided_by);
  return Flow::kDrop;
}

}  // namespace bulkhead::trace::filtering
