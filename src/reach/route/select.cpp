#include "reach/route/select.h"

#include <algorithm>
#include <array>
#include <bit>
#include <ranges>
#include <set>

namespace bulkhead::reach::routes {
namespace {

using topology::Device;
using topology::kAddressDadFailed;
using topology::kAddressDeprecated;
using topology::kAddressOptimistic;
using topology::kAddressSecondary;
using topology::kAddressTentative;
using topology::Machine;

IpAddress v6(std::array<std::uint8_t, 16> octets) {
  return IpAddress::v6(octets);
}

// The default policy table; of several that contain an address the longest counts.
struct Label {
  Prefix prefix;
  int label;
};
const std::vector<Label>& labels() {
  static const std::vector<Label> kTable{
      {Prefix::covering(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 128), 0},
      {Prefix::covering(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), 96), 4},
      {Prefix::covering(v6({}), 96), 3},
      {Prefix::covering(v6({0x20, 1}), 32), 6},
      {Prefix::covering(v6({0x20, 1, 0, 0x10}), 28), 7},
      {Prefix::covering(v6({0x20, 2}), 16), 2},
      {Prefix::covering(v6({0x3f, 0xfe}), 16), 12},
      {Prefix::covering(v6({0xfe, 0xc0}), 10), 11},
      {Prefix::covering(v6({0xfc}), 7), 5},
      {Prefix::covering(v6({}), 0), 1},
  };
  return kTable;
}

int label_of(IpAddress a) {
  const auto at =
      std::ranges::find_if(labels(), [&](const Label& l) { return l.prefix.contains(a); });
  return at->label;
}

int scope_of(IpAddress a) {  // __ipv6_addr_src_scope(), as RFC 4291 numbers scopes
  const auto o = a.octets();
  if (a.is_multicast()) return o[1] & 0x0f;
  if (a.is_link_local() || a.is_loopback()) return 2;
  return o[0] == 0xfe && (o[1] & 0xc0) == 0xc0 ? 5 : 14;
}

int shared_bits(IpAddress a, IpAddress b) {
  const auto x = a.octets(), y = b.octets();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto differ = static_cast<std::uint8_t>(x[i] ^ y[i]);
    if (differ != 0) return static_cast<int>(8 * i) + std::countl_zero(differ);
  }
  return 128;
}

// ipv6_get_saddr_eval(): what the rules say of a candidate, the first first; larger is better.
std::array<int, 6> merits(const model::Address& a, const Device& on, IpAddress to,
                          const Device* out) {
  const int scope = scope_of(a.local);
  return {a.local == to ? 1 : 0,
          scope >= scope_of(to) ? -scope : scope - 128,
          (a.flags & (kAddressDeprecated | kAddressOptimistic)) == 0 ? 1 : 0,
          out == nullptr || out == &on ? 1 : 0,
          label_of(a.local) == label_of(to) ? 1 : 0,
          std::min(shared_bits(a.local, to), static_cast<int>(a.prefix_length))};
}

bool candidate(const model::Address& a) {
  const bool settled = (a.flags & (kAddressTentative | kAddressDadFailed)) == 0 ||
                       (a.flags & kAddressOptimistic) != 0;
  return settled && !a.local.is_multicast() && !a.local.is_unspecified();
}

std::uint8_t own_scope(const model::Address& a, const Device& d) {
  return std::min(a.scope, d.route_localnet ? topology::kScopeLink : topology::kScopeHost);
}

}  // namespace

std::optional<IpAddress> select_address4(const Machine& machine, const Device* device,
                                         std::optional<IpAddress> toward, std::uint8_t scope) {
  std::optional<IpAddress> first;
  if (device != nullptr) {
    for (const model::Address* a : device->addresses4) {
      if ((a->flags & kAddressSecondary) != 0 || own_scope(*a, *device) > scope) continue;
      const Prefix net = Prefix::covering(a->peer.value_or(a->local), a->prefix_length);
      if (!toward || net.contains(*toward)) return a->local;
      if (!first) first = a->local;
    }
  }
  if (first) return first;
  for (const auto& d : machine.devices) {
    for (const model::Address* a : d->addresses4) {
      const bool fits = (a->flags & kAddressSecondary) == 0 && a->scope != topology::kScopeLink &&
                        a->scope <= scope;
      if (fits) return a->local;
    }
  }
  return std::nullopt;
}

std::optional<IpAddress> select_address6(const Machine& machine, const Device* device,
                                         IpAddress to) {
  const bool same_link = device != nullptr && (to.is_multicast() || scope_of(to) <= 2);
  std::optional<IpAddress> best;
  std::array<int, 6> merit{};
  for (const auto& d : machine.devices) {
    if (same_link && d.get() != device) continue;
    for (const model::Address* a : d->addresses6) {
      if (!candidate(*a)) continue;
      const auto m = merits(*a, *d, to, device);
      if (best && m <= merit) continue;
      best = a->local;
      merit = m;
    }
  }
  return best;
}

std::vector<Selected> select_addresses6(const Machine& machine, const Device* device) {
  std::set<IpAddress> begins{v6({})};
  const auto add = [&](const Prefix& p) {
    begins.insert(p.first());
    if (const IpAddress after = p.last().next(); !after.is_unspecified()) begins.insert(after);
  };
  for (const Label& l : labels()) add(l.prefix);
  add(Prefix::covering(v6({0xfe, 0x80}), 10));
  for (unsigned scope = 0; scope < 16; ++scope) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      add(Prefix::covering(v6({0xff, static_cast<std::uint8_t>(flags << 4 | scope)}), 16));
    }
  }
  for (const auto& d : machine.devices) {
    for (const model::Address* a : d->addresses6) {
      add(Prefix::single(a->local));
      for (unsigned n = 1; n <= a->prefix_length; ++n) add(Prefix::covering(a->local, n));
    }
  }
  std::vector<Selected> out;
  for (auto at = begins.begin(); at != begins.end(); ++at) {
    const auto after = std::next(at);
    const IpAddress last =
        after == begins.end() ? Prefix::all(IpFamily::kV6).last() : after->previous();
    const auto source = select_address6(machine, device, *at);
    auto place = std::ranges::find(out, source, &Selected::source);
    if (place == out.end()) place = out.insert(out.end(), {{}, source});
    auto& ranges = place->destinations;
    if (!ranges.empty() && ranges.back().last.next() == *at) {
      ranges.back().last = last;
    } else {
      ranges.push_back({*at, last});
    }
  }
  return out;
}

std::vector<IpAddress> addresses_of(const Machine& machine) {
  const auto all = std::views::keys(machine.addresses);
  return {all.begin(), all.end()};
}

bool device_has_address6(const Device& device, IpAddress address) {
  return std::ranges::any_of(device.addresses6, [&](const model::Address* a) {
    return a->local == address && (a->flags & (kAddressTentative | kAddressDadFailed)) == 0;
  });
}

}  // namespace bulkhead::reach::routes
