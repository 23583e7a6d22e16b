// The privileged half: a forked process that enters namespaces, dumps bytes and hands sockets back.
//
// start() forks before any thread exists; afterwards the caller may drop all capabilities
// (drop_privileges) and still ask. One request at a time; every answer is bounded in size and time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "collect/seat_wish.h"

namespace bulkhead::collect {

class Broker {
 public:
  class Channel;  // collect/access.h: the dump requests, of no use elsewhere
  // Raw sockets are for scans alone: only then the reader keeps CAP_NET_RAW. Seats are made only
  // with kSeating, which is scanning too.
  enum class Rights : std::uint8_t { kReading, kScanning, kSeating };
  // Forks the reader. Works without root too: then what needs rights fails with kDenied.
  [[nodiscard]] static Result<Broker> start(Rights rights = Rights::kReading);
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) noexcept;
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();  // ends the reader and reaps it

  // A socket that belongs to the namespace with this nsfs inode (as listed before), close-on-exec
  // and non-blocking. Only AF_INET and AF_INET6, SOCK_STREAM, SOCK_DGRAM and SOCK_RAW, which is
  // IPPROTO_TCP with a large queue. The caller owns it.
  [[nodiscard]] Result<int> open_socket(std::uint64_t ns_inode, int family, int type);
  // Makes a neighbour's seat, which ends with this broker. kDenied with the step that failed, and
  // what the kernel said of it: no right, or no such kind of link in this kernel.
  [[nodiscard]] Result<MadeSeat> make_seat(const SeatWish& wish);
  // A non-blocking netlink socket that is told of tracked connections of that namespace when they
  // begin and end; `queue` bytes wait for the reader of it at most. Rights: CAP_NET_ADMIN.
  [[nodiscard]] Result<int> open_flow_events(std::uint64_t ns_inode, std::uint32_t queue);
  // The connections that the namespace tracks now, as the kernel dumps them (ctnetlink).
  [[nodiscard]] Result<Bytes> read_flows(std::uint64_t ns_inode);
  // Connects to a unix socket by path.
  [[nodiscard]] Result<int> connect_unix(const std::string& path);

 private:
  friend struct BrokerAccess;
  explicit Broker(std::unique_ptr<Channel> channel);
  std::unique_ptr<Channel> channel_;
};

// Gives up root's rights in this process for good: no capabilities, no new privileges. Must follow
// Broker::start(). Errors are reported, never ignored.
[[nodiscard]] Status drop_privileges();

}  // namespace bulkhead::collect
