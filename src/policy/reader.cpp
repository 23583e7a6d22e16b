#include "policy/reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

constexpr std::size_t kMostComplaints = 20;
constexpr std::size_t kLongestQuote = 80;
constexpr std::array<std::string_view, 3> kModes{"off", "audit", "enforce"};

std::optional<Port> port_number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && value != 0;
  return whole ? std::optional(Port{value}) : std::nullopt;
}

// "53/udp": what stands before the stroke, and the protocol; "22" is of TCP.
std::pair<std::string_view, std::optional<IpProtocol>> split_port(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view protocol =
      slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  const std::string_view numbers = text.substr(0, slash);
  if (protocol == "tcp") return {numbers, IpProtocol::kTcp};
  return {numbers, protocol == "udp" ? std::optional(IpProtocol::kUdp) : std::nullopt};
}

}  // namespace

std::string quoted(std::string_view text) {
  return "'" + escape_text(text, kLongestQuote) + "'";
}

bool Reader::is_full() const {
  return complaints_.size() == kMostComplaints;
}

void Reader::complain(yaml::Place place, std::string_view what) {
  if (is_full()) {
    ++dropped_;
    return;
  }
  complaints_.push_back(yaml::locate(file_, place) + std::string(what));
}

void Reader::unknown_key(const yaml::Entry& entry, std::string_view where,
                         std::span<const std::string_view> known) {
  complain(entry.key_place, "unknown key " + quoted(entry.key) + " in " + std::string(where) +
                                suggestion(entry.key, known));
}

void Reader::not_yet(const yaml::Entry& entry) {
  complain(entry.key_place, quoted(entry.key) +
                                " is not understood by this version of Bulkhead; take it out, so "
                                "that nobody relies on it");
}

Status Reader::finish() && {
  if (complaints_.empty()) return {};
  std::string all;
  for (const std::string& complaint : complaints_) all += (all.empty() ? "" : "\n") + complaint;
  if (dropped_ != 0) all += "\n" + std::to_string(dropped_) + " more";
  return fail(ErrorCode::kInvalidInput, std::move(all));
}

bool Reader::is(const yaml::Node& node, yaml::NodeKind kind, std::string_view what) {
  if (node.kind == kind) return true;
  static constexpr std::array<std::string_view, 3> kNames{"a single value", "a list", "a map"};
  complain(node.place,
           std::string(what) + " must be " + std::string(kNames[static_cast<std::size_t>(kind)]));
  return false;
}

std::string Reader::text(const yaml::Node& node, std::string_view what) {
  if (!is(node, yaml::NodeKind::kScalar, what)) return {};
  if (node.scalar.empty()) complain(node.place, std::string(what) + " is empty");
  return node.scalar;
}

bool Reader::truth(const yaml::Node& node, std::string_view what) {
  const bool known = node.plain && (node.scalar == "true" || node.scalar == "false");
  if (node.kind != yaml::NodeKind::kScalar || !known)
    complain(node.place, std::string(what) + " must be true or false");
  return node.scalar == "true";
}

std::vector<Word> Reader::words(const yaml::Node& node, std::string_view what) {
  std::vector<Word> out;
  if (node.kind == yaml::NodeKind::kScalar) {
    out.push_back({text(node, what), node.place});
  } else if (is(node, yaml::NodeKind::kList, what)) {
    for (const yaml::Node& item : node.items) out.push_back({text(item, what), item.place});
  }
  return out;
}

std::vector<std::string> Reader::plain_words(const yaml::Node& node, std::string_view what) {
  std::vector<std::string> out;
  for (Word& word : words(node, what)) out.push_back(std::move(word.text));
  return out;
}

std::vector<Prefix> Reader::prefixes(const yaml::Node& node, std::string_view what) {
  std::vector<Prefix> out;
  if (!is(node, yaml::NodeKind::kList, what)) return out;
  for (const yaml::Node& item : node.items) {
    auto prefix = Prefix::parse(text(item, what));
    if (prefix) {
      out.push_back(*prefix);
    } else {
      complain(item.place, prefix.error().message);
    }
  }
  return out;
}

std::optional<PortSpec> Reader::port(const Word& word) {
  const auto [number, protocol] = split_port(word.text);
  const auto port = port_number(number);
  if (port && protocol) return PortSpec{*port, *protocol};
  complain(word.place, quoted(word.text) + " is not a port; write 22/tcp or 53/udp");
  return std::nullopt;
}

void Reader::add_range(const Word& word, std::vector<PortSpec>& out) {
  const auto [numbers, protocol] = split_port(word.text);
  const std::size_t dash = numbers.find('-');
  const auto first = port_number(numbers.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? std::nullopt : port_number(numbers.substr(dash + 1));
  if (!first || !last || !protocol || *last < *first) {
    complain(word.place,
             quoted(word.text) + " is no range of ports; write 8000-8010/tcp, the lower one first");
    return;
  }
  for (std::uint32_t port = first->number; port <= last->number; ++port)
    out.push_back({Port{static_cast<std::uint16_t>(port)}, *protocol});
}

std::vector<PortSpec> Reader::ports(const yaml::Node& node, std::string_view what) {
  std::vector<PortSpec> out;
  for (const Word& word : words(node, what)) {
    if (word.text.contains('-')) {
      add_range(word, out);
    } else if (auto spec = port(word)) {
      out.push_back(*spec);
    }
  }
  if (out.size() > kMostPorts) {
    complain(node.place, std::string(what) + ": holds " + std::to_string(out.size()) +
                             " ports; at most " + std::to_string(kMostPorts) + " of a line");
    out.resize(kMostPorts);
  }
  return out;
}

std::optional<Mode> Reader::mode(const yaml::Node& node) {
  const std::string word = text(node, "mode");
  const auto found = std::ranges::find(kModes, word);
  if (found != kModes.end()) return static_cast<Mode>(found - kModes.begin());
  complain(node.place, "unknown mode " + quoted(word) + suggestion(word, kModes));
  return std::nullopt;
}

std::uint64_t Reader::end_of_day(const yaml::Node& node, std::string& written) {
  written = text(node, "expires");
  auto day = parse_day(written);
  if (day) return *day + kDayMs;  // the named day is the last on which it holds
  complain(node.place, day.error().message);
  return 0;
}

bool Reader::clause(const yaml::Entry& field, Clause& clause) {
  if (field.key == "why") {
    clause.why = text(field.value, "why");
  } else if (field.key == "expires") {
    clause.expires_ms = end_of_day(field.value, clause.expires);
  } else {
    return false;
  }
  return true;
}

}  // namespace bulkhead::policy
