// Which flows were seen, who had the addresses at that time, how often and when: what `learn` keeps
// on disk from one run to the next, and what `plan --seen` reads.
//
// Containers are kept by the facts by which a policy tells them (name, image, Compose, labels), not
// by address or id. Bounded: kMostWhos, kMostFlows, and kMostStrangers outside addresses at one end
// of otherwise equal flows; beyond them the address is any() of its family, "others". What does not
// fit is counted.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "model/engine.h"
#include "model/fields.h"

namespace bulkhead::flows {

inline constexpr std::size_t kMostWhos = 4096;
inline constexpr std::size_t kMostFlows = 65536;
inline constexpr std::size_t kMostStrangers = 256;
inline constexpr std::size_t kLargestBook = std::size_t{64} << 20;  // bytes on disk

struct Who {  // a container
  std::string engine, name, image, project, service;
  std::map<std::string, std::string> labels;  // without those that change with each start
  friend auto operator<=>(const Who&, const Who&) = default;
  // As policies look at it.
  [[nodiscard]] model::Container container() const;
};
[[nodiscard]] Who who_is(const model::Engine& engine, const model::Container& container);

enum class PeerKind : std::uint8_t {
  kHost,
  kContainer,
  kOutside,
  kNobody,  // an address of an engine's network that nobody held
  kUnsure,  // an address that changed hands at that time
};
[[nodiscard]] std::string_view to_string(PeerKind kind);  // "container"

struct Peer {
  PeerKind kind = PeerKind::kHost;
  std::uint32_t who = 0;             // kContainer: in Book::whos
  std::optional<IpAddress> address;  // kOutside, kNobody, kUnsure
  friend auto operator<=>(const Peer&, const Peer&) = default;
};

struct Flow {
  Peer from, to;
  IpFamily family = IpFamily::kV4;
  IpProtocol protocol = IpProtocol::kTcp;
  Port dialled, served;
  std::optional<IpAddress> at;  // dialled, when that is not the server's own: the host's, mostly
  friend auto operator<=>(const Flow&, const Flow&) = default;
};

struct Counts {
  std::uint64_t tries = 0, answered = 0;
  std::uint64_t unclear = 0;  // of the tries: nobody knows who dialled
  std::uint64_t lost = 0;     // of the tries: their end was not seen
  std::uint64_t audited = 0;  // packets that mode audit counted, not kept on disk
  std::uint64_t first_ms = 0, last_ms = 0;
  void add(const Counts& other);
  friend bool operator==(const Counts&, const Counts&) = default;
};

struct Losses {
  std::uint64_t overflows = 0;  // times at which the kernel had no room for events
  std::uint64_t dropped = 0;    // flows and events for which there was no room here
  std::uint64_t groups = 0;     // to multicast and broadcast addresses
  std::uint64_t others = 0;     // of other protocols than TCP and UDP
  std::uint64_t passing = 0;    // from the host or from outside to outside: no policy speaks of it
  BULKHEAD_FIELDS(BULKHEAD_F(overflows) BULKHEAD_F(dropped) BULKHEAD_F(groups) BULKHEAD_F(others)
                      BULKHEAD_F(passing))
  friend bool operator==(const Losses&, const Losses&) = default;
};

class Book {
 public:
  [[nodiscard]] const std::vector<Who>& whos() const { return whos_; }
  [[nodiscard]] const std::map<Flow, Counts>& flows() const { return flows_; }
  Losses losses;
  std::uint64_t since_ms = 0, until_ms = 0;  // of all runs; 0: none yet
  std::uint64_t runs = 0;

  // nullopt when there is no room; losses.dropped then counts it.
  [[nodiscard]] std::optional<std::uint32_t> intern(const Who& who);
  // Adds to what is there of this flow; returns what it is kept as. O(log n), now and then O(n).
  std::optional<Flow> add(Flow flow, const Counts& counts);

 private:
  [[nodiscard]] bool has_room();
  void fold_strangers(Flow& flow);
  std::vector<Who> whos_;
  std::map<Who, std::uint32_t> known_;
  std::map<Flow, Counts> flows_;
  std::map<Flow, std::set<IpAddress>> strangers_;  // by the flow without them
};

// Ends with a newline.
[[nodiscard]] std::string book_json(const Book& book);
// kInvalidInput names the file and what is wrong.
[[nodiscard]] Result<Book> read_book(std::string_view text, std::string_view file);

}  // namespace bulkhead::flows
