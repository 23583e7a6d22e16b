#include "trace/nat_areas.h"

#include <algorithm>
#include <utility>

#include "trace/source_reads.h"

namespace bulkhead::trace {

namespace {

// All that a rule may ask for but the source.
struct Asked {
  const Filter* filter;
  FilterPoint point;
  const model::Link *in, *out, *physical_in, *physical_out;
  bool bridged;
  Packet packet;  // from nowhere
  bool tracked, untracked;
  ConnTrack entry;  // without its tuples
  CtInfo info;
  std::optional<IpAddress> next_hop;
  std::uint32_t next_hop_mtu;

  Asked(const Filter& f, FilterPoint at, const Context& c)
      : filter(&f),
        point(at),
        in(c.in),
        out(c.out),
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

// What the chains wish for one source, and the others for which their comparisons come out the
// same; nullopt: not known.
std::optional<Area> ask(const Filter& filter, FilterPoint point, const Context& context,
                        std::uint32_t address) {
  Packet packet = *context.packet;
  packet.source = IpAddress::v4(address);
  ConnTrack entry = context.ct->entry != nullptr ? *context.ct->entry : ConnTrack{};
  CtView ct = *context.ct;
  if (ct.entry != nullptr) ct.entry = &entry;
  Choices choices;
  SourceReads reads;
  reads.follow(packet.source, packet.source_port);
  Context own = context;
  own.packet = &packet;
  own.ct = &ct;
  own.choices = &choices;
  own.reads = &reads;
  own.explain = nullptr;
  Area out;
  out.wish.outcome = filter.run_nat(point, own, out.wish.request).outcome;
  if (out.wish.outcome == Outcome::kUnknown || choices.any() || reads.port_was_asked())
    return std::nullopt;
  auto cell = reads.cell_of(address);
  if (!cell) return std::nullopt;
  out.sources = std::move(*cell);
  return out;
}

// Nothing when it is not known.
std::vector<Area> areas_of(const Filter& filter, FilterPoint point, const Context& context) {
  std::vector<Area> out;
  ToldAddresses told;
  for (std::size_t parts = 0; const auto next = told.next(); ++parts) {
    auto one =
        parts == NatAreas::kMostParts ? std::nullopt : ask(filter, point, context, next->first);
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
  Asked asked;
  std::vector<Area> areas;
};

NatAreas::NatAreas() = default;
NatAreas::~NatAreas() = default;

const AddressCell* NatAreas::of(const Filter& filter, FilterPoint point, const Context& context) {
  const Asked asked(filter, point, context);
  auto at = std::ranges::find_if(places_, [&](const auto& p) { return p->asked == asked; });
  if (at == places_.end()) {
    places_.push_back(std::make_unique<Place>(Place{asked, areas_of(filter, point, context)}));
    at = std::prev(places_.end());
  }
  const std::uint32_t address = context.packet->source.v4_number();
  for (const Area& area : (*at)->areas) {
    if (contains(area.sources, address)) return &area.sources;
  }
  return nullptr;
}

}  // namespace bulkhead::trace
