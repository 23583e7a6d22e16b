// Whose an address is on a host, by the names that a policy has: what was counted by addresses
// (compile/audit.h) is told by services.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/address.h"
#include "compile/audit.h"
#include "compile/compile.h"

namespace bulkhead::compile {

struct Owner {
  std::string name;                   // "shop/web", "container stray", "host", "lan"; "": nobody's
  std::optional<std::size_t> member;  // in Bound::members
  std::string tenant;                 // of the member; "" otherwise
};

class Whose {
 public:
  // What the input refers to must outlive it. O(addresses).
  explicit Whose(Input input);
  // Whoever has that address now is not who was counted with it: to be named nobody's.
  void disown(IpAddress address) { owners_.erase(address); }

  [[nodiscard]] Owner of(IpAddress address) const;
  // Of the target of a packet: at an address of the host that is whose port is published there.
  [[nodiscard]] Owner of_target(const Refused& refused) const;
  // The tenant whose lines are asked about it; "": those about the host.
  [[nodiscard]] std::string tenant_of(const Refused& refused) const;

 private:
  void add(const model::Container& container, const Owner& owner);
  const Input input_;
  std::map<IpAddress, Owner> owners_;
};

}  // namespace bulkhead::compile
