#include "identify/tls_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <span>

#include "base/address.h"

namespace bulkhead::identify {
namespace {

constexpr long kMostCertificateBytes = 64L * 1024;
constexpr std::size_t kMostNames = 64, kLongestName = 512;

struct BioFree {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct NamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, BioFree> out(BIO_new(BIO_s_mem()));
  if (!out || name == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0)
    return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, std::min(static_cast<std::size_t>(std::max(size, 0L)), kLongestName)};
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string name_of(const GENERAL_NAME& name) {
  int type = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(&name, &type));
  if (value == nullptr || (type != GEN_DNS && type != GEN_IPADD)) return {};
  const std::span octets(ASN1_STRING_get0_data(value),
                         static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (type == GEN_IPADD) {
    const auto address = IpAddress::from_octets(octets);
    return address ? address->to_string() : "";
  }
  return {reinterpret_cast<const char*>(octets.data()), std::min(octets.size(), kLongestName)};
}

void add_names(const X509* certificate, std::vector<std::string>& out) {
  const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count && out.size() < kMostNames; ++i) {
    std::string name = name_of(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty()) out.push_back(std::move(name));
  }
}

}  // namespace

Result<TlsContext> TlsContext::make() {
  // Nothing that openssl.cnf of this machine says may decide what is heard, nor load anything into
  // a program that is linked statically.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  TlsContext out(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = out.get();
  if (context == nullptr) return fail(ErrorCode::kInternal, "OpenSSL: no context");
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_cert_list(context, kMostCertificateBytes);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_info_callback(context, TlsClient::on_info);
  SSL_CTX_set_client_cert_cb(context, TlsClient::on_certificate_request);
  return out;
}

Result<std::unique_ptr<TlsClient>> TlsClient::make(const TlsContext& context, Alpn alpn) {
  SSL* ssl = SSL_new(context.get());
  BIO* in = ssl == nullptr ? nullptr : BIO_new(BIO_s_mem());
  BIO* out = in == nullptr ? nullptr : BIO_new(BIO_s_mem());
  if (out == nullptr) {
    BIO_free(in);
    SSL_free(ssl);
    return fail(ErrorCode::kInternal, "OpenSSL: out of memory");
  }
  std::unique_ptr<TlsClient> client(new TlsClient(ssl));
  BIO_set_mem_eof_return(in, -1);  // empty means "not yet", not the end
  SSL_set_bio(ssl, in, out);
  SSL_set_app_data(ssl, client.get());
  SSL_set_connect_state(ssl);
  constexpr std::string_view kBoth = "\x02h2\x08http/1.1", kOne = "\x08http/1.1";
  const std::string_view offer = alpn == Alpn::kHttp2And1 ? kBoth : kOne;
  if (alpn != Alpn::kNone)
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned>(offer.size()));
  client->proceed();
  return client;
}

TlsClient::~TlsClient() = default;

// OpenSSL's types of callback, which give nothing but the connection.
void TlsClient::on_info(const SSL* ssl, int where, int value) {
  auto* self = static_cast<TlsClient*>(SSL_get_app_data(ssl));
  const auto description = static_cast<std::uint8_t>(value & 0xff);
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT || self == nullptr) return;
  if (description != SSL_AD_CLOSE_NOTIFY) self->alert_ = description;
}

int TlsClient::on_certificate_request(SSL* ssl, X509**, EVP_PKEY**) {
  auto* self = static_cast<TlsClient*>(SSL_get_app_data(ssl));
  if (self != nullptr) self->asked_ = true;
  return 0;  // none
}

void TlsClient::feed(std::string_view bytes) {
  fed_ += bytes.size();
  if (fed_ > kMostReceived) failed_ = true;
  if (failed_ || bytes.empty()) return;
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  proceed();
}

void TlsClient::judge(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_ZERO_RETURN) ended_ = true;
  if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) failed_ = true;
}

void TlsClient::proceed() {
  ERR_clear_error();
  if (!open_) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) return judge(result);
    open_ = true;
  }
  read_plain();
}

void TlsClient::read_plain() {
  std::array<char, 4096> part;
  int size = 0;
  while ((size = SSL_read(ssl_.get(), part.data(), static_cast<int>(part.size()))) > 0)
    plain_.append(part.data(), static_cast<std::size_t>(size));
  judge(size);
}

void TlsClient::write(std::string_view plain) {
  ERR_clear_error();
  if (!plain.empty()) judge(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())));
}

std::string TlsClient::output() {
  std::string out;
  std::array<char, 4096> part;
  int size = 0;
  while ((size = BIO_read(SSL_get_wbio(ssl_.get()), part.data(), static_cast<int>(part.size()))) >
         0)
    out.append(part.data(), static_cast<std::size_t>(size));
  return out;
}

std::string TlsClient::received() {
  return std::exchange(plain_, {});
}

services::TlsFacts TlsClient::facts() const {
  services::TlsFacts out;
  out.complete = open_;
  out.alert = alert_;
  out.client_certificate_asked = asked_;
  if (open_) out.version = SSL_get_version(ssl_.get());
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &alpn, &size);
  if (alpn != nullptr) out.alpn.assign(reinterpret_cast<const char*>(alpn), size);
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return out;
  out.subject = name_text(X509_get_subject_name(certificate));
  out.issuer = name_text(X509_get_issuer_name(certificate));
  out.not_before = time_text(X509_get0_notBefore(certificate));
  out.not_after = time_text(X509_get0_notAfter(certificate));
  add_names(certificate, out.names);
  return out;
}

}  // namespace bulkhead::identify
