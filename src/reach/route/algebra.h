// Conditions on the numbers of a packet as sets of packets, for walks and route lookups: each
// number is known (a constant) or is what a field of the packet says.
//
// An Algebra remembers the first failure (kBudget) instead of returning it each time; from then on
// what it yields means nothing, and whoever uses it must look at error() before believing an
// answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "packet/packet_space.h"
#include "reach/chain/fields.h"

namespace bulkhead::reach {

// An address that is known, or the one in kSource or kDestination.
struct AddressOperand {
  std::optional<IpAddress> constant = IpAddress();
  Quantity field = Quantity::kSource;  // when there is no constant

  [[nodiscard]] static AddressOperand of(IpAddress a) { return {a, Quantity::kSource}; }
  [[nodiscard]] static AddressOperand in(Quantity q) { return {std::nullopt, q}; }
  [[nodiscard]] bool is(IpAddress a) const { return constant == a; }
  friend bool operator==(const AddressOperand&, const AddressOperand&) = default;
};

// A number of a quantity that lies in one field.
struct NumberOperand {
  std::optional<std::uint64_t> constant = 0;
  Quantity field = Quantity::kSourcePort;

  [[nodiscard]] static NumberOperand of(std::uint64_t n) { return {n, Quantity::kSourcePort}; }
  [[nodiscard]] static NumberOperand in(Quantity q) { return {std::nullopt, q}; }
  friend bool operator==(const NumberOperand&, const NumberOperand&) = default;
};

class Algebra {
 public:
  // Both must outlive it.
  Algebra(const Fields& fields, const packet::PacketSpace& space)
      : fields_(fields), space_(space) {}
  Algebra(const Algebra&) = delete;
  Algebra& operator=(const Algebra&) = delete;

  [[nodiscard]] const Fields& fields() const { return fields_; }
  [[nodiscard]] const packet::PacketSpace& space() const { return space_; }
  [[nodiscard]] IpFamily family() const { return fields_.family(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // How many operations on sets there were: what a computation costs, told without a clock.
  [[nodiscard]] std::uint64_t work() const { return work_; }

  [[nodiscard]] packet::PacketSet all() const { return space_.all(); }
  [[nodiscard]] packet::PacketSet none() const { return space_.none(); }
  [[nodiscard]] packet::PacketSet both(const packet::PacketSet& a, const packet::PacketSet& b);
  [[nodiscard]] packet::PacketSet either(const packet::PacketSet& a, const packet::PacketSet& b);
  [[nodiscard]] packet::PacketSet without(const packet::PacketSet& a, const packet::PacketSet& b);

  // The packets whose number is so: all or none of them for a constant.
  [[nodiscard]] packet::PacketSet where(const NumberOperand& n, const packet::IntervalSet& values);
  [[nodiscard]] packet::PacketSet where(const AddressOperand& a, const Prefix& prefix);
  [[nodiscard]] packet::PacketSet where(const AddressOperand& a, IpAddress first, IpAddress last);
  [[nodiscard]] packet::PacketSet where(const AddressOperand& a, std::span<const IpAddress> any_of);
  [[nodiscard]] packet::PacketSet where(const AddressOperand& a, IpAddress is) {
    return where(a, is, is);
  }
  // From now on every packet's source and destination are taken to be different: no packet that is
  // otherwise is asked about.
  void hold_apart(bool apart) { apart_ = apart; }
  // The packets in which both are the same; nullopt: two different fields, whose equality is no
  // product and is not built.
  [[nodiscard]] std::optional<packet::PacketSet> equal(const AddressOperand& a,
                                                       const AddressOperand& b);
  [[nodiscard]] std::optional<packet::PacketSet> equal(const NumberOperand& a,
                                                       const NumberOperand& b);

  template <class T>
  [[nodiscard]] T take(Result<T> result, T otherwise) {
    ++work_;
    if (result) return *std::move(result);
    if (!error_) error_ = std::move(result.error());
    return otherwise;
  }

 private:
  [[nodiscard]] packet::PacketSet constant(bool holds) const { return holds ? all() : none(); }

  const Fields& fields_;
  const packet::PacketSpace& space_;
  std::optional<Error> error_;
  std::uint64_t work_ = 0;
  bool apart_ = false;
};

// Takes the part of `rest` in which `condition` holds out of it.
[[nodiscard]] packet::PacketSet split_off(Algebra& algebra, packet::PacketSet& rest,
                                          const packet::PacketSet& condition);

}  // namespace bulkhead::reach
