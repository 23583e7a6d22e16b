// What a walk asked of one end of its connection, so that what is known of one source, or of one
// destination, can be said of others.
//
// Only that end's address and port are followed, by value: a packet field that holds one of them
// and is asked for is noted, wherever it stands (an answer has the source as its destination). What
// cannot be retold for another end makes the record unclear: other forms of asking than plain
// comparisons of an IPv4 address and look-ups of it in sets, and rules that see frames. Of a
// source: routes that rest on it, and jumps to other chains anywhere but on the host (whose like in
// another namespace may hold other rules). Of a destination: whatever happens where a packet is at
// its end, or is sent to another; the routes to it are noted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "trace/fib.h"
#include "trace/filter_fields.h"
#include "trace/source_cells.h"

namespace bulkhead::trace {

namespace filtering {
class ChainIndex;
class SetCode;
struct ElementCode;
struct Program;
}  // namespace filtering

class EndReads {
 public:
  // A comparison of an IPv4 address x: whether (x & mask) - first <= span.
  struct Test {
    std::uint64_t mask = 0, first = 0, span = 0;
    [[nodiscard]] bool holds(std::uint64_t address) const {
      return (address & mask) - first <= span;
    }
    friend bool operator==(const Test&, const Test&) = default;
  };

  // ---- what the walk says
  void follow(IpAddress address, Port port) { address_ = address, port_number_ = port; }
  // Nothing will be said of others: noted is only whether the port and the MAC address were asked
  // for.
  void note_port_alone() { port_alone_ = true; }
  [[nodiscard]] bool follows(const IpAddress& address) const { return address == address_; }
  [[nodiscard]] bool follows(Port port) const { return port == port_number_; }
  void asked(const Test& test);
  // A chain was gone through to its rule `last` by what is filed under the address in a part of its
  // index; by a packet that looked so, if given: what is filed for others can be asked of its like.
  struct Sight {
    const filtering::Program* program = nullptr;
    filtering::FieldTable fields;
    filtering::Names names;
    friend bool operator==(const Sight&, const Sight&) = default;
  };
  void looked_up(const filtering::ChainIndex& index, std::size_t part, std::uint32_t last,
                 const std::optional<Sight>& sight = std::nullopt);
  // A set was searched for a key that holds the address or the port in these places: what is found
  // for another end is seen by searching once more.
  struct Search {
    static constexpr std::size_t kMostPlaces = 2;
    struct Place {
      std::uint8_t at = 0;  // of the first byte in the key
      bool port = false;    // else the IPv4 address
      friend bool operator==(const Place&, const Place&) = default;
    };
    const filtering::SetCode* set = nullptr;
    std::vector<std::uint8_t> key;  // as the register holds it
    std::array<Place, kMostPlaces> places{};
    std::uint8_t count = 0;  // of places
    const filtering::ElementCode* found = nullptr;
    friend bool operator==(const Search&, const Search&) = default;
  };
  void searched(Search search);
  void asked_port() { port_ = true; }
  void asked_mac() { mac_ = true; }      // whose frame it is
  void asked_input() { input_ = true; }  // by what device the packet came in
  void asked_type() { type_ = true; }    // of address, by the routes of the machine
  void unclear() { unclear_ = true; }
  // What happened to a packet rests on its very source address (it is the receiver's own, a route
  // back is missing, ...).
  void singular() { singular_ = true; }
  // A rule chose this destination, or this source for it.
  void sent_to(const IpAddress& translated);
  void reached_socket() { reached_ = true; }
  // Rules came to the same for all sources of this cell (NatAreas).
  void asked_within(const AddressCell& area);
  // The routes of a machine chose the way there, for packets of this type of service.
  void routed(const Fib4& fib, std::uint8_t tos);
  // All that another record of the same end, or of one for which it holds, has noted.
  void also(const EndReads& other);

  // ---- what is known then
  [[nodiscard]] bool none() const {
    return is_clear() && !port_ && tests_.empty() && looks_.empty() && areas_.empty() &&
           searches_.empty();
  }
  [[nodiscard]] bool is_clear() const { return !unclear_ && !type_; }
  // Clear, but that it holds for addresses of the same type only.
  [[nodiscard]] bool is_clear_by_type() const { return !unclear_; }
  [[nodiscard]] bool type_was_asked() const { return type_; }
  [[nodiscard]] bool is_singular() const { return singular_; }
  [[nodiscard]] bool port_was_asked() const { return port_ || port_was_searched_; }
  // The MAC address by which a frame comes: an attacker has others.
  [[nodiscard]] bool mac_was_asked() const { return mac_; }
  [[nodiscard]] bool input_was_asked() const { return input_; }
  [[nodiscard]] bool socket_was_reached() const { return reached_; }
  // A connection from there would have been told the same. Only of a record that is clear (by type)
  // and not singular. Both are IPv4.
  [[nodiscard]] bool same_for(IpAddress other) const;
  // The same for all addresses of a range that holds its own. False also where that takes a closer
  // look. O(tests + looks * min(addresses, kMostLooked)).
  [[nodiscard]] bool same_within(const AddressPart& range) const;
  // Of the record of the destination of packets that were stopped: one to `other` would have been
  // stopped likewise. Cost: a route lookup for each machine on the way.
  [[nodiscard]] bool same_to(const IpAddress& other, Port port) const {
    return reaches_alike(other, port) && same_for(other, port);
  }
  // The same, also where rules are filed for `other`, as long as they let its packet by at a plain
  // comparison. nullopt: no; otherwise what these asked of the source.
  [[nodiscard]] std::optional<std::vector<Test>> same_to_from(const IpAddress& other,
                                                              Port port) const;
  // A comparison more, as if the walk of this source had made it.
  void asked_too(const std::vector<Test>& tests) {
    for (const Test& test : tests) asked(test);
  }
  // Where rules sent it, and what they hid it behind: for a machine with one of these addresses
  // things may be otherwise.
  [[nodiscard]] const std::vector<IpAddress>& destinations() const { return sent_to_; }
  // All comparisons, those of indexes too; nullopt: there are more than `most`, or sets were
  // searched.
  [[nodiscard]] std::optional<std::vector<Test>> tests(std::size_t most) const;
  // What a record of the IPv4 address says of others: all for which each comparison comes out the
  // same. nullopt: a set was searched, some comparison does not cut the addresses into intervals,
  // or there are more than kMostTests. O(tests * parts).
  [[nodiscard]] std::optional<AddressCell> cell_of(std::uint32_t address) const;
  static constexpr std::size_t kMostTests = 512;

 private:
  struct Look {
    const filtering::ChainIndex* index = nullptr;
    std::size_t part = 0;
    std::uint32_t last = 0;
    std::optional<Sight> sight;
  };
  [[nodiscard]] bool same_file(const Look& look, IpAddress other) const;
  [[nodiscard]] bool same_file_within(const Look& look, const AddressPart& range) const;
  [[nodiscard]] bool reaches_alike(const IpAddress& other, Port port) const;
  [[nodiscard]] bool same_for(IpAddress other, Port port) const;
  [[nodiscard]] bool same_but_looks(IpAddress other, Port port) const;
  [[nodiscard]] bool finds_alike(const Search& search, const IpAddress& other, Port port) const;
  [[nodiscard]] bool lets_by(const Look& look, const IpAddress& to, Port port,
                             std::vector<Test>& asked_of_source) const;
  struct Way {
    const Fib4* fib = nullptr;
    std::uint8_t tos = 0;
    RouteHit hit;
  };
  static constexpr std::size_t kMost = 256;
  static constexpr std::uint32_t kMostLooked = 64;

  IpAddress address_;
  Port port_number_;
  std::vector<Test> tests_;
  std::vector<Look> looks_;
  std::vector<Search> searches_;
  std::vector<IpAddress> sent_to_;
  std::vector<AddressCell> areas_;
  std::vector<Way> ways_;
  bool port_alone_ = false;
  bool port_ = false, port_was_searched_ = false, mac_ = false, input_ = false, type_ = false,
       unclear_ = false, singular_ = false, reached_ = false;
};

}  // namespace bulkhead::trace
