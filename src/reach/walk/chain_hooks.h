// The rules of all machines, by reach/chain, for a walk.
//
// Chains are compiled once, with what is the same for all packets of a flow left open, and asked
// with those numbers filled in (a cofactor). A quantity that is what another one's fields say,
// while that other one is a number by now (the original destination behind a DNAT, the source of an
// answer), is left open, too, and then read from there. Only fields that have changed places
// otherwise (a reply in the fields of its request) need another compilation.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "reach/chain/chain.h"
#include "reach/route/routes.h"
#include "reach/walk/hooks.h"

namespace bulkhead::reach::walks {

class ChainHooks final : public Hooks {
 public:
  // All must outlive it.
  ChainHooks(const topology::Topology& topology, Algebra& algebra, Effects& effects);
  ~ChainHooks() override;

  [[nodiscard]] bool has_chains(const topology::Machine& m, HookPoint point) const override;
  [[nodiscard]] bool has_chains_on(const topology::Device& device, HookPoint point) const override;
  [[nodiscard]] bool tracks_connections(const topology::Machine& m) const override;
  [[nodiscard]] bool has_any(const topology::Machine& m) const override;
  [[nodiscard]] bool has_nat(const topology::Machine& m) const override;
  [[nodiscard]] bool has_open_order(const topology::Machine& m, HookPoint point) const override;
  [[nodiscard]] bool alike(const topology::Machine& m, const Stage& a, const Stage& b,
                           FrameKind frames, const Image& image) override;
  [[nodiscard]] bool nat_alike(const topology::Machine& m, HookPoint point,
                               const Image& image) override;
  [[nodiscard]] std::vector<Stage> stages(const topology::Machine& m, HookPoint point,
                                          std::int32_t from, std::int32_t to,
                                          bool legacy_last) override;
  [[nodiscard]] std::vector<Ruling> run(const topology::Machine& m, const Stage& stage,
                                        FrameKind frames, const Image& image,
                                        const packet::PacketSet& set) override;
  [[nodiscard]] std::vector<Ruling> nat(const topology::Machine& m, HookPoint point,
                                        const Image& image, const packet::PacketSet& set,
                                        bool legacy_last) override;
  [[nodiscard]] std::optional<packet::PacketSet> may_get_past(const topology::Machine& m,
                                                              const Image& image) override;
  [[nodiscard]] bool only_drops(const topology::Machine& m, HookPoint point,
                                FrameKind frames) override;
  [[nodiscard]] std::uint64_t number(const topology::Device& device) const override;

 private:
  struct Rules;
  struct Question {  // how an image is asked
    Image compiled;
    std::vector<packet::Assign> known;
    packet::Rewrite copied;  // Copy alone: after the numbers were filled in
  };
  [[nodiscard]] Chains& chains(const Rules& rules, const topology::Machine& m, FrameKind frames);
  [[nodiscard]] const Rules& rules(const topology::Machine& m) const { return *rules_[m.id.value]; }
  [[nodiscard]] Question question(const Image& image) const;
  [[nodiscard]] std::optional<packet::Rewrite> copies(const Image& image, Quantity known) const;
  [[nodiscard]] Image answer(const Question& question, const Image& asked, const Image& left) const;
  [[nodiscard]] std::vector<Ruling> rulings(const Question& question, const Image& image,
                                            const Result<packet::VerdictMap>& map,
                                            const packet::PacketSet& set);

  Algebra& algebra_;
  Effects& effects_;
  bool little_endian_;
  std::vector<std::unique_ptr<Rules>> rules_;  // by NsId
};

}  // namespace bulkhead::reach::walks
