#include "services/entry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <expected>
#include <set>
#include <utility>

#include "base/text.h"
#include "services/deny.h"
#include "yaml/yaml.h"

namespace bulkhead::services {
namespace {

using yaml::Node;
using yaml::NodeKind;
using yaml::Place;

constexpr std::size_t kMostItems = 128;      // of a list
constexpr std::size_t kLongestText = 512;    // of a value that is no pattern and nothing to send
constexpr std::size_t kLongestProcess = 15;  // what the kernel keeps of a name (TASK_COMM_LEN)

// The first thing that is wrong with an entry ends its reading.
struct Problem {
  Place place;
  std::string what;
};
template <class T>
using Read = std::expected<T, Problem>;
using Done = Read<void>;

std::unexpected<Problem> wrong(Place place, std::string what) {
  return std::unexpected(Problem{place, std::move(what)});
}

std::string quoted(std::string_view text) {
  return "'" + escape_text(text, 64) + "'";
}

Read<std::string> text_of(const Node& node, std::size_t longest = kLongestText) {
  if (node.kind != NodeKind::kScalar || node.scalar.empty())
    return wrong(node.place, "a text is wanted here");
  if (node.scalar.size() > longest)
    return wrong(node.place, "longer than " + std::to_string(longest) + " bytes");
  return node.scalar;
}

Read<std::vector<std::string>> texts_of(const Node& node, std::size_t longest = kLongestText) {
  if (node.kind != NodeKind::kList) return wrong(node.place, "a list is wanted here: [a, b]");
  if (node.items.size() > kMostItems) return wrong(node.place, "more than 128 items");
  std::vector<std::string> out;
  for (const Node& item : node.items) {
    auto text = text_of(item, longest);
    if (!text) return std::unexpected(text.error());
    out.push_back(*std::move(text));
  }
  return out;
}

Read<std::vector<std::uint16_t>> numbers_of(const Node& node, std::uint16_t least,
                                            std::uint16_t most, std::string_view what) {
  auto texts = texts_of(node);
  if (!texts) return std::unexpected(texts.error());
  std::vector<std::uint16_t> out;
  for (const std::string& text : *texts) {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
      return wrong(node.place, quoted(text) + " is not " + std::string(what));
    out.push_back(number);
  }
  return out;
}

template <class T>
using Word = std::pair<std::string_view, T>;

template <class T, std::size_t N>
Read<T> word_of(const Node& node, const std::array<Word<T>, N>& words) {
  auto text = text_of(node);
  if (!text) return std::unexpected(text.error());
  std::string all;
  for (const auto& [word, value] : words) {
    if (*text == word) return value;
    all += (all.empty() ? "" : ", ") + std::string(word);
  }
  return wrong(node.place, quoted(*text) + " is none of: " + all);
}

constexpr auto kClasses = std::to_array<Word<ServiceClass>>({
    {"management", ServiceClass::kManagement},
    {"traditional", ServiceClass::kTraditional},
    {"application", ServiceClass::kApplication},
    {"client", ServiceClass::kClient},
});
constexpr auto kImpacts = std::to_array<Word<Impact>>({
    {"host", Impact::kHost},
    {"cluster", Impact::kCluster},
    {"code", Impact::kCode},
    {"secrets", Impact::kSecrets},
    {"data", Impact::kData},
    {"console", Impact::kConsole},
    {"control", Impact::kControl},
    {"info", Impact::kInfo},
    {"application", Impact::kApplication},
});
constexpr auto kTls = std::to_array<Word<Tls>>({
    {"none", Tls::kNone},
    {"optional", Tls::kOptional},
    {"starttls", Tls::kStarttls},
    {"required", Tls::kRequired},
    {"mtls", Tls::kMutual},
});
constexpr auto kConfidence = std::to_array<Word<Confidence>>({
    {"verified", Confidence::kVerified},
    {"documented", Confidence::kDocumented},
    {"recall", Confidence::kRecall},
});
constexpr auto kSilent =
    std::to_array<Word<Silent>>({{"port", Silent::kPort}, {"owner", Silent::kOwner}});
constexpr auto kMeanings = std::to_array<Word<Access>>({
    {"open", Access::kOpen},
    {"protected", Access::kProtected},
    {"unowned", Access::kUnowned},
});
constexpr auto kProtocols =
    std::to_array<Word<IpProtocol>>({{"tcp", IpProtocol::kTcp}, {"udp", IpProtocol::kUdp}});
constexpr auto kInsides =
    std::to_array<Word<Inside>>({{"plain", Inside::kPlain}, {"tls", Inside::kTls}});
constexpr auto kAfter = std::to_array<Word<bool>>({{"banner", true}});
constexpr auto kTrue = std::to_array<Word<bool>>({{"true", true}});

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "PING\r\n", "\x00\x1e" -> bytes.
Read<std::string> bytes_of(const Node& node) {
  const auto text = text_of(node, 4 * kLongestSend);
  if (!text) return std::unexpected(text.error());
  std::string out;
  for (std::size_t i = 0; i < text->size(); ++i) {
    if ((*text)[i] != '\\') {
      out += (*text)[i];
      continue;
    }
    const char kind = ++i < text->size() ? (*text)[i] : '\0';
    if (kind == 'r' || kind == 'n' || kind == 't' || kind == '\\') {
      out += kind == 'r' ? '\r' : kind == 'n' ? '\n' : kind == 't' ? '\t' : '\\';
      continue;
    }
    const int high = i + 1 < text->size() ? hex_digit((*text)[i + 1]) : -1;
    const int low = i + 2 < text->size() ? hex_digit((*text)[i + 2]) : -1;
    if (kind != 'x' || high < 0 || low < 0)
      return wrong(node.place, "only \\r, \\n, \\t, \\\\ and \\xNN are understood behind a \\");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.size() > kLongestSend) return wrong(node.place, "longer than 1024 bytes");
  return out;
}

// Puts what was read where it belongs.
template <class T>
Done put(T& out, Read<T> read) {
  if (!read) return std::unexpected(read.error());
  out = *std::move(read);
  return {};
}

Read<std::string> pattern_of(const Node& node) {
  return text_of(node, kLongestPattern);
}

class SignReader {
 public:
  explicit SignReader(bool access) : access_(access) {}

  Read<Sign> read(const Node& node) {
    if (node.kind != NodeKind::kMap)
      return wrong(node.place, "a sign is a map, as in get: /version");
    sign_.line = node.place.line;
    for (const yaml::Entry& entry : node.entries) {
      if (Done good = field(entry); !good) return std::unexpected(good.error());
    }
    if (const std::string lack = what_lacks(); !lack.empty()) return wrong(node.place, lack);
    if (const auto why = refusal(sign_.exchange))
      return wrong(node.place, "would never be sent: " + *why);
    return std::move(sign_);
  }

 private:
  Done field(const yaml::Entry& entry) {
    const std::string& key = entry.key;
    const Node& value = entry.value;
    if (key == "banner" || key == "tls")
      return asks(key, entry, put(sign_.bytes, pattern_of(value)));
    if (key == "get" || key == "head")
      return asks(key, entry, put(sign_.exchange.path, text_of(value)));
    if (key == "send") return asks(key, entry, put(sign_.exchange.send, bytes_of(value)));
    if (key == "over") return put(sign_.exchange.protocol, word_of(value, kProtocols));
    if (key == "after") return put(sign_.exchange.after_banner, word_of(value, kAfter));
    if (key == "in") return put(sign_.inside, word_of(value, kInsides));
    if (key == "status")
      return put(sign_.statuses, numbers_of(value, 100, 599, "a status of HTTP"));
    if (key == "header") return put(sign_.header, pattern_of(value));
    if (key == "body") return put(sign_.body, pattern_of(value));
    if (key == "answer") return put(sign_.bytes, pattern_of(value));
    if (key == "means" && access_) return put(sign_.means, word_of(value, kMeanings));
    return wrong(entry.key_place, "a sign has no key " + quoted(key));
  }

  Done asks(std::string_view key, const yaml::Entry& entry, Done done) {
    if (!asking_.empty())
      return wrong(entry.key_place, "a sign asks once: " + asking_ + " or " + std::string(key));
    asking_ = key;
    Exchange& exchange = sign_.exchange;
    if (key == "banner") exchange.asking = Asking::kBanner;
    if (key == "tls") exchange.asking = Asking::kTls;
    if (key == "send") exchange.asking = Asking::kSend;
    if (key == "get" || key == "head") {
      exchange.asking = Asking::kHttp;
      exchange.method = key == "get" ? "GET" : "HEAD";
    }
    return done;
  }

  [[nodiscard]] std::string what_lacks() const {
    const bool http = sign_.exchange.asking == Asking::kHttp;
    const bool has_http = !sign_.statuses.empty() || !sign_.header.empty() || !sign_.body.empty();
    if (asking_.empty()) return "a sign asks one of banner, get, head, send, tls";
    if (!http && has_http) return "status, header and body go with get or head";
    if (http && !sign_.bytes.empty()) return "answer goes with send";
    if (asking_ == "send" && sign_.bytes.empty()) return "send needs an answer";
    if (asking_ != "send" && sign_.exchange.after_banner) return "after goes with send";
    if (asking_ != "send" && sign_.exchange.protocol != IpProtocol::kTcp)
      return "over goes with send";
    if (access_ && sign_.means == Access::kUnknown) return "a sign of access says what it means";
    return {};
  }

  bool access_;
  std::string asking_;
  Sign sign_;
};

Done put_signs(std::vector<Sign>& out, const Node& node, bool access) {
  if (node.kind != NodeKind::kList) return wrong(node.place, "a list of signs is wanted here");
  if (node.items.size() > kMostSigns) return wrong(node.place, "more than 64 signs");
  for (const Node& item : node.items) {
    auto sign = SignReader(access).read(item);
    if (!sign) return std::unexpected(sign.error());
    out.push_back(*std::move(sign));
  }
  return {};
}

class EntryReader {
 public:
  explicit EntryReader(std::string_view file) { entry_.file = file; }

  Read<Entry> read(const Node& node) {
    if (node.kind != NodeKind::kMap) return wrong(node.place, "a service is a map: id, name, ...");
    entry_.line = node.place.line;
    for (const yaml::Entry& entry : node.entries) {
      given_.insert(entry.key);
      if (Done good = field(entry); !good) return std::unexpected(good.error());
    }
    if (const std::string lack = what_lacks(); !lack.empty()) return wrong(node.place, lack);
    return std::move(entry_);
  }

 private:
  Done field(const yaml::Entry& entry) {
    const std::string& key = entry.key;
    const Node& value = entry.value;
    if (key == "id") return id(value);
    if (key == "name") return put(entry_.name, text_of(value));
    if (key == "class") return put(entry_.service_class, word_of(value, kClasses));
    if (key == "transport") return transport(value);
    if (key == "ports") return put(entry_.ports, numbers_of(value, 1, 65535, "a port"));
    if (key == "also") return put(entry_.also, numbers_of(value, 1, 65535, "a port"));
    if (key == "process") return put(entry_.processes, texts_of(value, kLongestProcess));
    if (key == "images") return put(entry_.images, texts_of(value, 128));
    if (key == "anywhere") return put(entry_.anywhere, word_of(value, kTrue));
    if (key == "front") return put(entry_.front, word_of(value, kTrue));
    if (key == "impact") return put(entry_.impact, word_of(value, kImpacts));
    if (key == "tls") return put(entry_.tls, word_of(value, kTls));
    if (key == "confidence") return put(entry_.confidence, word_of(value, kConfidence));
    if (key == "source") return put(entry_.source, text_of(value));
    return identification(entry);
  }

  Done identification(const yaml::Entry& entry) {
    const std::string& key = entry.key;
    const Node& value = entry.value;
    if (key == "silent") return put(entry_.silent, word_of(value, kSilent));
    if (key == "generic") return put(entry_.generic, word_of(value, kTrue));
    if (key == "beats") return put(entry_.beats, texts_of(value));
    if (key == "known") return put_signs(entry_.known, value, false);
    if (key == "access") return put_signs(entry_.access, value, true);
    return wrong(entry.key_place, "a service has no key " + quoted(key));
  }

  Done id(const Node& node) {
    if (Done good = put(entry_.id, text_of(node, 64)); !good) return good;
    const bool plain = std::ranges::all_of(entry_.id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return plain ? Done() : wrong(node.place, "an id holds a-z, 0-9 and - only");
  }

  Done transport(const Node& node) {
    const auto texts = texts_of(node);
    if (!texts) return std::unexpected(texts.error());
    entry_.tcp = std::ranges::find(*texts, "tcp") != texts->end();
    entry_.udp = std::ranges::find(*texts, "udp") != texts->end();
    if (texts->empty() || texts->size() != std::size_t{entry_.tcp} + std::size_t{entry_.udp})
      return wrong(node.place, "transport is tcp, udp or both");
    return {};
  }

  [[nodiscard]] std::string what_lacks() const {
    for (const char* key :
         {"id", "name", "class", "transport", "impact", "tls", "confidence", "source"}) {
      if (!given_.contains(key)) return "a service needs " + std::string(key);
    }
    const bool known = !entry_.ports.empty() || !entry_.processes.empty() ||
                       !entry_.images.empty() || !entry_.known.empty() || !entry_.also.empty();
    if (!known) return entry_.id + " has nothing by which it could be known";
    if (entry_.known.empty() == (entry_.silent == Silent::kNo))
      return "a service has either known signs or silent: port, owner";
    if (entry_.silent != Silent::kNo && !entry_.access.empty())
      return "a service that is not asked has no signs of access";
    if (entry_.known.size() + entry_.access.size() > kMostSigns) return "more than 64 signs";
    return {};
  }

  Entry entry_;
  std::set<std::string> given_;
};

}  // namespace

Entries parse_entries(std::string_view text, std::string_view file) {
  Entries out;
  const auto root = yaml::parse(text, file);
  if (!root) {
    out.problems.push_back(root.error().message);
    return out;
  }
  const auto say = [&](Place place, std::string_view what) {
    out.problems.push_back(yaml::locate(file, place) + std::string(what));
  };
  if (root->kind != NodeKind::kList) {
    if (!root->entries.empty() || root->kind != NodeKind::kMap)
      say(root->place, "a list of services is wanted: each begins with '- id: '");
    return out;
  }
  if (root->items.size() > kMostEntries) {
    say(root->place, "more than 2000 services");
    return out;
  }
  std::set<std::string> seen;
  for (const Node& node : root->items) {
    auto entry = EntryReader(file).read(node);
    if (!entry) {
      say(entry.error().place, entry.error().what);
    } else if (!seen.insert(entry->id).second) {
      say(node.place, "the id " + quoted(entry->id) + " is there twice");
    } else {
      out.entries.push_back(*std::move(entry));
    }
  }
  return out;
}

std::string_view to_string(Access access) {
  switch (access) {
    case Access::kUnknown: return "unknown";
    case Access::kOpen: return "open";
    case Access::kProtected: return "protected";
    case Access::kUnowned: return "unowned";
  }
  return "";
}

bool lists(const Entry& entry, Port port) {
  return std::ranges::find(entry.ports, port.number) != entry.ports.end() ||
         std::ranges::find(entry.also, port.number) != entry.also.end();
}

}  // namespace bulkhead::services
