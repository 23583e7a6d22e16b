// The elements of the sets of shape.nft: each as the bytes that the kernel keeps and as nft reads
// it, from one source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "compile/ranges.h"
#include "model/ruleset.h"

namespace bulkhead::compile {

struct Part {  // one field of a key, first to last
  Bytes first, last;
  std::string text;
  bool is_range = false;  // made by range_part(), be it of one address
};
// kUnsupported when nft could not be told the name ("a*" stands for more than itself).
[[nodiscard]] Result<Part> interface_part(std::string_view name);
// By its number, which changes when it is made anew: for what is asked by its name as well.
[[nodiscard]] Part index_part(IfIndex index, bool little_endian);
[[nodiscard]] Part mac_part(MacAddress mac);
[[nodiscard]] Part address_part(IpAddress address);
// MAC and type of a frame as they follow each other there, a number of eight bytes.
[[nodiscard]] Part frame_part(MacAddress mac, IpFamily family);
[[nodiscard]] Part raw_part(IpAddress address);  // where rules load bytes: @nh, @th
[[nodiscard]] Part range_part(const Range& range);
[[nodiscard]] Part family_part(IpFamily family);  // meta nfproto
[[nodiscard]] Part protocol_part(IpProtocol protocol);
[[nodiscard]] Part port_part(Port port);

// All sets by "family.name". What is put in twice is there once; of two that differ in a range of
// addresses alone and touch each other, one is left: nf_tables refuses an element that is contained
// in another (pipapo) and takes the first that matches, so no two may overlap.
class Elements {
 public:
  void add(std::string_view set, std::vector<Part> parts);
  // An element of a verdict map: what it names goes to that chain. No two may overlap.
  void add_goto(std::string_view map, std::vector<Part> parts, std::string chain);

  // Of all sets; ranges that are merged later count each. O(1): asked after each line.
  [[nodiscard]] std::size_t size() const { return size_; }
  // nft's text for `elements = {…}`, "" for none; in one order for the same elements.
  [[nodiscard]] std::string text(std::string_view set) const;
  // The same for the model, in the same order.
  [[nodiscard]] std::vector<model::SetElement> model(std::string_view set) const;

 private:
  // Parts that are one value, and those that are a range (at most one), by key of the former.
  struct Key {
    std::vector<Part> parts;
    std::string chain;  // of a verdict map
    std::size_t range_at = SIZE_MAX;
    std::vector<Range> ranges;
  };
  struct Flat {
    std::vector<Part> parts;
    std::string chain;
  };
  void put(std::string_view set, std::vector<Part> parts, std::string chain);
  [[nodiscard]] std::vector<Flat> flat(std::string_view set) const;
  std::map<std::string, std::map<std::string, Key>, std::less<>> sets_;
  std::size_t size_ = 0;
};

}  // namespace bulkhead::compile
