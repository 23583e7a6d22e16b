#include <curl/curl.h>

#include <memory>

#include "notify/deliver.h"

namespace bulkhead::notify {
namespace {

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What a receiver answers is of no interest, however much it is.
std::size_t ignore(char* /*data*/, std::size_t one, std::size_t count, void* /*into*/) {
  return one * count;
}

}  // namespace

Status post(const std::string& url, const std::string& body) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  const std::unique_ptr<curl_slist, ListDeleter> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"));
  if (!curl || !headers) return fail(ErrorCode::kUnavailable, "libcurl cannot be used");
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_POST, 1L);
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(kPatienceMs));
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_USERAGENT, "bulkhead");
  if (const CURLcode error = curl_easy_perform(c); error != CURLE_OK)
    return fail(ErrorCode::kUnavailable, curl_easy_strerror(error));
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  constexpr long kFirstGood = 200, kFirstElse = 300;
  if (status >= kFirstGood && status < kFirstElse) return {};
  return fail(ErrorCode::kUnavailable, "answered " + std::to_string(status));
}

}  // namespace bulkhead::notify
