// TLS against `openssl s_server`, with an authority and certificates made for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/docker.h"

namespace bulkhead::engine {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void run(const std::string& command) {
  if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) throw std::runtime_error(command);
}

class Tls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    char folder[] = "/tmp/bulkhead-tls.XXXXXX";
    if (::mkdtemp(folder) == nullptr) throw std::runtime_error("no folder");
    folder_ = folder;
    const std::string key =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ";
    for (const std::string name : {"ours", "other"}) {
      fs::create_directories(folder_ + "/" + name);
      run("cd " + folder_ + "/" + name + " && " + key + "-subj /CN=ca-" + name +
          " -keyout ca-key.pem -out ca.pem");
      sign(name, "server", "subjectAltName=IP:127.0.0.1");
      sign(name, "cert", "extendedKeyUsage=clientAuth");
      fs::rename(folder_ + "/" + name + "/cert-key.pem", folder_ + "/" + name + "/key.pem");
    }
    sign("ours", "elsewhere", "subjectAltName=DNS:elsewhere.example");
    answers();
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  void TearDown() override {
    if (server_ <= 0) return;
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    ::fclose(output_);
  }

  // Makes NAME.pem and NAME-key.pem signed by that authority.
  static void sign(const std::string& authority, const std::string& name,
                   const std::string& extension) {
    const std::string at = "cd " + folder_ + "/" + authority + " && ";
    run(at + "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" +
        name + " -keyout " + name + "-key.pem -out request.pem");
    std::ofstream(folder_ + "/extension") << extension << "\n";
    run(at +
        "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 "
        "-extfile ../extension -out " +
        name + ".pem");
  }

  // `s_server -HTTP` sends files that hold the headers too.
  static void answers() {
    const auto put = [](const std::string& path, const std::string& body) {
      fs::create_directories(fs::path(folder_ + path).parent_path());
      std::ofstream(folder_ + path) << "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
                                    << body;
    };
    put("/version", R"({"ApiVersion":"1.41","MinAPIVersion":"1.12","Version":"tls"})");
    put("/v1.41/info", "{}");
    put("/v1.41/networks", "[]");
    put("/v1.41/containers/json?all=1", "[]");
  }

  // On a port that the kernel chooses, which it prints.
  void serve(const std::string& certificate, const std::string& more = "") {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    server_ = ::fork();
    if (server_ == 0) {
      ::dup2(ends[1], 1);
      ::close(ends[0]);
      if (::chdir(folder_.c_str()) != 0) ::_exit(1);
      const std::string command = "exec openssl s_server -HTTP -accept 127.0.0.1:0 -cert ours/" +
                                  certificate + ".pem -key ours/" + certificate + "-key.pem " +
                                  more + " 2>/dev/null";
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(1);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
    char line[256];
    while (::fgets(line, sizeof line, output_) != nullptr) {
      const std::string text = line;
      if (!text.starts_with("ACCEPT")) continue;
      port_ = text.substr(text.rfind(':') + 1);
      while (!port_.empty() && (port_.back() < '0' || port_.back() > '9')) port_.pop_back();
      return;
    }
    FAIL() << "openssl s_server does not start";
  }

  Result<model::Engine> read(const std::string& certificates, bool verify = true) {
    Limits limits;
    limits.timeout_ms = 3000;
    return read_engine({"tcp://127.0.0.1:" + port_,
                        certificates.empty() ? "" : folder_ + "/" + certificates, verify},
                       nullptr, limits);
  }

  static std::string folder_;
  pid_t server_ = 0;
  FILE* output_ = nullptr;
  std::string port_;
};
std::string Tls::folder_;

TEST_F(Tls, AServerOfOurAuthorityIsBelieved) {
  serve("server");
  const auto engine = read("ours");
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ(engine->version, "tls");
}

TEST_F(Tls, AServerOfAnotherAuthorityIsNot) {
  serve("server");
  const auto engine = read("other");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kDenied) << engine.error().message;
  EXPECT_THAT(engine.error().message, HasSubstr("certificate"));
}

TEST_F(Tls, ACertificateForAnotherNameIsNot) {
  serve("elsewhere");
  const auto engine = read("ours");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kDenied) << engine.error().message;
}

TEST_F(Tls, WithoutVerificationWhoeverAnswersIsBelieved) {
  serve("elsewhere");
  EXPECT_TRUE(read("other", false));
}

TEST_F(Tls, AServerThatAsksForAClientGetsOurCertificate) {
  serve("server", "-Verify 1 -CAfile ours/ca.pem -verify_return_error");
  const auto engine = read("ours");
  EXPECT_TRUE(engine) << engine.error().message;
}

TEST_F(Tls, AServerThatAsksForAClientRefusesAnother) {
  serve("server", "-Verify 1 -CAfile ours/ca.pem -verify_return_error");
  EXPECT_FALSE(read("other", false));
}

TEST_F(Tls, PlainHttpToATlsPortGetsNoAnswer) {
  serve("server");
  EXPECT_FALSE(read(""));
}

TEST_F(Tls, MissingFilesAreNamed) {
  const auto engine =
      read_engine({"tcp://127.0.0.1:1", folder_ + "/nothing", true}, nullptr, Limits{});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(engine.error().message, HasSubstr("/nothing/ca.pem"));
}

}  // namespace
}  // namespace bulkhead::engine
