// What the rules of a machine make of packets at a hook, as the walk asks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "reach/chain/effect.h"
#include "reach/chain/hook_point.h"
#include "topology/topology.h"

namespace bulkhead::reach::walks {

// All priorities of a hook.
inline constexpr std::int32_t kFirst = std::numeric_limits<std::int32_t>::min(),
                              kLast = std::numeric_limits<std::int32_t>::max();

// What becomes of the packets of `set`. Several rulings for the same packets: it is not known
// which.
struct Ruling {
  packet::PacketSet set;
  EffectKind kind = EffectKind::kAccept;  // kAccept, kDrop, kReject or kUnknown
  Image image;                            // kAccept, kReject: the packet as it leaves
  std::optional<NatRequest> nat;
  RejectAnswer reject;
  bool in_doubt = false;  // there are other rulings for these packets
  std::string reason;     // kUnknown: why; in doubt: on what it depends
};

class Hooks {
 public:
  Hooks() = default;
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;
  virtual ~Hooks() = default;

  struct Stage {
    std::size_t id = 0;
    bool reroutes = false;  // what it changes finds a new route before the next stage
  };

  [[nodiscard]] virtual bool has_chains(const topology::Machine& m, HookPoint point) const = 0;
  [[nodiscard]] virtual bool has_chains_on(const topology::Device& device,
                                           HookPoint point) const = 0;
  [[nodiscard]] virtual bool tracks_connections(const topology::Machine& m) const = 0;
  // Any rule at all, or connection tracking.
  [[nodiscard]] virtual bool has_any(const topology::Machine& m) const = 0;
  [[nodiscard]] virtual bool has_nat(const topology::Machine& m) const = 0;
  // Both orders of legacy tables and nft chains of one priority are possible.
  [[nodiscard]] virtual bool has_open_order(const topology::Machine& m, HookPoint point) const = 0;
  // Two stages do the same to all packets that the image stands for.
  [[nodiscard]] virtual bool alike(const topology::Machine& m, const Stage& a, const Stage& b,
                                   FrameKind frames, const Image& image) = 0;
  // So do the hook's NAT chains in both orders.
  [[nodiscard]] virtual bool nat_alike(const topology::Machine& m, HookPoint point,
                                       const Image& image) = 0;

  [[nodiscard]] virtual std::vector<Stage> stages(const topology::Machine& m, HookPoint point,
                                                  std::int32_t from, std::int32_t to,
                                                  bool legacy_last) = 0;
  [[nodiscard]] virtual std::vector<Ruling> run(const topology::Machine& m, const Stage& stage,
                                                FrameKind frames, const Image& image,
                                                const packet::PacketSet& set) = 0;
  [[nodiscard]] virtual std::vector<Ruling> nat(const topology::Machine& m, HookPoint point,
                                                const Image& image, const packet::PacketSet& set,
                                                bool legacy_last) = 0;
  // Which packets, as they come to the machine, its rules may let past where they go on to
  // (lookahead.h); the image gives each quantity that lookahead_knows(). nullopt: it cannot be
  // told.
  [[nodiscard]] virtual std::optional<packet::PacketSet> may_get_past(const topology::Machine& m,
                                                                      const Image& image) = 0;
  // Of all such frames rules at this point drop some, and do no more to the others than to mark
  // them.
  [[nodiscard]] virtual bool only_drops(const topology::Machine& m, HookPoint point,
                                        FrameKind frames) = 0;
  // The number of an interface in kIif, kOif, kPhysIn and kPhysOut.
  [[nodiscard]] virtual std::uint64_t number(const topology::Device& device) const = 0;
};

// A network without rules.
class NoRules final : public Hooks {
 public:
  [[nodiscard]] bool has_chains(const topology::Machine&, HookPoint) const override {
    return false;
  }
  [[nodiscard]] bool has_chains_on(const topology::Device&, HookPoint) const override {
    return false;
  }
  [[nodiscard]] bool tracks_connections(const topology::Machine&) const override { return false; }
  [[nodiscard]] bool has_any(const topology::Machine&) const override { return false; }
  [[nodiscard]] bool has_nat(const topology::Machine&) const override { return false; }
  [[nodiscard]] bool has_open_order(const topology::Machine&, HookPoint) const override {
    return false;
  }
  [[nodiscard]] bool alike(const topology::Machine&, const Stage&, const Stage&, FrameKind,
                           const Image&) override {
    return true;
  }
  [[nodiscard]] bool nat_alike(const topology::Machine&, HookPoint, const Image&) override {
    return true;
  }
  [[nodiscard]] std::vector<Stage> stages(const topology::Machine&, HookPoint, std::int32_t,
                                          std::int32_t, bool) override {
    return {};
  }
  [[nodiscard]] std::vector<Ruling> run(const topology::Machine&, const Stage&, FrameKind,
                                        const Image&, const packet::PacketSet&) override {
    return {};
  }
  [[nodiscard]] std::vector<Ruling> nat(const topology::Machine&, HookPoint, const Image&,
                                        const packet::PacketSet&, bool) override {
    return {};
  }
  [[nodiscard]] std::optional<packet::PacketSet> may_get_past(const topology::Machine&,
                                                              const Image&) override {
    return std::nullopt;
  }
  [[nodiscard]] bool only_drops(const topology::Machine&, HookPoint, FrameKind) override {
    return true;
  }
  [[nodiscard]] std::uint64_t number(const topology::Device&) const override { return 0; }
};

}  // namespace bulkhead::reach::walks
