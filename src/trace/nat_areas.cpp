#include "trace/nat_areas.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "trace/end_reads.h"

namespace bulkhead::trace {

namespace {

// All that a rule may ask for but the source, the filter, the hook and the outgoing device.
struct Asked {
  const model::Link *in, *physical_in, *physical_out;
  bool bridged;
  Packet packet;  // from nowhere
  bool tracked, untracked;
  ConnTrack entry;  // without its tuples
  CtInfo info;
  std::optional<IpAddress> next_hop;
  std::uint32_t next_hop_mtu;

  explicit Asked(const Context& c)
      : in(c.in),
        physical_in(c.physical_in),
        physical_out(c.physical_out),
        bridged(c.bridged),
        packet(*c.packet),
        tracked(c.ct->entry != nullptr),
        untracked(c.ct->untracked),
        entry(tracked ? *c.ct->entry : ConnTrack{}),
        info(c.ct->info),
        next_hop(c.next_hop),
        next_hop_mtu(c.next_hop_mtu) {
    packet.source = IpAddress();
    entry.original = entry.reply = Tuple{};
  }
  // Where a packet was for, and the MAC addresses that it came with.
  void forget_ends() {
    packet.destination = IpAddress();
    packet.destination_port = Port();
    packet.source_mac = packet.destination_mac = MacAddress();
  }
  void forget_input() { in = physical_in = nullptr; }
  friend bool operator==(const Asked&, const Asked&) = default;
};

struct Wish {
  Outcome outcome = Outcome::kAccept;
  std::optional<NatRequest> request;
  [[nodiscard]] bool is_like(const Wish& other) const {
    return outcome == other.outcome && same_request(request, other.request);
  }
};

struct Area {
  Wish wish;
  AddressCell sources;
};

// What the chains wish for a packet from there, noting what they ask of the ends that `reads`
// follows. False: it is not known.
bool wish(const Filter& filter, FilterPoint point, const Context& context, IpAddress source,
          EndReads& reads, Wish& out) {
  Packet packet = *context.packet;
  packet.source = source;
  ConnTrack entry = context.ct->entry != nullptr ? *context.ct->entry : ConnTrack{};
  CtView ct = *context.ct;
  if (ct.entry != nullptr) ct.entry = &entry;
  Choices choices;
  Context own = context;
  own.packet = &packet;
  own.ct = &ct;
  own.choices = &choices;
  own.reads = &reads;
  own.to_reads = nullptr;
  own.explain = nullptr;
  out.outcome = filter.run_nat(point, own, out.request).outcome;
  return out.outcome != Outcome::kUnknown && !choices.any();
}

// What the chains wish for one source, and the others for which their comparisons come out the
// same; nullopt: not known. What they ask of the destination is noted in `to`.
std::optional<Area> ask(const Filter& filter, FilterPoint point, const Context& context,
                        std::uint32_t address, EndReads& to) {
  const IpAddress source = IpAddress::v4(address);
  EndReads reads;
  reads.follow(source, context.packet->source_port);
  Area out;
  Wish again;
  if (!wish(filter, point, context, source, reads, out.wish) || reads.port_was_asked() ||
      !wish(filter, point, context, source, to, again))
    return std::nullopt;
  auto cell = reads.cell_of(address);
  if (!cell) return std::nullopt;
  out.sources = std::move(*cell);
  return out;
}

// Nothing when it is not known.
std::vector<Area> areas_of(const Filter& filter, FilterPoint point, const Context& context,
                           EndReads& to) {
  std::vector<Area> out;
  ToldAddresses told;
  for (std::size_t parts = 0; const auto next = told.next(); ++parts) {
    auto one =
        parts == NatAreas::kMostParts ? std::nullopt : ask(filter, point, context, next->first, to);
    if (!one) return {};
    // Of the packet's own destination as its source too much was noted, so that cells may overlap.
    one->sources = within(one->sources, told.left());
    told.add(one->sources);
    const auto same =
        std::ranges::find_if(out, [&](const Area& area) { return area.wish.is_like(one->wish); });
    if (same == out.end())
      out.push_back(std::move(*one));
    else
      same->sources = joined(same->sources, one->sources);
  }
  return out;
}

}  // namespace

struct NatAreas::Place {
  Place(const Filter& filter, FilterPoint point, const Context& context) : asked(context) {
    const Packet& packet = *context.packet;
    port = packet.destination_port;
    to.follow(packet.destination, port);
    areas = areas_of(filter, point, context, to);
    const bool by_type = to.type_was_asked() && context.around != nullptr;
    if (by_type) type = context.around->address_type(packet.destination, {});
    many_ends = !areas.empty() && packet.destination.is_v4() &&
                (by_type ? to.is_clear_by_type() : to.is_clear());
    any_input = many_ends && !to.input_was_asked();
    if (many_ends) asked.forget_ends();
    if (any_input) asked.forget_input();
  }
  [[nodiscard]] bool holds_for(const Context& context) const {
    Asked other(context);
    if (many_ends) {
      const Packet& packet = *context.packet;
      if (!packet.destination.is_v4() || !to.same_for(packet.destination) ||
          (to.port_was_asked() && packet.destination_port != port) ||
          (type && context.around->address_type(packet.destination, {}) != type))
        return false;
      other.forget_ends();
    }
    if (any_input) other.forget_input();
    return asked == other;
  }

  Asked asked;
  EndReads to;  // of the first destination
  Port port;
  std::optional<std::uint8_t> type;  // of that address, where it was asked
  std::vector<Area> areas;
  bool many_ends = false, any_input = false;  // these tell no packets apart
};

NatAreas::NatAreas() = default;
NatAreas::~NatAreas() = default;

NatAreas::Found NatAreas::of(const Filter& filter, FilterPoint point, const Context& context) {
  auto& places = places_[{&filter, point, context.out}];
  auto at = std::ranges::find_if(places, [&](const auto& p) { return p->holds_for(context); });
  if (at == places.end()) {
    if (count_ == kMostPlaces) return {};
    ++count_;
    places.push_back(std::make_unique<Place>(filter, point, context));
    at = std::prev(places.end());
  }
  const std::uint32_t address = context.packet->source.v4_number();
  for (const Area& area : (*at)->areas) {
    if (contains(area.sources, address))
      return {&area.sources, (*at)->many_ends ? &(*at)->to : nullptr};
  }
  return {};
}

}  // namespace bulkhead::trace
