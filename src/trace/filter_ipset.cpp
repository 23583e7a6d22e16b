#include "trace/filter_ipset.h"

#include <algorithm>
#include <array>
#include <functional>

namespace bulkhead::trace::filtering {
namespace {

struct Dimension {
  const Packet& packet;
  bool source;

  [[nodiscard]] const IpAddress& address() const {
    return source ? packet.source : packet.destination;
  }
  [[nodiscard]] const MacAddress& mac() const {
    return source ? packet.source_mac : packet.destination_mac;
  }
  // ip_set_getport.c get_port(): ICMP types and codes are ports too, other protocols have port 0.
  [[nodiscard]] std::uint16_t port() const {
    switch (packet.protocol) {
      case IpProtocol::kTcp:
      case IpProtocol::kUdp:
      case IpProtocol::kUdpLite:
      case IpProtocol::kSctp: return (source ? packet.source_port : packet.destination_port).number;
      case IpProtocol::kIcmp:
      case IpProtocol::kIcmpV6:
        return static_cast<std::uint16_t>(packet.icmp_type << 8 | packet.icmp_code);
      case IpProtocol::kHopByHop:
      case IpProtocol::kIgmp:
      case IpProtocol::kDccp:
      case IpProtocol::kEsp:
      case IpProtocol::kAh: break;
    }
    return 0;
  }
};

bool is_source(const IpSetQuery& query, std::size_t dimension) {
  return dimension < query.source->size() && (*query.source)[dimension];
}

bool entry_has_address(const model::IpSetEntry& entry, const IpAddress& address) {
  if (!entry.prefix) return false;
  if (entry.last_address) return entry.prefix->first() <= address && address <= *entry.last_address;
  return entry.prefix->contains(address);
}

std::string_view part_after(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view part = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return part;
}

}  // namespace

IpSetCode::IpSetCode(const model::IpSet& set) : set_(&set) {
  std::string_view type = set.type;
  list_ = type == "list:set";
  bitmap_ = type.starts_with("bitmap:");
  if (!list_ && !bitmap_ && !type.starts_with("hash:")) return;
  std::string_view rest = type.substr(type.find(':') + 1);
  while (!list_ && !rest.empty()) {
    const std::string_view part = part_after(rest);
    if (part == "ip")
      parts_.push_back(Part::kIp);
    else if (part == "net")
      parts_.push_back(Part::kNet);
    else if (part == "port")
      parts_.push_back(Part::kPort);
    else if (part == "mark")
      parts_.push_back(Part::kMark);
    else if (part == "mac")
      parts_.push_back(Part::kMac);
    else if (part == "iface")
      parts_.push_back(Part::kIface);
    else {
      parts_.clear();
      return;
    }
  }
  const bool address_first = !parts_.empty() && (parts_[0] == Part::kIp || parts_[0] == Part::kNet);
  for (std::uint32_t i = 0; i < set.entries.size(); ++i) {
    const model::IpSetEntry& entry = set.entries[i];
    if (!address_first || !entry.prefix || entry.last_address) {
      rest_.push_back(i);
      continue;
    }
    const auto length = static_cast<std::uint8_t>(entry.prefix->length());
    by_prefix_[{length, entry.prefix->address()}].push_back(i);
    lengths_.push_back(length);
  }
  std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

bool IpSetCode::knows_nomatch() const {
  return std::find(parts_.begin(), parts_.end(), Part::kNet) != parts_.end();
}

// Everything but the first dimension's address, which `first` has matched already.
bool IpSetCode::entry_holds(const model::IpSetEntry& entry, const IpSetQuery& query,
                            IpAddress first) const {
  bool address_seen = false;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Dimension dimension{*query.packet, is_source(query, i)};
    switch (parts_[i]) {
      case Part::kIp:
      case Part::kNet:
        if (!address_seen) {
          if (!entry_has_address(entry, first)) return false;
          address_seen = true;
        } else if (!entry.prefix2 || !entry.prefix2->contains(dimension.address())) {
          return false;
        }
        break;
      case Part::kPort: {
        if (!entry.port) return false;
        const std::uint16_t last = entry.last_port ? entry.last_port->number : entry.port->number;
        const std::uint16_t port = dimension.port();
        if (port < entry.port->number || port > last) return false;
        if (entry.protocol &&
            *entry.protocol != static_cast<std::uint8_t>(query.packet->protocol)) {
          return false;
        }
        break;
      }
      case Part::kMark:
        if (!entry.mark || *entry.mark != (query.packet->mark & set_->mark_mask)) return false;
        break;
      case Part::kMac:
        // bitmap:ip,mac without a MAC takes the first one that it sees: a match.
        if (!entry.mac && bitmap_) break;
        if (!query.has_mac || !entry.mac || *entry.mac != dimension.mac()) return false;
        break;
      case Part::kIface:
        if (entry.interface != (dimension.source ? query.in : query.out)) return false;
        break;
    }
  }
  return true;
}

// Of entries with the same first prefix the one with the longest second prefix comes first.
IpSetAnswer IpSetCode::among(const std::vector<std::uint32_t>& entries, const IpSetQuery& query,
                             IpAddress first) const {
  const model::IpSetEntry* best = nullptr;
  for (std::uint32_t i : entries) {
    const model::IpSetEntry& entry = set_->entries[i];
    if (!entry_holds(entry, query, first)) continue;
    if (best == nullptr ||
        (entry.prefix2 && best->prefix2 && entry.prefix2->length() > best->prefix2->length())) {
      best = &entry;
    }
    if (!entry.prefix2) break;
  }
  if (best == nullptr) return IpSetAnswer::kOut;
  return best->nomatch ? IpSetAnswer::kNoMatch : IpSetAnswer::kIn;
}

IpSetAnswer IpSetCode::test_list(const IpSetQuery& query, std::span<const IpSetCode> all) const {
  for (const model::IpSetEntry& entry : set_->entries) {
    const auto member = std::find_if(all.begin(), all.end(), [&](const IpSetCode& other) {
      return other.set_->name == entry.member_set;
    });
    if (member == all.end() || member->list_)
      return IpSetAnswer::kUnknown;  // the kernel forbids both
    const IpSetAnswer answer = member->test(query, all);
    if (answer == IpSetAnswer::kIn || answer == IpSetAnswer::kUnknown) return answer;
  }
  return IpSetAnswer::kOut;
}

IpSetAnswer IpSetCode::test(const IpSetQuery& query, std::span<const IpSetCode> all) const {
  if (list_) return test_list(query, all);
  if (parts_.empty()) return IpSetAnswer::kUnknown;
  const Packet& packet = *query.packet;
  // ip_set_core.c ip_set_test(): too few dimensions, or the other family: not in it.
  if (query.source->size() < parts_.size()) return IpSetAnswer::kOut;
  if (set_->family && *set_->family != packet.family()) return IpSetAnswer::kOut;
  if (set_->type == "bitmap:port" && packet.protocol != IpProtocol::kTcp &&
      packet.protocol != IpProtocol::kUdp) {
    return IpSetAnswer::kOut;
  }
  const bool address_first = parts_[0] == Part::kIp || parts_[0] == Part::kNet;
  IpAddress first;
  if (address_first) {
    first = Dimension{packet, is_source(query, 0)}.address();
    if (bitmap_ && !first.is_v4()) return IpSetAnswer::kOut;
    if (set_->netmask_length) first = Prefix::covering(first, *set_->netmask_length).address();
    if (set_->type == "hash:ip" && first.is_unspecified()) return IpSetAnswer::kOut;
  }
  for (std::uint8_t length : lengths_) {
    const auto found = by_prefix_.find({length, Prefix::covering(first, length).address()});
    if (found == by_prefix_.end()) continue;
    const IpSetAnswer answer = among(found->second, query, first);
    if (answer != IpSetAnswer::kOut) return answer;
  }
  return among(rest_, query, first);
}

}  // namespace bulkhead::trace::filtering
