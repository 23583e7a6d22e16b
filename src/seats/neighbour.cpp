#include "seats/neighbour.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "base/machine.h"
#include "base/text.h"

namespace bulkhead::seats {
namespace {

constexpr std::size_t kTried = 8;         // candidates
constexpr std::size_t kLooked = 100'000;  // addresses of a network, from its end
constexpr std::uint32_t kLoopbackFlag = 8, kPointToPoint = 16, kNoArp = 128;  // IFF_*

std::string seat_quoted(std::string_view text) {
  return "'" + escape_text(text, 64) + "'";
}

class NeighbourReader {
 public:
  NeighbourReader(const model::Snapshot& snapshot, std::string_view text)
      : snapshot_(snapshot), host_(snapshot.namespaces[snapshot.host.value]), text_(text) {}

  Result<Neighbour> read() {
    const std::size_t equals = text_.find('=');
    const std::string_view where = text_.substr(0, equals);
    const model::Link* link = find(where);
    if (link == nullptr) return not_found(where);
    if (Status fit = is_fit(*link); !fit) return std::unexpected(fit.error());
    out_.name = "seat:" + std::string(where);
    out_.link = link->name;
    out_.wish.link = link->index;
    out_.wish.bridge = link->kind == "bridge";
    if (equals != std::string_view::npos) {
      if (Status said = addresses(text_.substr(equals + 1), *link); !said)
        return std::unexpected(said.error());
    } else if (Status chosen = choose(*link); !chosen) {
      return std::unexpected(chosen.error());
    }
    gateways(*link);
    return std::move(out_);
  }

 private:
  [[nodiscard]] const model::Link* named(std::string_view name) const {
    const auto at =
        std::ranges::find_if(host_.links, [&](const model::Link& l) { return l.name == name; });
    return at == host_.links.end() ? nullptr : &*at;
  }

  [[nodiscard]] const model::Link* find(std::string_view where) const {
    if (const model::Link* link = named(where)) return link;
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::EngineNetwork& network : engine.networks) {
        if (network.name != where) continue;
        if (const model::Link* link = named(network.bridge)) return link;
        if (const model::Link* link = named(network.parent)) return link;
      }
    }
    return nullptr;
  }

  [[nodiscard]] std::unexpected<Error> not_found(std::string_view where) const {
    std::string known;
    for (const model::Link& link : host_.links) {
      if (is_fit(link)) known += (known.empty() ? "" : ", ") + escape_text(link.name, 32);
    }
    return fail(ErrorCode::kNotFound, "--seat: " + seat_quoted(where) +
                                          " is no interface of this host and no network "
                                          "of an engine; there are " +
                                          (known.empty() ? "none" : escape_text(known, 400)));
  }

  [[nodiscard]] Status is_fit(const model::Link& link) const {
    std::string wrong;
    if ((link.flags & kLoopbackFlag) != 0)
      wrong = "is the loopback";
    else if ((link.flags & (kPointToPoint | kNoArp)) != 0 || link.hw_type != 1)
      wrong = "has no neighbours";
    else if ((link.flags & 1) == 0)
      wrong = "is down";
    else if (link.master && link.kind != "bridge")
      wrong = "is a port of another; name that bridge";
    else if (link.bridge && link.bridge->stp)
      wrong = "runs the spanning tree protocol, and a new port would have to wait for it";
    else if (link.kind == "bridge" && !has_port(link))
      wrong = "is a bridge without a port: nobody is there, and its MAC address would change";
    if (wrong.empty()) return {};
    return fail(ErrorCode::kInvalidInput, "--seat: " + seat_quoted(link.name) + " " + wrong);
  }

  [[nodiscard]] bool has_port(const model::Link& bridge) const {
    return std::ranges::any_of(host_.links,
                               [&](const model::Link& l) { return l.master == bridge.index; });
  }

  // Of this family, the link's first address that is no link-local one of IPv6.
  [[nodiscard]] const model::Address* own_address(const model::Link& link, IpFamily family) const {
    for (const model::Address& a : host_.addresses) {
      if (a.link == link.index && a.local.family() == family &&
          !(a.local.is_v6() && a.local.is_link_local()))
        return &a;
    }
    return nullptr;
  }

  [[nodiscard]] const model::Address* own_in(const model::Link& link, const Prefix& network) const {
    const auto at = std::ranges::find_if(host_.addresses, [&](const model::Address& a) {
      return a.link == link.index && network.contains(a.local);
    });
    return at == host_.addresses.end() ? nullptr : &*at;
  }

  [[nodiscard]] Status addresses(std::string_view list, const model::Link& link) {
    while (!list.empty()) {
      const std::string_view word = list.substr(0, list.find(','));
      list.remove_prefix(std::min(word.size() + 1, list.size()));
      if (Status one = address(word, link); !one) return one;
    }
    if (out_.wish.candidates.empty() && !out_.wish.address6)
      return fail(ErrorCode::kInvalidInput,
                  "--seat: no address behind '='; write " + example(link));
    return {};
  }

  [[nodiscard]] Status address(std::string_view word, const model::Link& link) {
    const std::size_t slash = word.find('/');
    const auto read = IpAddress::parse(word.substr(0, slash));
    if (!read) return within("--seat", read.error());
    if (!not_a_machine(*read).empty() || read->is_loopback() || read->is_v4_mapped())
      return fail(ErrorCode::kInvalidInput,
                  "--seat: " + seat_quoted(word) + " can be no machine's address");
    std::uint8_t length = 0;
    if (slash != std::string_view::npos) {
      const std::string_view digits = word.substr(slash + 1);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), length);
      if (error != std::errc() || end != digits.data() + digits.size() || length == 0 ||
          length > read->bits())
        return fail(ErrorCode::kInvalidInput, "--seat: " + seat_quoted(word) +
                                                  " has no length of a prefix; write " +
                                                  (read->is_v6() ? "/64" : "/24"));
    } else if (const model::Address* own = own_address(link, read->family())) {
      length = own->prefix_length;
    } else {
      return fail(ErrorCode::kInvalidInput, "--seat: " + seat_quoted(link.name) +
                                                " has no address that would tell the "
                                                "network of " +
                                                read->to_string() + "; write " + read->to_string() +
                                                (read->is_v6() ? "/64" : "/24"));
    }
    if (Status fit = can_have(link, *read, length); !fit) return fit;
    const bool twice =
        read->is_v4() ? !out_.wish.candidates.empty() : out_.wish.address6.has_value();
    if (twice) return fail(ErrorCode::kInvalidInput, "--seat: more than one address of a family");
    if (read->is_v4())
      out_.wish.candidates = {*read}, out_.wish.length4 = length;
    else
      out_.wish.address6 = *read, out_.wish.length6 = length;
    return {};
  }

  // What was said, whether it can be of a machine there that is not there yet.
  [[nodiscard]] Status can_have(const model::Link& link, const IpAddress& address,
                                std::uint8_t length) {
    const auto wrong = [](const std::string& what) {
      return fail(ErrorCode::kInvalidInput, "--seat: " + what);
    };
    // A table of neighbours may still hold the seat of the scan before; whoever else is there
    // answers when he is asked.
    if (is_held(address)) return wrong(address.to_string() + " is in use");
    const Prefix network = Prefix::covering(address, length);
    if (is_of_network(address, network))
      return wrong(address.to_string() + " is of the whole network " + network.to_string() +
                   ", no machine's; write another one");
    const model::Address* own = own_address(link, address.family());
    if (own != nullptr && own_in(link, network) == nullptr)
      return wrong("this host's " + own->local.to_string() + " on " + seat_quoted(link.name) +
                   " is not in " + network.to_string() + "; write an address of " +
                   Prefix::covering(own->local, own->prefix_length).to_string());
    return {};
  }

  // The first one is its name, and the last one is for all (RFC 3021: but for two addresses alone).
  static bool is_of_network(const IpAddress& address, const Prefix& network) {
    return address.is_v4() && network.length() < 31 &&
           (address == network.first() || address == network.last());
  }

  // What to write for a seat there: on a network of IPv6 alone an address of that.
  [[nodiscard]] std::string example(const model::Link& link) {
    const std::string name = escape_text(link.name, 32) + "=";
    const model::Address* own = own_address(link, IpFamily::kV6);
    if (own == nullptr || own_address(link, IpFamily::kV4) != nullptr) return name + "192.0.2.7/24";
    const Prefix network = Prefix::covering(own->local, own->prefix_length);
    IpAddress free = network.first();
    constexpr int kTries = 256;
    for (int i = 0; i < kTries && (free == network.first() || is_held(free)); ++i)
      free = free.next();
    return name + free.to_string() + "/" + std::to_string(own->prefix_length);
  }

  [[nodiscard]] Status choose(const model::Link& link) {
    const model::Address* own = own_address(link, IpFamily::kV4);
    if (own == nullptr)
      return fail(ErrorCode::kInvalidInput, "--seat: " + seat_quoted(link.name) +
                                                " has no IPv4 address, so that none can be "
                                                "chosen; write " +
                                                example(link));
    const Prefix network = Prefix::covering(own->local, own->prefix_length);
    const std::uint32_t first = number(network.first()), last = number(network.last());
    for (std::uint32_t at = last - 1; at > first && last - at < kLooked; --at) {
      const IpAddress candidate = IpAddress::v4(at);
      if (has_it(candidate)) continue;
      out_.wish.candidates.push_back(candidate);
      if (out_.wish.candidates.size() == kTried) break;
    }
    if (out_.wish.candidates.empty())
      return fail(ErrorCode::kInvalidInput,
                  "--seat: no address of " + network.to_string() + " is free; say one");
    out_.wish.length4 = own->prefix_length;
    out_.network = network.to_string();
    return {};
  }

  static std::uint32_t number(const IpAddress& address) {
    std::uint32_t out = 0;
    for (const std::uint8_t octet : address.octets()) out = out << 8 | octet;
    return out;
  }

  // Or seems to: an old neighbour's address is not the first to be chosen.
  [[nodiscard]] bool has_it(const IpAddress& address) {
    if (is_held(address)) return true;
    if (neighbours_.empty()) {
      for (const model::NetNs& ns : snapshot_.namespaces) {
        for (const model::Neighbour& n : ns.neighbours)
          if (n.mac) neighbours_.insert(n.address);
      }
    }
    return neighbours_.contains(address);
  }

  [[nodiscard]] bool is_held(const IpAddress& address) {
    if (taken_.empty()) {
      for (const model::NetNs& ns : snapshot_.namespaces) {
        for (const model::Address& a : ns.addresses) taken_.insert(a.local);
      }
      for (const model::Engine& engine : snapshot_.engines) {
        for (const model::EngineNetwork& network : engine.networks)
          taken_.insert(network.gateways.begin(), network.gateways.end());
      }
    }
    return taken_.contains(address);
  }

  // What is not on that network is sent to the host, as its containers do.
  void gateways(const model::Link& link) {
    std::vector<Prefix> networks;
    if (!out_.wish.candidates.empty())
      networks.push_back(Prefix::covering(out_.wish.candidates.front(), out_.wish.length4));
    if (const auto& six = out_.wish.address6)
      networks.push_back(Prefix::covering(*six, out_.wish.length6));
    for (const Prefix& network : networks) {
      const model::Address* own = own_in(link, network);
      if (own != nullptr) out_.wish.gateways.push_back(own->local);
    }
  }

  const model::Snapshot& snapshot_;
  const model::NetNs& host_;
  std::string_view text_;
  std::set<IpAddress> taken_, neighbours_;
  Neighbour out_;
};

}  // namespace

Result<Neighbour> read_neighbour(const model::Snapshot& snapshot, std::string_view text) {
  if (snapshot.host.value >= snapshot.namespaces.size())
    return fail(ErrorCode::kUnavailable, "--seat: the host's own network could not be read");
  return NeighbourReader(snapshot, text).read();
}

}  // namespace bulkhead::seats
