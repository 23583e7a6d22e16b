#include "compile/elements.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bulkhead::compile {
namespace {

constexpr std::size_t kNameBytes = 16;                           // IFNAMSIZ
constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd;  // ETH_P_IP, ETH_P_IPV6
constexpr std::uint8_t kNfIpv4 = 2, kNfIpv6 = 10;                // NFPROTO_*

Bytes bytes_of(const IpAddress& address) {
  const auto octets = address.octets();
  return {octets.begin(), octets.end()};
}

Part one(const Bytes& bytes, std::string text) {
  return {bytes, bytes, std::move(text), false};
}

// Of raw bytes of a packet.
Part number(const Bytes& bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (const std::uint8_t octet : bytes) {
    text += kDigits[octet >> 4U];
    text += kDigits[octet & 0xfU];
  }
  return one(bytes, std::move(text));
}

// As nf_tables lays fields out: each padded with zeros to 4 bytes.
void append_padded(Bytes& out, const Bytes& part) {
  out.insert(out.end(), part.begin(), part.end());
  while (out.size() % 4 != 0) out.push_back(0);
}

IpAddress address_of(const Bytes& bytes) {
  return IpAddress::from_octets(bytes).value_or(IpAddress());
}

bool may_be_written(std::string_view name) {
  return !name.empty() && name.size() < kNameBytes &&
         std::ranges::all_of(
             name,
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_-.@+").find(c) != std::string_view::npos;
             });
}

}  // namespace

Result<Part> interface_part(std::string_view name) {
  if (!may_be_written(name))
    return fail(ErrorCode::kUnsupported,
                "interface '" + escape_text(name, 64) + "' cannot be named in nftables");
  Bytes bytes(name.begin(), name.end());
  bytes.resize(kNameBytes);
  return one(bytes, "\"" + std::string(name) + "\"");
}

Part index_part(IfIndex index, bool little_endian) {
  Bytes bytes;
  for (std::uint32_t i = 0; i < sizeof index.value; ++i)
    bytes.push_back(static_cast<std::uint8_t>(index.value >> 8 * (little_endian ? i : 3 - i)));
  return one(bytes, std::to_string(index.value));
}

Part mac_part(MacAddress mac) {
  const auto octets = mac.octets();
  return one({octets.begin(), octets.end()}, mac.to_string());
}

Part address_part(IpAddress address) {
  return one(bytes_of(address), address.to_string());
}

Part raw_part(IpAddress address) {
  return number(bytes_of(address));
}

Part frame_part(MacAddress mac, IpFamily family) {
  const auto octets = mac.octets();
  Bytes bytes(octets.begin(), octets.end());
  const std::uint16_t type = family == IpFamily::kV4 ? kTypeIpv4 : kTypeIpv6;
  bytes.push_back(static_cast<std::uint8_t>(type >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(type));
  return number(bytes);
}

Part range_part(const Range& range) {
  Part out{bytes_of(range.first), bytes_of(range.last), range.first.to_string(), true};
  if (range.first != range.last) out.text += "-" + range.last.to_string();
  return out;
}

Part family_part(IpFamily family) {
  const bool v4 = family == IpFamily::kV4;
  return one({v4 ? kNfIpv4 : kNfIpv6}, v4 ? "ipv4" : "ipv6");
}

Part protocol_part(IpProtocol protocol) {
  return one({static_cast<std::uint8_t>(protocol)}, bulkhead::to_string(protocol));
}

Part port_part(Port port) {
  return one({static_cast<std::uint8_t>(port.number >> 8U), static_cast<std::uint8_t>(port.number)},
             std::to_string(port.number));
}

void Elements::add(std::string_view set, std::vector<Part> parts) {
  put(set, std::move(parts), "");
}

void Elements::add_goto(std::string_view map, std::vector<Part> parts, std::string chain) {
  put(map, std::move(parts), std::move(chain));
}

void Elements::put(std::string_view set, std::vector<Part> parts, std::string chain) {
  auto found = sets_.find(set);
  if (found == sets_.end()) found = sets_.try_emplace(std::string(set)).first;
  const auto at = std::ranges::find_if(parts, &Part::is_range);
  const auto range_at = static_cast<std::size_t>(at - parts.begin());
  std::string name = chain.empty() ? "" : chain + "|";
  for (std::size_t i = 0; i < parts.size(); ++i) name += i == range_at ? "*|" : parts[i].text + "|";
  const auto [place, is_new] = found->second.try_emplace(std::move(name));
  Key& key = place->second;
  if (is_new || at != parts.end()) ++size_;
  if (at != parts.end()) {
    key.range_at = range_at;
    key.ranges.push_back({address_of(at->first), address_of(at->last)});
  }
  key.parts = std::move(parts);
  key.chain = std::move(chain);
}

std::vector<Elements::Flat> Elements::flat(std::string_view set) const {
  std::vector<Flat> out;
  const auto found = sets_.find(set);
  if (found == sets_.end()) return out;
  for (const auto& [name, key] : found->second) {
    if (key.range_at == SIZE_MAX) {
      out.push_back({key.parts, key.chain});
      continue;
    }
    for (const Range& range : merged(key.ranges)) {
      Flat one{key.parts, key.chain};
      one.parts[key.range_at] = range_part(range);
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::string Elements::text(std::string_view set) const {
  std::string out;
  for (const Flat& element : flat(set)) {
    out += out.empty() ? "elements = { " : ",\n\t\t\t";
    for (std::size_t i = 0; i < element.parts.size(); ++i)
      out += (i == 0 ? "" : " . ") + element.parts[i].text;
    if (!element.chain.empty()) out += " : goto " + element.chain;
  }
  return out.empty() ? out : out + "\n\t\t}";
}

std::vector<model::SetElement> Elements::model(std::string_view set) const {
  std::vector<model::SetElement> out;
  for (const Flat& element : flat(set)) {
    model::SetElement one;
    if (element.parts.size() == 1) {
      one.first = element.parts[0].first;
      one.last = element.parts[0].last;
    } else {
      for (const Part& part : element.parts) {
        append_padded(one.first, part.first);
        append_padded(one.last, part.last);
      }
    }
    if (!element.chain.empty())
      one.verdict = model::Verdict{.kind = model::VerdictKind::kGoto, .chain = element.chain};
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace bulkhead::compile
