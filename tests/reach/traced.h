// One packet of a request, as the interpreter walks it (LocalRequest::one_by_one).
#pragma once

#include <cstddef>
#include <variant>

#include "reach/reach.h"
#include "trace/trace.h"

namespace bulkhead::reach::testing {

using Origin = std::variant<trace::LocalOrigin, trace::OutsideOrigin>;

// All but `origin` must outlive what is returned. `count`: of packets walked.
inline OneByOne traced(const trace::World& world, const Fields& fields, const Origin& origin,
                       IpProtocol protocol, std::size_t& count) {
  return [&world, &fields, origin, protocol, &count](const packet::Packet& packet) {
    ++count;
    trace::Question q;
    std::visit([&](const auto& from) { q.from = from; }, origin);
    q.to = fields.address(packet, Quantity::kDestination);
    q.port = Port{static_cast<std::uint16_t>(fields.get(packet, Quantity::kDestinationPort))};
    q.protocol = protocol;
    const trace::Answer a = world.ask(q);
    return Walked{a.verdict, a.how, a.reason, a.socket, a.socket_ns.value_or(model::NsId{})};
  };
}

// The interpreter may know more of single packets than a walk of sets does.
inline bool agrees_with(const Answer& whole, const Answer& one_by_one) {
  return whole.open().subset_of(one_by_one.open()).value() &&
         whole.closed().subset_of(one_by_one.closed()).value() &&
         one_by_one.unknown().subset_of(whole.unknown()).value();
}

}  // namespace bulkhead::reach::testing
