// What came back from a service, as plain values. All of it is hostile: show it through
// escape_text() only. Whoever fills it in keeps it within the bounds below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::services {

inline constexpr std::size_t kMostAnswerBytes =
    16UL * 1024;                                   // of one exchange, headers or body each
inline constexpr std::size_t kMostEvidence = 256;  // bytes kept for a report

struct HttpResponse {
  int status = 0;
  std::vector<std::string> headers;  // "name: value", the name in lower case
  std::string body;                  // its beginning, still as it was sent (no decompression)
};

// Facts of a TLS handshake. Nothing was verified: they say who the server claims to be.
struct TlsFacts {
  bool complete = false;        // the handshake came to its end (in TLS 1.3 a refusal may follow)
  std::string version, alpn;    // "TLSv1.3", "h2"
  std::string subject, issuer;  // RFC 2253
  std::vector<std::string> names;     // of the certificate: DNS names and addresses
  std::string not_before, not_after;  // "2026-11-24T10:00:00Z"; "" when there is no certificate
  bool client_certificate_asked = false;
  std::optional<std::uint8_t> alert;  // that the server sent, RFC 8446 6.2; close_notify left out
};

// One fact on each line, escaped, as the signs of a catalogue see them.
[[nodiscard]] std::string to_lines(const TlsFacts& facts);

// The server insists on a certificate of ours.
[[nodiscard]] bool wants_certificate(const TlsFacts& facts);

enum class Ending : std::uint8_t {
  kComplete,  // the answer has an end and it came; or bytes came and then silence
  kClosed,    // the other side closed
  kCut,       // longer than we read
  kSilent,    // nothing came in time
  kFailed,    // no connection, a reset, an ICMP error
  kWithheld,  // not sent: deny.h, or no time was left
};

struct Answer {
  std::size_t exchange = 0;  // index in Matcher::exchanges()
  bool in_tls = false;
  Ending ending = Ending::kSilent;
  std::string bytes;                 // what came (inside TLS: decrypted), at most kMostAnswerBytes
  std::optional<HttpResponse> http;  // when the bytes are an answer of HTTP/1.x
  std::optional<TlsFacts> tls;       // when a handshake was tried
};

}  // namespace bulkhead::services
