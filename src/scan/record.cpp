#include "scan/record.h"

#include "audit/inventory.h"

namespace bulkhead::scan {
namespace {

seen::Target target_of(const model::Snapshot& snapshot, const Result& result, std::size_t index) {
  const Aim& aim = result.plan.aims[index];
  seen::Target out{
      .to = aim.to, .link = aim.link, .protocol = aim.protocol, .swept = result.swept[index]};
  for (const model::NsId ns : aim.at) out.names.push_back(audit::name_of(snapshot, ns));
  if (aim.beyond) out.names.push_back(result.plan.beyond[*aim.beyond].target);
  for (const OpenPort& open : result.judged.open[index]) {
    if (open.service) out.services.push_back({open.port, *open.service});
  }
  return out;
}

}  // namespace

seen::Record record_of(const model::Snapshot& snapshot, const Result& result) {
  seen::Record out;
  out.host = snapshot.host_name;
  out.taken_at_ms = snapshot.taken_at_ms;
  out.elapsed_ms = result.elapsed_ms;
  out.paused_ms = result.paused_ms;
  out.finished = result.finished;
  for (std::size_t i = 0; i < result.plan.seats.size(); ++i) {
    seen::SeenFrom seat{result.plan.seats[i].vantage, result.checks[i], {}};
    for (std::size_t aim = 0; aim < result.plan.aims.size(); ++aim) {
      if (result.plan.aims[aim].seat == i) seat.targets.push_back(target_of(snapshot, result, aim));
    }
    out.seats.push_back(std::move(seat));
  }
  for (const Plan::LeftOut& left : result.plan.left_out)
    out.left_out.push_back({left.what, left.why});
  return out;
}

}  // namespace bulkhead::scan
