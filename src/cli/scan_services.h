// What answers at the open ports of a scan, asked of the services themselves.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "identify/beside.h"
#include "model/snapshot.h"
#include "probe/lane.h"
#include "probe/socket_source.h"
#include "query/query.h"
#include "scan/result.h"
#include "services/matcher.h"

namespace bulkhead::cli {

// Listeners; of the rest no more than the process is told.
inline constexpr std::size_t kMostIdentified = 1024;

// Asks while the sweep goes on, and after it what is left. A listener that several seats reach is
// asked once, from the first of them. `plan` is that of `result`, and `sockets` are of its seats;
// all outlive this.
class OpenPortServices {
 public:
  struct Means {
    const services::Matcher& matcher;
    probe::SocketSource& sockets;
    const std::atomic<bool>& stop;
    std::function<bool()> hold;  // as of identify::Limits
    std::function<void(const identify::Progress&)> tell;
  };
  OpenPortServices(const query::Asker& asker, const scan::Plan& plan, Means means);

  [[nodiscard]] probe::Companion& companion() { return beside_; }
  // Fills OpenPort::service of what a catalogue's entry fits. Returns within
  // identify::Limits::all_ms and a little, and soon after `stop`: the result is not finished then.
  // Of one that is not finished already, at once, with what is known.
  void fill(scan::Result& result);

 private:
  [[nodiscard]] std::optional<identify::Target> choose(std::size_t aim, Port port);

  const query::Asker& asker_;
  const scan::Plan& plan_;
  Means means_;
  // A listener: the socket that the model names, or else the address as one seat sees it.
  using Listener = std::tuple<const model::Socket*, std::size_t, ScopedAddress, Port, IpProtocol>;
  static Listener listener_of(const scan::Aim& aim, const scan::OpenPort& open);
  std::map<Listener, std::size_t> first_;  // the first aim so far
  std::size_t walks_ = 0;                  // through the model, during the sweep
  identify::BesideSweep beside_;
};

// What makes the services of UDP ports speak: those of the catalogue, and what listens on this host
// on whatever port.
[[nodiscard]] probe::UdpPayloads payloads_for(const services::Matcher& matcher,
                                              const model::Snapshot& snapshot);

}  // namespace bulkhead::cli
