// The servers of real_services.yaml, each started on loopback in a new network namespace of this
// process and in PID and mount namespaces of their own: when the one process that we started ends,
// all of them do.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/text.h"
#include "identify/identify.h"
#include "yaml/yaml.h"

namespace bulkhead::identify {
namespace {

using services::Finding;
using services::Matcher;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

struct Row {
  std::string name, set, start, id, access;
  Port port;
  bool udp = false, tls = false;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Row row_of(const yaml::Node& node) {
  Row out;
  for (const yaml::Entry& e : node.entries) {
    const std::string& text = e.value.scalar;
    if (e.key == "name") out.name = text;
    if (e.key == "set") out.set = text;
    if (e.key == "start") out.start = text;
    if (e.key == "id") out.id = text == "none" ? "" : text;
    if (e.key == "access") out.access = text;
    if (e.key == "udp") out.udp = true;
    if (e.key == "tls") out.tls = true;
    if (e.key == "port") std::from_chars(text.data(), text.data() + text.size(), out.port.number);
  }
  return out;
}

std::vector<Row> rows() {
  const std::string path = BULKHEAD_SOURCE_DIR "/tests/identify/real_services.yaml";
  const auto root = yaml::parse(read_file(path), path);
  if (!root) throw std::runtime_error(root.error().message);
  std::vector<Row> out;
  for (const yaml::Node& node : root->items) {
    Row row = row_of(node);
    if (row.set == BULKHEAD_SERVICES) out.push_back(std::move(row));
  }
  return out;
}

// A new namespace, in which nothing of the test before is left. It goes when the last process in it
// does.
bool enter_own_network() {
  return ::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0;
}

class Server {
 public:
  explicit Server(const std::string& start) {
    std::string name = "/tmp/bulkhead-identify-XXXXXX";
    folder_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
    // The shell stays the namespace's first process, with which all others end: a server in its
    // place that changes its user is no longer ended with us (PR_SET_PDEATHSIG).
    const std::string script =
        "set -e; mount -t tmpfs tmpfs /run; cd " + folder_ + "\n(\n" + start + "\n) & wait $!";
    const std::string log = folder_ + ".log";
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execlp("unshare", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
             script.c_str(), nullptr);
    ::_exit(127);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    // What was mounted went with the namespace; a process may still be on its way out.
    for (int i = 0; i < 20 && !folder_.empty() && std::filesystem::exists(folder_); ++i) {
      std::filesystem::remove_all(folder_, ignored);
      if (ignored) std::this_thread::sleep_for(milliseconds(50));
    }
    std::filesystem::remove(folder_ + ".log", ignored);
  }
  [[nodiscard]] bool ended() const { return ::waitpid(pid_, nullptr, WNOHANG) != 0; }
  [[nodiscard]] std::string log() const { return escape_text(read_file(folder_ + ".log"), 2000); }

 private:
  std::string folder_;
  pid_t pid_ = -1;
};

// /proc/net/tcp of this namespace: "  0: 0100007F:18EB 00000000:0000 0A ..."
bool listens(Port port, bool udp) {
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), ":%04X ", static_cast<unsigned>(port.number));
  for (const char* suffix : {"", "6"}) {
    std::istringstream lines(
        read_file("/proc/thread-self/net/" + std::string(udp ? "udp" : "tcp") + suffix));
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find(hex.data());
      if (at == std::string::npos || line.find(':') + 40 < at) continue;
      if (udp || line.find(" 0A ") != std::string::npos) return true;
    }
  }
  return false;
}

Result<int> open_here(IpFamily family, IpProtocol protocol) {
  const int type = protocol == IpProtocol::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = ::socket(family == IpFamily::kV4 ? AF_INET : AF_INET6,
                          type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kUnavailable, "socket");
  return fd;
}

const Matcher& builtin() {
  static const Matcher matcher = [] {
    std::vector<std::string> problems;
    return Matcher::make(services::builtin_entries().entries, problems);
  }();
  return matcher;
}

class RealServices : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override { ASSERT_TRUE(enter_own_network()) << "a lab needs root"; }
};

// A server that listens may still be starting: it is asked again until it says what it must, or the
// time is over.
TEST_P(RealServices, AreKnownByTheirAnswers) {
  const Row& row = GetParam();
  const Server server(row.start);
  const auto end = steady_clock::now() + seconds(40);
  while (!listens(row.port, row.udp) && steady_clock::now() < end) {
    ASSERT_FALSE(server.ended()) << server.log();
    std::this_thread::sleep_for(milliseconds(20));
  }
  ASSERT_TRUE(listens(row.port, row.udp)) << server.log();
  const IpProtocol protocol = row.udp ? IpProtocol::kUdp : IpProtocol::kTcp;
  const Target target{open_here, IpAddress::v4(127, 0, 0, 1), {row.port, protocol}};
  Finding finding;
  std::string id;
  for (int tries = 0; tries < 4; ++tries) {
    finding = identify(builtin(), {&target, 1}, {}).findings.at(0);
    id = finding.service == nullptr ? "" : finding.service->id;
    if (id == row.id && to_string(finding.access.access) == row.access) break;
    std::this_thread::sleep_for(milliseconds(500));
  }
  EXPECT_EQ(id, row.id) << escape_text(finding.evidence) << "\n" << server.log();
  EXPECT_EQ(to_string(finding.access.access), row.access) << escape_text(finding.access.evidence);
  EXPECT_EQ(finding.tls.has_value(), row.tls);
  if (finding.tls && finding.tls->complete) {
    EXPECT_FALSE(finding.tls->subject.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RealServices, testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace bulkhead::identify
