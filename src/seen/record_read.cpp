#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "base/text.h"
#include "seen/record.h"

namespace bulkhead::seen {
namespace {

using Parsed = nlohmann::json;

constexpr std::string_view kOutside = "https://bulkhead.example/schemas/outside/1";
constexpr std::string_view kInside = "https://bulkhead.example/schemas/scan/1";

constexpr int kDeepest = 16;
constexpr std::uint64_t kLatestMs = 253'402'300'799'999;  // the end of the year 9999

// Before it is parsed: each level of nesting costs many times its one byte.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if ((c == '[' || c == '{') && ++depth > kDeepest) return true;
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

// The value at `key`; null when it is not there or `from` is no object.
const Parsed* member(const Parsed& from, const char* key) {
  if (!from.is_object()) return nullptr;
  const auto at = from.find(key);
  return at == from.end() ? nullptr : &*at;
}

std::string text_at(const Parsed& from, const char* key) {
  const Parsed* value = member(from, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<std::uint64_t> number_at(const Parsed& from, const char* key) {
  const Parsed* value = member(from, key);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::uint64_t>();
}

bool true_at(const Parsed& from, const char* key) {
  const Parsed* value = member(from, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

const Parsed& list_at(const Parsed& from, const char* key) {
  static const Parsed kNone = Parsed::array();
  const Parsed* value = member(from, key);
  return value != nullptr && value->is_array() ? *value : kNone;
}

// The values of an enum whose members are numbered from 0 to `last`, by their words.
template <typename Enum>
std::optional<Enum> named(std::string_view word, Enum last) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(last); ++i) {
    if (to_string(static_cast<Enum>(i)) == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<Record> read(std::string_view text) {
    if (text.size() > kLargestRecord)
      return wrong("over " + std::to_string(kLargestRecord) + " bytes");
    if (too_deep(text)) return wrong("nested too deeply for the result of a scan");
    const Parsed json = Parsed::parse(text, nullptr, false);
    if (json.is_discarded()) return wrong("not valid JSON");
    const std::string schema = text_at(json, "schema");
    if (schema != kOutside && schema != kInside)
      return wrong(
          "not the result of a scan; write one with bulkhead-scan -o FILE or bulkhead scan --json");
    Record out;
    out.host = text_at(json, "host");
    out.tool = text_at(json, "tool");
    out.zone = text_at(json, "zone");
    if (!out.zone.empty() && out.zone != "internet" && out.zone != "lan")
      return wrong("zone is '" + escape_text(out.zone, 32) + "'; it is internet or lan");
    out.taken_at_ms = number_at(json, "taken_at_ms").value_or(0);
    if (out.taken_at_ms > kLatestMs) return wrong("taken_at_ms is beyond the year 9999");
    out.elapsed_ms = number_at(json, "elapsed_ms").value_or(0);
    out.paused_ms = number_at(json, "paused_ms").value_or(0);
    out.finished = true_at(json, "finished");
    for (const Parsed& left : list_at(json, "left_out")) {
      const std::string what = text_at(left, "what");
      out.left_out.push_back(
          {what.empty() ? text_at(left, "seat") : what, text_at(left, "reason")});
    }
    for (const Parsed& seat : list_at(json, "seats")) {
      auto one = read_seat(seat);
      if (!one) return std::unexpected(one.error());
      out.seats.push_back(*std::move(one));
    }
    return out;
  }

 private:
  [[nodiscard]] std::unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorCode::kInvalidInput, escape_text(file_) + ": " + what);
  }

  Result<SeenFrom> read_seat(const Parsed& json) {
    SeenFrom out;
    out.vantage = text_at(json, "vantage");
    if (out.vantage.empty()) return wrong("a seat without a vantage");
    out.check.passed = true_at(json, "checked");
    out.check.engine = named(text_at(json, "engine"), Engine::kUdp).value_or(Engine::kConnect);
    out.check.why = text_at(json, "why");
    for (const Parsed& target : list_at(json, "targets")) {
      auto one = read_target(target);
      if (!one) return std::unexpected(one.error());
      if (!known_.emplace(out.vantage, one->scoped(), one->protocol).second)
        return wrong(one->scoped().to_string() + " stands there twice");
      out.targets.push_back(*std::move(one));
    }
    return out;
  }

  Result<Target> read_target(const Parsed& json) const {
    Target out;
    const std::string text = text_at(json, "to");
    const auto to = ScopedAddress::parse(text);
    if (!to) return wrong("'" + escape_text(text, 64) + "' is no address");
    out.to = to->address;
    out.link = to->link;
    const std::string protocol = text_at(json, "proto");
    if (protocol != "tcp" && protocol != "udp")
      return wrong(out.to.to_string() + ": '" + escape_text(protocol, 32) + "' is not tcp or udp");
    out.protocol = protocol == "tcp" ? IpProtocol::kTcp : IpProtocol::kUdp;
    for (const Parsed& name : list_at(json, "names")) {
      if (name.is_string()) out.names.push_back(name.get<std::string>());
    }
    out.swept.engine = named(text_at(json, "engine"), Engine::kUdp).value_or(Engine::kConnect);
    if (auto read = read_runs(json, out); !read) return std::unexpected(read.error());
    if (auto read = read_services(json, out); !read) return std::unexpected(read.error());
    return out;
  }

  Status read_runs(const Parsed& json, Target& target) const {
    std::uint32_t next = 0;
    for (const Parsed& run : list_at(json, "runs")) {
      const Parsed& ports = list_at(run, "ports");
      const auto bound = [&ports](std::size_t i) {
        return ports.size() == 2 && ports[i].is_number_unsigned() ? ports[i].get<std::uint64_t>()
                                                                  : std::uint64_t{1} << 32;
      };
      const std::uint64_t first = bound(0), last = bound(1);
      const auto state = named(text_at(run, "state"), State::kUnknown);
      const auto proof = named(text_at(run, "proof"), Proof::kUnchecked);
      if (first < next || first > last || last > 65535 || !state || !proof)
        return wrong(target.to.to_string() + ": a run of ports is not understood, or out of order");
      PortRun one{
          {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)}, *state, *proof, 0};
      one.error = static_cast<std::int32_t>(number_at(run, "errno").value_or(0) & 0xffff);
      target.swept.runs.push_back(one);
      next = static_cast<std::uint32_t>(last) + 1;
    }
    return {};
  }

  Status read_services(const Parsed& json, Target& target) const {
    for (const Parsed& open : list_at(json, "open")) {
      const auto port = number_at(open, "port");
      const Parsed* service = member(open, "service");
      if (!port || *port > 65535)
        return wrong(target.to.to_string() + ": an open port without a number");
      if (service == nullptr) continue;
      if (!target.services.empty() && target.services.back().port.number >= *port)
        return wrong(target.to.to_string() + ": open ports are out of order");
      target.services.push_back({Port{static_cast<std::uint16_t>(*port)},
                                 {text_at(*service, "id"), text_at(*service, "name"),
                                  text_at(*service, "access"), text_at(*service, "evidence")}});
    }
    return {};
  }

  std::string_view file_;
  std::set<std::tuple<std::string, ScopedAddress, IpProtocol>> known_;
};

}  // namespace

Result<Record> read_record(std::string_view text, std::string_view file) {
  return Reader(file).read(text);
}

}  // namespace bulkhead::seen
