// Ranges of addresses for which comparisons hold, and the classes that they make. Inside query.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "query/source_classes.h"

namespace bulkhead::query {

// Collects ranges [first, last] of addresses for which something holds, by a number each; the same
// number stands for what nothing tells apart.
class Marks {
 public:
  // A comparison with this range.
  void range(IpAddress first, IpAddress last) {
    if (last < first) std::swap(first, last);
    std::string token = "=";
    append(token, first.octets());
    append(token, last.octets());
    add(first, last, token);
  }
  void prefix(const Prefix& p) { range(p.first(), p.last()); }
  void single(IpAddress a) { range(a, a); }
  // What holds for it is known by `token`.
  void add(IpAddress first, IpAddress last, const std::string& token) {
    if (last < first) std::swap(first, last);
    const auto next = static_cast<std::uint32_t>(tokens_.size());
    const std::uint32_t number = tokens_.try_emplace(token, next).first->second;
    edges_.push_back({first, number, true});
    end(last, number);
  }
  // Any two addresses in it may be told apart.
  void opaque(IpAddress first, IpAddress last) {
    if (last < first) std::swap(first, last);
    edges_.push_back({first, kOpaque, true});
    end(last, kOpaque);
  }

  static void append(std::string& token, ByteView bytes) {
    token.append(bytes.begin(), bytes.end());
    token += static_cast<char>(bytes.size());
  }

  SourceClasses classes() &&;

 private:
  static constexpr std::uint32_t kOpaque = UINT32_MAX;
  struct Edge {
    IpAddress at;
    std::uint32_t token = 0;
    bool begins = false;
  };
  void end(IpAddress last, std::uint32_t token) {
    IpAddress behind = last.next();
    if (behind <= last && last.is_v4())
      behind = IpAddress::any(IpFamily::kV6);  // the next there is
    if (behind > last) edges_.push_back({behind, token, false});
  }

  std::unordered_map<std::string, std::uint32_t> tokens_;
  std::vector<Edge> edges_;
};

}  // namespace bulkhead::query
