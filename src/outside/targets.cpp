#include "outside/targets.h"

#include <algorithm>
#include <map>

#include "base/machine.h"
#include "base/text.h"

namespace bulkhead::outside {
namespace {

constexpr std::size_t kShown = 80;

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
    if (const std::string why(not_a_machine(address)); !why.empty())
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
