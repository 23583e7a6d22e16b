// One service of the catalogue as it is written down: by what it is known, what may be asked of it,
// and what its answers mean. The form is explained at the top of catalogue.yaml; users add files of
// the same form.
//
// Pure. A text from a user is bounded (yaml/yaml.h), and an entry that breaks a rule is left out
// and said with file, line and column; so is an entry that would have Bulkhead send what deny.h
// forbids.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "services/catalogue.h"

namespace bulkhead::services {

// What whoever reaches the service may do. kUnowned: nobody owns it yet, and its first visitor
// becomes its administrator. kUnknown is never folded into one of the others.
enum class Access : std::uint8_t { kUnknown, kOpen, kProtected, kUnowned };

enum class Asking : std::uint8_t {
  kBanner,  // nothing is sent: what comes by itself
  kHttp,    // one GET or HEAD without a body
  kSend,    // bytes, as they are
  kTls,     // a handshake without a certificate of our own
};

// One question. Two signs that ask the same share its answer.
struct Exchange {
  Asking asking = Asking::kBanner;
  IpProtocol protocol = IpProtocol::kTcp;
  std::string method, path;   // kHttp; the path as it stands in the request line
  std::string send;           // kSend: bytes
  bool after_banner = false;  // kSend: the server speaks first
  friend auto operator<=>(const Exchange&, const Exchange&) = default;
};

enum class Inside : std::uint8_t { kEither, kPlain, kTls };

// What an answer must hold; all that is given must fit. Texts are RE2 patterns over bytes (Latin-1,
// "." takes line ends); "" asks for nothing.
struct Sign {
  Exchange exchange;
  Inside inside = Inside::kEither;
  std::vector<std::uint16_t> statuses;  // any of them
  std::string header;  // fits one "name: value", the name in lower case; case does not matter
  std::string body;
  std::string bytes;                // kBanner, kSend: what came; kTls: the facts, one on each line
  Access means = Access::kUnknown;  // signs of access only
  std::uint32_t line = 0;
};

// Why nothing is asked.
enum class Silent : std::uint8_t { kNo, kPort, kOwner };

struct Entry {
  std::string id, name;
  ServiceClass service_class = ServiceClass::kApplication;
  bool tcp = false, udp = false;
  std::vector<std::uint16_t> ports, also;
  std::vector<std::string> processes, images;
  bool anywhere = false, front = false;
  Impact impact = Impact::kApplication;
  Tls tls = Tls::kNone;
  Confidence confidence = Confidence::kRecall;
  std::string source;
  Silent silent = Silent::kNo;
  bool generic = false;            // gives way to any that is not
  std::vector<std::string> beats;  // ids that fit as well but say less
  std::vector<Sign> known;         // any of them
  std::vector<Sign> access;        // the first that fits
  std::string file;
  std::uint32_t line = 0;
};

struct Entries {
  std::vector<Entry> entries;         // in the order of the file
  std::vector<std::string> problems;  // "FILE:LINE:COLUMN: what", one for each entry left out
};

inline constexpr std::size_t kMostEntries = 2000;
inline constexpr std::size_t kMostSigns = 64;        // of an entry, known and access together
inline constexpr std::size_t kLongestSend = 1024;    // bytes
inline constexpr std::size_t kLongestPattern = 512;  // characters

// Linear.
[[nodiscard]] Entries parse_entries(std::string_view text, std::string_view file);

// The catalogue that was compiled in. Parses it: some milliseconds, so ask once.
[[nodiscard]] Entries builtin_entries();

[[nodiscard]] std::string_view to_string(Access access);

// Among the entry's ports, those included that need a process or an image beside them.
[[nodiscard]] bool lists(const Entry& entry, Port port);

}  // namespace bulkhead::services
