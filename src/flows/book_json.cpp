#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "flows/book.h"

namespace bulkhead::flows {
namespace {

using Json = nlohmann::ordered_json;
using Parsed = nlohmann::json;

constexpr const char* kSchema = "https://bulkhead.example/schemas/flows/1";
constexpr int kDeepest = 8;
constexpr std::uint64_t kLatestMs = 253402300799999;  // the end of the year 9999
constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 53;

Json peer_json(const Peer& peer) {
  Json out = {{"kind", to_string(peer.kind)}};
  if (peer.kind == PeerKind::kContainer) out["container"] = peer.who;
  if (peer.address)
    out["address"] = peer.address->is_unspecified() ? "others" : peer.address->to_string();
  return out;
}

Json flow_json(const Flow& flow, const Counts& counts) {
  Json out = {{"from", peer_json(flow.from)},
              {"to", peer_json(flow.to)},
              {"family", flow.family == IpFamily::kV4 ? 4 : 6},
              {"proto", to_string(flow.protocol)},
              {"port", flow.dialled.number}};
  if (flow.served != flow.dialled) out["served"] = flow.served.number;
  if (flow.at) out["at"] = flow.at->to_string();
  out["tries"] = counts.tries;
  out["answered"] = counts.answered;
  if (counts.unclear != 0) out["unclear"] = counts.unclear;
  if (counts.lost != 0) out["lost"] = counts.lost;
  out["first_ms"] = counts.first_ms;
  out["last_ms"] = counts.last_ms;
  return out;
}

Json who_json(const Who& who) {
  Json out = {{"engine", who.engine}, {"name", who.name}, {"image", who.image}};
  if (!who.project.empty()) out["project"] = who.project;
  if (!who.service.empty()) out["service"] = who.service;
  if (!who.labels.empty()) out["labels"] = who.labels;
  return out;
}

class BookReader {
 public:
  explicit BookReader(std::string_view file) : file_(file) {}

  Result<Book> read(std::string_view text) {
    if (text.size() > kLargestBook) return wrong("over " + std::to_string(kLargestBook) + " bytes");
    bool deep = false;
    const Parsed json = Parsed::parse(
        text,
        [&deep](int depth, Parsed::parse_event_t, Parsed&) {
          deep = deep || depth > kDeepest;
          return depth <= kDeepest;
        },
        false);
    if (json.is_discarded() || deep || !json.is_object())
      return wrong("not valid JSON of the right form");
    if (!json.contains("schema") || json["schema"] != kSchema)
      return wrong("not what `bulkhead learn` keeps; write one with bulkhead learn --state FILE");
    Book out;
    out.runs = number(json, "runs", kMostCounted);
    out.since_ms = number(json, "since_ms", kLatestMs);
    out.until_ms = number(json, "until_ms", kLatestMs);
    if (const Parsed* losses = member(json, "losses"); losses != nullptr) {
      Losses::fields(out.losses, [&](const char* name, std::uint64_t& count) {
        count = number(*losses, name, kMostCounted);
      });
    }
    for (const Parsed& who : list(json, "containers", kMostWhos)) read_who(who, out);
    for (const Parsed& flow : list(json, "flows", kMostFlows)) read_flow(flow, out);
    if (!error_.empty()) return wrong(error_);
    return out;
  }

 private:
  [[nodiscard]] std::unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorCode::kInvalidInput, escape_text(file_) + ": " + what);
  }
  void complain(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }

  static const Parsed* member(const Parsed& json, const char* key) {
    if (!json.is_object()) return nullptr;
    const auto at = json.find(key);
    return at == json.end() ? nullptr : &*at;
  }
  std::uint64_t number(const Parsed& json, const char* key, std::uint64_t most,
                       std::uint64_t absent = 0) {
    const Parsed* value = member(json, key);
    if (value == nullptr) return absent;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() <= most)
      return value->get<std::uint64_t>();
    complain(std::string(key) + " is not a number from 0 to " + std::to_string(most));
    return absent;
  }
  std::string text(const Parsed& json, const char* key) {
    const Parsed* value = member(json, key);
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    complain(std::string(key) + " is no text");
    return {};
  }
  const Parsed& list(const Parsed& json, const char* key, std::size_t most) {
    static const Parsed kNone = Parsed::array();
    const Parsed* value = member(json, key);
    if (value != nullptr && value->is_array() && value->size() <= most) return *value;
    complain(std::string(key) + " is no list of at most " + std::to_string(most));
    return kNone;
  }

  void read_who(const Parsed& json, Book& out) {
    Who who{text(json, "engine"),  text(json, "name"),    text(json, "image"),
            text(json, "project"), text(json, "service"), {}};
    if (const Parsed* labels = member(json, "labels"); labels != nullptr && labels->is_object()) {
      for (const auto& [key, value] : labels->items()) {
        if (value.is_string()) who.labels.emplace(key, value.get<std::string>());
      }
    }
    if (who.name.empty()) complain("a container without a name");
    const std::size_t before = out.whos().size();
    if (const auto added = out.intern(who); !added || *added != before)
      complain("container '" + escape_text(who.name, 64) + "' stands there twice");
  }

  std::optional<IpAddress> address(const Parsed& json, const char* key, IpFamily family) {
    const std::string word = text(json, key);
    if (word.empty()) return std::nullopt;
    if (word == "others") return IpAddress::any(family);
    const auto parsed = IpAddress::parse(word);
    if (parsed && parsed->family() == family) return *parsed;
    complain("'" + escape_text(word, 64) + "' is no address of this flow's family");
    return std::nullopt;
  }

  Peer read_peer(const Parsed& json, const char* key, IpFamily family, const Book& book) {
    static const Parsed kNothing = Parsed::object();
    const Parsed* at = member(json, key);
    const Parsed& value = at == nullptr ? kNothing : *at;
    const std::string kind = text(value, "kind");
    Peer out;
    for (const PeerKind k : {PeerKind::kHost, PeerKind::kContainer, PeerKind::kOutside,
                             PeerKind::kNobody, PeerKind::kUnsure}) {
      if (to_string(k) != kind) continue;
      out.kind = k;
      if (k == PeerKind::kHost) return out;
      if (k == PeerKind::kContainer) {
        const std::uint64_t who = number(value, "container", kMostWhos, kMostWhos);
        if (who >= book.whos().size()) complain("a flow of a container that is not there");
        out.who = static_cast<std::uint32_t>(who);
        return out;
      }
      out.address = address(value, "address", family);
      if (!out.address) complain("a flow without an address");
      return out;
    }
    complain("'" + escape_text(kind, 32) + "' is not host, container, outside, nobody or unsure");
    return out;
  }

  Port port(const Parsed& json, const char* key, Port absent) {
    return {static_cast<std::uint16_t>(number(json, key, 65535, absent.number))};
  }

  void read_flow(const Parsed& json, Book& out) {
    if (!error_.empty()) return;
    Flow flow;
    const std::uint64_t family = number(json, "family", 6);
    if (family != 4 && family != 6) return complain("family is not 4 or 6");
    flow.family = family == 4 ? IpFamily::kV4 : IpFamily::kV6;
    const std::string protocol = text(json, "proto");
    if (protocol != "tcp" && protocol != "udp") return complain("proto is not tcp or udp");
    flow.protocol = protocol == "tcp" ? IpProtocol::kTcp : IpProtocol::kUdp;
    flow.from = read_peer(json, "from", flow.family, out);
    flow.to = read_peer(json, "to", flow.family, out);
    flow.dialled = port(json, "port", {});
    flow.served = port(json, "served", flow.dialled);
    flow.at = address(json, "at", flow.family);
    Counts counts;
    counts.tries = number(json, "tries", kMostCounted);
    counts.answered = number(json, "answered", kMostCounted);
    counts.unclear = number(json, "unclear", kMostCounted);
    counts.lost = number(json, "lost", kMostCounted);
    counts.first_ms = number(json, "first_ms", kLatestMs);
    counts.last_ms = number(json, "last_ms", kLatestMs);
    if (out.flows().contains(flow)) return complain("a flow stands there twice");
    if (error_.empty()) out.add(flow, counts);
  }

  std::string_view file_;
  std::string error_;
};

}  // namespace

std::string book_json(const Book& book) {
  Json losses;
  Losses::fields(book.losses, [&](const char* name, std::uint64_t count) { losses[name] = count; });
  Json out = {{"schema", kSchema},
              {"runs", book.runs},
              {"since_ms", book.since_ms},
              {"until_ms", book.until_ms},
              {"losses", std::move(losses)}};
  const auto line = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::string text = line(out);
  text.pop_back();
  const auto list = [&](std::string_view name, const auto& all, auto write) {
    text += ",\n\"" + std::string(name) + "\":[";
    bool first = true;
    for (const auto& one : all) {
      text += (first ? "\n" : ",\n") + line(write(one));
      first = false;
    }
    text += "]";
  };
  list("containers", book.whos(), who_json);
  list("flows", book.flows(), [](const auto& one) { return flow_json(one.first, one.second); });
  return text + "}\n";
}

Result<Book> read_book(std::string_view text, std::string_view file) {
  return BookReader(file).read(text);
}

}  // namespace bulkhead::flows
