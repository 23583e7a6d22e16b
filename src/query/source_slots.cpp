#include "query/source_slots.h"

#include <algorithm>
#include <optional>

#include "ruleset/register_length.h"

namespace bulkhead::query {
namespace {

using model::CtKey;
using model::NfFamily;

constexpr std::size_t kV4 = 4, kV6 = 16;

std::size_t padded_length(std::size_t length) {
  return (length + 3) / 4 * 4;
}

class SlotFinder {
 public:
  SlotFinder(Families families, Slots& out) : families_(families), out_(out) {}

  void find(const model::Term& term, std::size_t offset, std::size_t size) {
    if (const auto* p = std::get_if<model::PayloadTerm>(&term.node)) {
      payload(*p, offset);
    } else if (const auto* b = std::get_if<model::BitwiseTerm>(&term.node)) {
      bitwise(*b, offset, size);
    } else if (const auto* ct = std::get_if<model::CtTerm>(&term.node)) {
      tracked(ct->key, offset);
    } else if (const auto* c = std::get_if<model::ConcatTerm>(&term.node)) {
      concatenation(*c, offset, size);
    } else {
      computed(term);
    }
  }

 private:
  void concatenation(const model::ConcatTerm& c, std::size_t offset, std::size_t size) {
    for (const model::Term& part : c.parts) {
      if (offset >= size) return;
      const auto length = ruleset::register_length(part, families_.table);
      if (!length) return out_.all_opaque();  // where the next one begins is not known
      find(part, offset, std::min(size, offset + *length));
      offset += padded_length(*length);
    }
  }

  // The address of the entry, whatever part of it is compared.
  void tracked(CtKey key, std::size_t offset) {
    const auto slot = [&](std::size_t width) {
      out_.known.push_back({offset, width, width, Bytes{}});
    };
    switch (key) {
      case CtKey::kSrcIp:
      case CtKey::kDstIp: return slot(kV4);
      case CtKey::kSrcIp6:
      case CtKey::kDstIp6: return slot(kV6);
      case CtKey::kSrc:
      case CtKey::kDst:
      case CtKey::kOther:
        if (families_.headers != NfFamily::kIp6) slot(kV4);
        if (families_.headers != NfFamily::kIp) slot(kV6);
        return;
      default: return;
    }
  }

  void operands(const model::Terms& of) {
    for (const model::Term& term : of) {
      const Slots inside = slots_of(term, families_, kAllBytes);
      out_.opaque_v4 = out_.opaque_v4 || inside.opaque_v4;
      out_.opaque_v6 = out_.opaque_v6 || inside.opaque_v6;
      for (const Slot& slot : inside.known) out_.opaque(slot.width);
    }
  }
  void computed(const model::Term& term) {
    if (const auto* boolean = std::get_if<model::BooleanTerm>(&term.node))
      operands(boolean->operands);
    if (const auto* shift = std::get_if<model::ShiftTerm>(&term.node)) operands(shift->operand);
    if (const auto* order = std::get_if<model::ByteOrderTerm>(&term.node)) operands(order->operand);
    if (const auto* map = std::get_if<model::MapTerm>(&term.node)) operands(map->key);
  }

  void bitwise(const model::BitwiseTerm& b, std::size_t offset, std::size_t size) {
    if (b.operand.empty()) return;
    const std::size_t before = out_.known.size();
    find(b.operand.front(), offset, size);
    for (std::size_t i = before; i < out_.known.size(); ++i) {
      Slot& slot = out_.known[i];
      const std::size_t at = slot.offset - offset;
      const auto is_set = [](std::uint8_t byte) { return byte != 0; };
      if (!slot.mask.empty() || at + slot.length > b.mask.size() ||
          std::ranges::any_of(b.exclusive_or, is_set)) {
        out_.opaque(slot.width);
        continue;
      }
      const auto first = b.mask.begin() + static_cast<std::ptrdiff_t>(at);
      slot.mask.assign(first, first + static_cast<std::ptrdiff_t>(slot.length));
    }
  }

  // An address at this place of the header of one family, which `p` may read whole, in part or not.
  void look(const model::PayloadTerm& p, std::size_t offset, std::size_t at, std::size_t width,
            bool sure = true) {
    if (p.offset >= at + width || at >= p.offset + p.length) return;
    const bool whole = p.offset <= at && p.offset + p.length >= at + width;
    const bool prefix = p.offset == at && p.length <= width;
    if (whole || prefix) {
      out_.known.push_back({offset + (at - p.offset), whole ? width : p.length, width, Bytes{}});
    } else if (sure) {
      out_.opaque(width);
    }
  }

  // Bytes of the header of IPv4, IPv6 or ARP: whose it is the rule alone does not say.
  void payload(const model::PayloadTerm& p, std::size_t offset) {
    if (p.base == model::PayloadBase::kLink && p.offset + p.length > kEthernet &&
        !(p.offset >= kEthernet && p.offset + p.length <= kTagged))
      out_.all_opaque();
    if (p.base != model::PayloadBase::kNetwork || p.length == 0) return;
    const NfFamily seen = families_.headers;
    const bool link = seen == NfFamily::kBridge || seen == NfFamily::kNetdev;
    if (seen != NfFamily::kIp6 && seen != NfFamily::kArp) {
      look(p, offset, 12, kV4);
      look(p, offset, 16, kV4);
    }
    if (seen != NfFamily::kIp && seen != NfFamily::kArp) {
      look(p, offset, 8, kV6);
      look(p, offset, 24, kV6);
    }
    // Sender and target of ARP. That a rule means them it nearly always says before.
    if (link || seen == NfFamily::kArp) {
      look(p, offset, 14, kV4, !link);
      look(p, offset, 24, kV4, !link);
    }
  }

  // A tag of a VLAN behind the Ethernet header, with the type of what it carries: no addresses.
  static constexpr std::size_t kEthernet = 14, kTagged = 18;
  Families families_;
  Slots& out_;
};

}  // namespace

Slots slots_of(const model::Term& term, Families families, std::size_t size) {
  Slots out;
  SlotFinder(families, out).find(term, 0, size);
  return out;
}

}  // namespace bulkhead::query
