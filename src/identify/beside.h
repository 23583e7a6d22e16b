// Services are asked who they are while the sweep that finds them goes on, in its loop.
//
// Of a machine that is being flooded, silence means little: what was not answered then is asked
// again when the sweep is over (Asker::misses_answers). So what is said of a service is what asking
// it afterwards would have said; only the waiting is done beside the packets.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "identify/identify.h"
#include "probe/sweep.h"

namespace bulkhead::identify {

class BesideSweep final : public probe::Companion {
 public:
  // Whom to ask about an open port; nullopt: nobody, or not yet. Asked once for each port.
  using Choice = std::function<std::optional<Target>(std::size_t aim, Port port)>;

  // Limits::in_flight is that of what comes after the sweep; beside it kMostBeside sockets are
  // open.
  BesideSweep(const services::Matcher& matcher, Limits limits, Choice choose);

  void found(std::size_t aim, Port port) override;
  [[nodiscard]] int descriptor() const override { return asker_.descriptor(); }
  void turn() override { asker_.turn(); }

  // After the sweep, for each port that is wanted in the end: its number in the findings. `target`
  // is asked unless what found() learnt of this port will do.
  std::size_t want(std::size_t aim, Port port, const std::function<Target()>& target);
  // Of a sweep that was cut short: what is known, if this port was asked.
  [[nodiscard]] std::optional<std::size_t> known(std::size_t aim, Port port) const;

  // All that is wanted, with the bounds of identify().
  [[nodiscard]] Identified finish();
  [[nodiscard]] Identified give_up();  // what is known, at once

 private:
  struct Early {
    std::optional<std::size_t> target;  // nullopt: nobody was asked
    bool wanted = false;
  };
  Choice choose_;
  std::uint32_t in_flight_;
  Asker asker_;
  std::map<std::pair<std::size_t, Port>, Early> early_;
};

// Sockets of an identification while connect() may want as many as there are.
inline constexpr std::uint32_t kMostBeside = 64;

}  // namespace bulkhead::identify
