// Targets of x_tables: net/netfilter/xt_{mark,connmark,CT,nat,NETMAP,REDIRECT,MASQUERADE}.c,
// net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c.
#include "trace/filter_reject.h"
#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {
namespace {

namespace xt = model::xt;

std::uint32_t shifted(std::uint32_t value, const xt::ConnmarkTarget& t) {
  if (t.shift_bits >= 32) return 0;
  return t.shift_right ? value >> t.shift_bits : value << t.shift_bits;
}

struct Target {
  Run& run;
  const OpDetail& op;

  [[nodiscard]] Flow give_up() const { return run.give_up(run.program.text(op.text)); }

  Flow operator()(const xt::Opaque&) const { return give_up(); }
  Flow operator()(const xt::Standard&) const {
    return decide(run, op.verdict, run.program.text(op.text));
  }
  Flow operator()(const xt::PassTarget&) const { return Flow::kContinue; }
  Flow operator()(const xt::TproxyTarget&) const { return give_up(); }
  Flow operator()(const xt::QueueTarget& t) const { return t.bypass ? Flow::kAccept : give_up(); }

  Flow operator()(const xt::RejectTarget& t) const {
    if (t.echo_reply) return Flow::kDrop;
    return t.tcp_reset ? answer_reset(run) : answer_icmp(run, t.icmp_code);
  }

  Flow operator()(const xt::NatTarget& t) const {
    if (run.nat == nullptr) return run.give_up("a NAT target outside a NAT table");
    const bool before_routing =
        run.point == FilterPoint::kIpPrerouting || run.point == FilterPoint::kIpOutput;
    NatRequest request;
    request.destination = t.kind == xt::NatTargetKind::kDnat ||
                          t.kind == xt::NatTargetKind::kRedirect ||
                          (t.kind == xt::NatTargetKind::kNetmap && before_routing);
    request.masquerade = t.kind == xt::NatTargetKind::kMasquerade;
    request.redirect = t.kind == xt::NatTargetKind::kRedirect;
    request.netmap = t.kind == xt::NatTargetKind::kNetmap;
    if (t.addresses) {
      request.first = t.addresses->first;
      request.last = t.addresses->last;
    }
    if (t.ports) {
      request.port_first = t.ports->first;
      request.port_last = t.ports->last;
    }
    request.base_port = t.base_port;
    request.flags = t.flags;
    request.rule = run.here();
    *run.nat = request;
    return Flow::kAccept;
  }

  Flow operator()(const xt::MarkTarget& t) const {
    set_mark((run.packet.mark & ~t.mask) ^ t.value);
    return Flow::kContinue;
  }

  Flow operator()(const xt::ConnmarkTarget& t) const {
    ConnTrack* entry = run.entry();
    if (entry == nullptr) return Flow::kContinue;
    switch (t.mode) {
      case xt::ConnmarkMode::kSet:
        entry->mark = shifted((entry->mark & ~t.ct_mask) ^ t.ct_mark, t);
        break;
      case xt::ConnmarkMode::kSave:
        entry->mark = (entry->mark & ~t.ct_mask) ^ shifted(run.packet.mark & t.nf_mask, t);
        break;
      case xt::ConnmarkMode::kRestore:
        set_mark((run.packet.mark & ~t.nf_mask) ^ shifted(entry->mark & t.ct_mask, t));
        return Flow::kContinue;
    }
    run.note();
    return Flow::kContinue;
  }

  Flow operator()(const xt::CtTarget& t) const {
    // xt_CT.c: what conntrack has seen already, or what is untracked, stays as it is.
    if (run.context.ct == nullptr || run.entry() != nullptr || run.untracked())
      return Flow::kContinue;
    if (t.zone != 0) return run.give_up("CT --zone");
    if (!t.notrack) return Flow::kContinue;
    run.context.ct->untracked = true;
    run.note();
    run.refresh();
    return Flow::kContinue;
  }

  void set_mark(std::uint32_t mark) const {
    run.packet.mark = mark;
    run.note();
    run.refresh();
  }
};

}  // namespace

Flow Run::xt_target(const OpDetail& op, const model::XtTarget& target) {
  if (!packet.is_ip()) return give_up(program.text(op.text));
  return std::visit(Target{*this, op}, target.info);
}

}  // namespace bulkhead::trace::filtering
