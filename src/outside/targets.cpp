#include "outside/targets.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace bulkhead::outside {
namespace {

constexpr std::size_t kShown = 80;

// What nobody can mean, whoever owns it; "" when it can be scanned.
std::string not_a_machine(const IpAddress& address) {
  if (address.is_unspecified()) return "stands for no machine";
  if (address.is_multicast()) return "is a multicast group";
  if (address == IpAddress::v4(255, 255, 255, 255)) return "is the broadcast address";
  if (address.is_v6() && address.is_link_local())
    return "is link-local, which needs an interface beside it; give another address of that "
           "machine";
  return {};
}

bool is_near(const IpAddress& address) {
  return address.is_loopback() || address.is_private() || address.is_link_local();
}

class Reader {
 public:
  Reader(bool i_own_this, const Resolver& resolve) : i_own_this_(i_own_this), resolve_(resolve) {}

  Status one(const std::string& text) {
    if (const auto address = IpAddress::parse(text)) return add(text, *address, {});
    if (text.find('/') != std::string::npos) return prefix(text);
    const auto addresses = resolve_(text);
    if (!addresses) return std::unexpected(addresses.error());
    for (const IpAddress& address : *addresses) {
      if (auto added = add(text, address, text); !added) return added;
    }
    return {};
  }

  std::vector<Machine> finish() {
    std::vector<Machine> out;
    out.reserve(machines_.size());
    for (auto& [address, names] : machines_) out.push_back({address, std::move(names)});
    return out;
  }

 private:
  Status prefix(const std::string& text) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return std::unexpected(prefix.error());
    const unsigned free_bits = prefix->address().bits() - prefix->length();
    if (free_bits > 12)  // 2^12 is kMostMachines
      return wrong(text, "holds more than " + std::to_string(kMostMachines) +
                             " addresses; write a smaller prefix");
    const bool ends_are_special = prefix->family() == IpFamily::kV4 && free_bits > 1;
    IpAddress address = prefix->first();
    for (std::size_t i = 0; i < std::size_t{1} << free_bits; ++i, address = address.next()) {
      if (ends_are_special && (address == prefix->first() || address == prefix->last())) continue;
      if (auto added = add(text, address, {}); !added) return added;
    }
    return {};
  }

  // An IPv4 address that is written as one of IPv6 is what it is.
  Status add(const std::string& text, const IpAddress& as_written, const std::string& name) {
    const IpAddress address = as_written.unmapped();
    const std::string meant =
        name.empty() && address == as_written ? "" : " (" + address.to_string() + ")";
    if (const std::string why = not_a_machine(address); !why.empty())
      return wrong(text, why + meant);
    if (!is_near(address) && !i_own_this_)
      return wrong(text, "is a public address" + meant +
                             ", and scanning machines of others may be a crime; if it is yours, "
                             "say so with --i-own-this");
    std::vector<std::string>& names = machines_[address];
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
    if (machines_.size() > kMostMachines)
      return wrong(text, "makes more than " + std::to_string(kMostMachines) +
                             " addresses in all; scan them in parts");
    return {};
  }

  static std::unexpected<Error> wrong(const std::string& text, const std::string& what) {
    return fail(ErrorCode::kInvalidInput, "'" + escape_text(text, kShown) + "' " + what);
  }

  bool i_own_this_;
  const Resolver& resolve_;
  std::map<IpAddress, std::vector<std::string>> machines_;
};

}  // namespace

Result<std::vector<Machine>> read_targets(std::span<const std::string> texts, bool i_own_this,
                                          const Resolver& resolve) {
  Reader reader(i_own_this, resolve);
  for (const std::string& text : texts) {
    if (auto read = reader.one(text); !read) return std::unexpected(read.error());
  }
  return reader.finish();
}

}  // namespace bulkhead::outside
