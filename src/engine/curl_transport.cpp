// TCP and TLS by libcurl, told to do as little as it can.
#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "engine/transport.h"

namespace bulkhead::engine {
namespace {

struct TlsFiles {
  std::string ca, certificate, key;
};

bool readable(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

Result<TlsFiles> find_tls_files(const Endpoint& endpoint) {
  TlsFiles files;
  const std::string& folder = endpoint.tls_directory;
  if (folder.empty()) return files;
  if (endpoint.tls_verify) {
    files.ca = folder + "/ca.pem";
    if (!readable(files.ca)) {
      return fail(ErrorCode::kNotFound, escape_text(files.ca, 128) + " cannot be read");
    }
  }
  const bool certificate = readable(folder + "/cert.pem"), key = readable(folder + "/key.pem");
  if (certificate != key) {
    return fail(
        ErrorCode::kNotFound,
        escape_text(folder, 128) + ": cert.pem and key.pem belong together; one cannot be read");
  }
  if (certificate) {
    files.certificate = folder + "/cert.pem";
    files.key = folder + "/key.pem";
  }
  return files;
}

// What came of one answer, and whether it was cut off.
struct Received {
  HttpAnswer answer;
  std::size_t header_bytes = 0;
  std::uint64_t most_bytes = 0;
  bool too_long = false;
};

std::size_t on_body(char* data, std::size_t one, std::size_t count, void* into) {
  auto& received = *static_cast<Received*>(into);
  const std::size_t size = one * count;
  if (size > received.most_bytes - received.answer.body.size()) {
    received.too_long = true;
    return 0;  // libcurl ends the transfer
  }
  received.answer.body.append(data, size);
  return size;
}

std::size_t on_header(char*, std::size_t one, std::size_t count, void* into) {
  auto& received = *static_cast<Received*>(into);
  received.header_bytes += one * count;
  received.too_long |= received.header_bytes > HttpAnswerParser::kMostHeaderBytes;
  return received.too_long ? 0 : one * count;
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(Target target) : curl_(curl_easy_init()), target_(std::move(target)) {}
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;
  ~CurlTransport() override { curl_easy_cleanup(curl_); }

  bool prepare();
  bool prepare_tls(const TlsFiles& tls, bool verify);
  Result<HttpAnswer> get(const std::string& path, std::uint32_t timeout_ms,
                         std::uint64_t most_bytes) override;

 private:
  template <class T>
  bool set(CURLoption option, T value) {
    return curl_easy_setopt(curl_, option, value) == CURLE_OK;
  }
  bool ask(const std::string& path, std::uint32_t timeout_ms, Received& received);
  Error transfer_error(CURLcode code, const Received& received) const;

  CURL* curl_;
  Target target_;
  char message_[CURL_ERROR_SIZE] = "";
};

std::unexpected<Error> options_refused() {
  return fail(ErrorCode::kInternal, "libcurl does not take its options");
}

bool CurlTransport::prepare() {
  return curl_ != nullptr && set(CURLOPT_HTTPGET, 1L) && set(CURLOPT_FOLLOWLOCATION, 0L) &&
         set(CURLOPT_PROTOCOLS_STR, target_.tls ? "https" : "http") && set(CURLOPT_PROXY, "") &&
         set(CURLOPT_NOSIGNAL, 1L) &&
         set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1)) &&
         set(CURLOPT_PATH_AS_IS, 1L) && set(CURLOPT_USERAGENT, "bulkhead") &&
         set(CURLOPT_ERRORBUFFER, message_) && set(CURLOPT_WRITEFUNCTION, on_body) &&
         set(CURLOPT_HEADERFUNCTION, on_header);
}

bool CurlTransport::prepare_tls(const TlsFiles& tls, bool verify) {
  if (!set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)) ||
      !set(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) ||
      !set(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L)) {
    return false;
  }
  if (!tls.ca.empty()) {  // this one authority and no other
    if (!set(CURLOPT_CAINFO, tls.ca.c_str()) || !set(CURLOPT_CAPATH, nullptr)) return false;
  }
  if (tls.certificate.empty()) return true;
  return set(CURLOPT_SSLCERT, tls.certificate.c_str()) && set(CURLOPT_SSLKEY, tls.key.c_str());
}

bool CurlTransport::ask(const std::string& path, std::uint32_t timeout_ms, Received& received) {
  const long timeout = std::max<long>(timeout_ms, 1);  // 0 is endless
  return set(CURLOPT_URL, (target_.base + path).c_str()) && set(CURLOPT_TIMEOUT_MS, timeout) &&
         set(CURLOPT_CONNECTTIMEOUT_MS, timeout) && set(CURLOPT_WRITEDATA, &received) &&
         set(CURLOPT_HEADERDATA, &received);
}

Error CurlTransport::transfer_error(CURLcode code, const Received& received) const {
  if (received.too_long) {
    return {ErrorCode::kBudget,
            "the answer is longer than " + std::to_string(received.most_bytes) + " bytes"};
  }
  const bool refused = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM;
  const std::string text = message_[0] != '\0' ? message_ : curl_easy_strerror(code);
  return {refused ? ErrorCode::kDenied : ErrorCode::kUnavailable, escape_text(text, 200)};
}

Result<HttpAnswer> CurlTransport::get(const std::string& path, std::uint32_t timeout_ms,
                                      std::uint64_t most_bytes) {
  Received received;
  received.most_bytes = most_bytes;
  message_[0] = '\0';
  if (!ask(path, timeout_ms, received)) return options_refused();
  const CURLcode code = curl_easy_perform(curl_);
  if (code != CURLE_OK) return std::unexpected(transfer_error(code, received));
  long status = 0;
  const char* content_type = nullptr;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl_, CURLINFO_CONTENT_TYPE, &content_type);
  received.answer.status = static_cast<int>(status);
  received.answer.content_type = content_type == nullptr ? "" : content_type;
  return std::move(received.answer);
}

}  // namespace

Result<std::unique_ptr<Transport>> make_curl_transport(Target target, const Endpoint& endpoint) {
  static std::once_flag once;  // curl_global_init is not safe from several threads
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const bool secure = target.tls;
  auto transport = std::make_unique<CurlTransport>(std::move(target));
  if (!transport->prepare()) return options_refused();
  if (!secure) return transport;
  const auto tls = find_tls_files(endpoint);
  if (!tls) return std::unexpected(tls.error());
  if (!transport->prepare_tls(*tls, endpoint.tls_verify)) return options_refused();
  return transport;
}

}  // namespace bulkhead::engine
