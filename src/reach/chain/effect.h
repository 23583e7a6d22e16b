// What rules do with a packet, as leaves of diagrams.
//
// A leaf is a set of effects: more than one where the kernel decides by something that a snapshot
// does not hold (a rate limit, a random number, a match that is not understood); `reasons` then says by
// what. Open is what is accepted by every member, closed what is accepted by none, the rest unknown.
// Each evaluation of such a match is independent of every other, as in the kernel.
//
// One Effects serves one PacketSpace, all namespaces and all hooks; equal leaves mean equal effects.
// Images and reasons are interned too. Not for two threads at once; must outlive nothing but its leaves'
// readers, and the space must outlive it.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packet/packet_space.h"
#include "reach/chain/image.h"

namespace bulkhead::reach {

enum class ImageId : std::uint32_t {};
enum class ReasonId : std::uint32_t {};  // 0: none

// A NAT rule's wish: what to make of the tuple. Absent: unchanged.
struct NatRequest {
  bool destination = false;  // DNAT or redirect; else SNAT or masquerade
  bool masquerade = false;   // the address is chosen by the outgoing interface and next hop
  bool redirect = false;     // local: 127.0.0.1 / ::1 at output, the incoming interface's primary
                             // address otherwise
  bool netmap = false;       // `first` is a network: keep host bits; `last` is its last address
  std::optional<IpAddress> first, last;
  std::optional<Port> port_first, port_last;
  std::optional<Port> base_port;
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*
  friend auto operator<=>(const NatRequest&, const NatRequest&) = default;
};

struct RejectAnswer {
  bool tcp_reset = false;
  std::uint8_t icmp_type = 3, icmp_code = 3;  // ICMP or ICMPv6, by the family
  friend auto operator<=>(const RejectAnswer&, const RejectAnswer&) = default;
};

enum class EffectKind : std::uint8_t {
  kPass,    // inside a chain: the next rule decides; the packet is as it was when the chain began
  kNext,    // inside a chain: the next rule decides; the packet is `image`
  kReturn,  // inside a chain: the rule behind the jump decides
  kAccept,
  kDrop,
  kReject,
  kUnknown,  // not modelled: `reason` says why
};

struct Effect {
  EffectKind kind = EffectKind::kPass;
  ImageId image{};        // kNext, kReturn, kAccept, kReject: the packet as it leaves
  std::uint32_t nat = 0;  // kAccept: 1 + index of a request; 0 none
  ReasonId reason{};      // kUnknown
  RejectAnswer reject;    // kReject

  [[nodiscard]] static Effect accept(ImageId image) { return {EffectKind::kAccept, image, 0, {}, {}}; }
  [[nodiscard]] static Effect drop() { return {EffectKind::kDrop, {}, 0, {}, {}}; }
  [[nodiscard]] static Effect back(ImageId image) { return {EffectKind::kReturn, image, 0, {}, {}}; }
  [[nodiscard]] static Effect rejected(ImageId image, RejectAnswer answer) {
    return {EffectKind::kReject, image, 0, {}, answer};
  }
  [[nodiscard]] static Effect unknown(ReasonId reason) {
    return {EffectKind::kUnknown, {}, 0, reason, {}};
  }
  friend auto operator<=>(const Effect&, const Effect&) = default;
};

struct Leaf {  // what a packet::Leaf stands for
  std::vector<Effect> effects;    // sorted
  std::vector<ReasonId> reasons;  // sorted, at most kMostReasons; why there is more than one effect
  friend auto operator<=>(const Leaf&, const Leaf&) = default;
};

class Effects {
 public:
  static constexpr std::size_t kMostReasons = 4;

  explicit Effects(const packet::PacketSpace& space);
  Effects(const Effects&) = delete;
  Effects& operator=(const Effects&) = delete;

  [[nodiscard]] ImageId image(const Image& image);
  [[nodiscard]] const Image& image(ImageId id) const;
  [[nodiscard]] std::uint32_t nat(const NatRequest& request);  // Effect::nat
  [[nodiscard]] const NatRequest& nat(const Effect& effect) const;  // effect.nat is not 0
  [[nodiscard]] ReasonId reason(std::string_view text);
  [[nodiscard]] const std::string& text(ReasonId id) const;

  [[nodiscard]] packet::Leaf leaf(const Effect& effect);
  [[nodiscard]] packet::Leaf leaf(Leaf leaf);  // kNone: {kPass}
  [[nodiscard]] const Leaf& at(packet::Leaf leaf) const;

  // The second follows where the first passes. Associative.
  [[nodiscard]] packet::Leaf then(packet::Leaf first, packet::Leaf second);
  // Either may happen. Associative, commutative, idempotent.
  [[nodiscard]] packet::Leaf either(packet::Leaf a, packet::Leaf b);
  [[nodiscard]] packet::Leaf because(packet::Leaf leaf, ReasonId reason);
  [[nodiscard]] const packet::LeafOperation& then_operation() const { return then_; }
  [[nodiscard]] const packet::LeafOperation& either_operation() const { return either_; }

  // True when some effects of the leaf pass and others do not.
  [[nodiscard]] bool may_pass(packet::Leaf leaf) const;

 private:
  [[nodiscard]] packet::Leaf merged(const Leaf& a, const Leaf& b, bool drop_pass_of_a);

  template <class T>
  struct Interned {
    std::map<T, std::uint32_t> index;
    std::vector<const T*> items;  // the keys of `index`, whose addresses stay
    std::uint32_t add(const T& item);
  };
  Interned<Image> images_;
  Interned<NatRequest> requests_;
  Interned<std::string> reasons_;
  Interned<Leaf> leaves_;
  packet::LeafOperation then_, either_;
};

}  // namespace bulkhead::reach
