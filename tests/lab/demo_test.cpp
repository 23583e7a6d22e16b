// The demonstration's lab: what it plants is really there, and nothing is left of it, however it
// ends.
#include "lab/demo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lab/plan.h"
#include "lab/process.h"
#include "lab/traces.h"

namespace bulkhead::lab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string said_by(std::vector<std::string> words) {
  auto text = run_checked({std::move(words), {}, "", {}}, std::chrono::seconds(20));
  EXPECT_TRUE(text.has_value()) << text.error().message;
  return text.value_or("");
}

std::string names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  std::string text;
  for (const auto& name : names) text += name + "\n";
  return text;
}

// What of the machine an engine that is not private would change.
std::string outer_world() {
  std::string forward;
  std::ifstream("/proc/sys/net/ipv4/ip_forward") >> forward;
  return said_by({"nft", "list", "ruleset"}) + said_by({"ip", "-o", "link"}) +
         said_by({"ip", "-o", "addr"}) + said_by({"ip", "route", "show", "table", "all"}) +
         "forward " + forward + "\n" + names_in("/etc/docker") + names_in("/opt") +
         names_in("/var/lib") + (fs::exists("/run/docker.sock") ? "socket" : "no socket");
}

// Every trace of the lab that process `maker` made; empty when it is gone.
std::string traces_left(pid_t maker) {
  Traces traces = traces_of(maker, "/var/lib");
  std::string name = traces.prefix.substr(0, traces.prefix.size() - 1);
  std::string left;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(name) != std::string::npos) left += "mount " + line + "\n";
  }
  for (const char* folder : {"/run/netns", "/var/lib", "/sys/fs/cgroup"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().filename().string().starts_with(name)) left += entry.path().string() + "\n";
      if (fs::exists(entry.path() / name, error)) left += (entry.path() / name).string() + "\n";
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    // A process that ended since fails the read, which an istreambuf_iterator would throw at us.
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    std::string line;
    std::getline(in, line);
    if (line.find(name) != std::string::npos)
      left += "process " + entry.path().filename().string() + "\n";
  }
  return left;
}

// The orphaned guardian tells nobody when it is done.
std::string traces_left_in_time(pid_t maker) {
  auto until = Clock::now() + std::chrono::seconds(90);  // of a hang
  std::string left;
  while (!(left = traces_left(maker)).empty() && Clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return left;
}

// True when a TCP connection from that namespace is accepted within a second. A thread of its own
// enters it: the namespace belongs to the thread.
bool connects(const std::string& network, const std::string& address, Port port) {
  bool accepted = false;
  std::thread([&] {
    int space = open(network.c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0) return;
    close(space);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port.number);
    inet_pton(AF_INET, address.c_str(), &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
    pollfd wait{fd, POLLOUT, 0};
    if (error == EINPROGRESS && poll(&wait, 1, 1000) == 1) {
      socklen_t size = sizeof error;
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    accepted = error == 0;
    close(fd);
  }).join();
  return accepted;
}

void expect_planted(const DemoSite& site) {
  const auto& up = site.uplink_address;
  for (int port : {2375, 7070, 6379, 80, 8088}) {
    EXPECT_TRUE(connects(site.lan_network, up, Port{static_cast<std::uint16_t>(port)}))
        << "LAN to " << port;
  }
  EXPECT_FALSE(connects(site.lan_network, up, Port{873}))
      << "the host's service is for containers alone";
  for (const auto& line : {std::string("ops-legacy"), std::string("blog-db")}) {
    auto pid = run_checked(
        {{"/usr/bin/docker", "-H", site.engine, "inspect", "-f", "{{.State.Pid}}", line},
         {},
         "",
         {}},
        std::chrono::seconds(20));
    ASSERT_TRUE(pid.has_value()) << pid.error().message;
    std::string space = "/proc/" + pid->substr(0, pid->find('\n')) + "/ns/net";
    const char* gateway = line == "blog-db" ? "172.30.4.1" : "172.17.0.1";
    EXPECT_TRUE(connects(space, gateway, Port{873})) << line;
    EXPECT_TRUE(connects(space, gateway, Port{2375})) << line;
  }
}

void expect_engine(const DemoSite& site) {
  auto names =
      run_checked({{"/usr/bin/docker", "-H", site.engine, "ps", "-q", "--no-trunc"}, {}, "", {}},
                  std::chrono::seconds(20));
  ASSERT_TRUE(names.has_value()) << names.error().message;
  EXPECT_EQ(static_cast<std::size_t>(std::count(names->begin(), names->end(), '\n')),
            boxes().size());
}

TEST(Demo, PlantsWhatItSaysAndLeavesTheMachineAsItWas) {
  std::string before = outer_world();
  bool visited = false;
  DemoOptions options;
  options.visit = [&](const DemoSite& site) -> Result<int> {
    visited = true;
    EXPECT_NE(traces_left(getpid()), "");
    expect_engine(site);
    expect_planted(site);
    return 5;
  };
  auto status = run_demo(options);
  ASSERT_TRUE(status.has_value()) << status.error().message;
  EXPECT_EQ(*status, 5);
  EXPECT_TRUE(visited);
  EXPECT_EQ(traces_left(getpid()), "");
  EXPECT_EQ(outer_world(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(Demo, RunsTheProgramInsideTheHostsNamespaceWithItsEngine) {
  auto script = fs::temp_directory_path() / fmt::format("bulkhead-demo-test-{}", getpid());
  std::ofstream(script) << "#!/bin/sh\n[ \"$1 $2\" = 'audit --json' ] || exit 90\nip -o addr show "
                           "up0 | grep -q 203.0.113.10 || exit 91\n"
                           "/usr/bin/docker ps | grep -q shop-web || exit 92\nexit 42\n";
  fs::permissions(script, fs::perms::owner_all);
  DemoOptions options;
  options.program = script.string();
  options.audit_arguments = {"--json"};
  auto status = run_demo(options);
  fs::remove(script);
  ASSERT_TRUE(status.has_value()) << status.error().message;
  EXPECT_EQ(*status, 42);
  EXPECT_EQ(traces_left(getpid()), "");
}

// A child that brings the lab up and tells through a pipe how far it is.
class Maker {
 public:
  // `stop_at`: a word of the progress line at which the child tells, "" for when the lab is up.
  explicit Maker(std::string_view stop_at, std::chrono::seconds limit = std::chrono::seconds(120)) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = fork();
    if (pid_ == 0) run(std::string(stop_at), ends[1], limit);
    close(ends[1]);
    char told = 0;
    reached_ = read(ends[0], &told, 1) == 1;
    close(ends[0]);
  }
  ~Maker() {
    if (!waited_) end(SIGKILL);
  }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;

  [[nodiscard]] bool reached() const { return reached_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  int end(int signal) {
    kill(pid_, signal);
    int raw = 0;
    waitpid(pid_, &raw, 0);
    waited_ = true;
    return raw;
  }

 private:
  [[noreturn]] static void run(const std::string& stop_at, int tell, std::chrono::seconds limit) {
    DemoOptions options;
    options.limit = limit;
    auto told = [tell] { (void)!write(tell, "x", 1); };
    options.say = [&](std::string_view line) {
      if (!stop_at.empty() && line.find(stop_at) != std::string_view::npos) told();
    };
    options.visit = [&](const DemoSite&) -> Result<int> {
      told();
      for (;;) pause();
    };
    auto status = run_demo(options);
    _exit(status ? *status : 99);
  }

  pid_t pid_ = -1;
  bool reached_ = false;
  bool waited_ = false;
};

TEST(Demo, KilledWhileItIsUpLeavesNothing) {
  Maker maker("");
  ASSERT_TRUE(maker.reached());
  ASSERT_NE(traces_left(maker.pid()), "");
  maker.end(SIGKILL);
  EXPECT_EQ(traces_left_in_time(maker.pid()), "");
}

TEST(Demo, KilledWhileItIsBuiltLeavesNothing) {
  Maker maker("planting");
  ASSERT_TRUE(maker.reached());
  maker.end(SIGKILL);
  EXPECT_EQ(traces_left_in_time(maker.pid()), "");
}

TEST(Demo, ATerminatedOneIsGoneBeforeTheProcessEnds) {
  Maker maker("planting");
  ASSERT_TRUE(maker.reached());
  int raw = maker.end(SIGTERM);
  EXPECT_TRUE(WIFSIGNALED(raw) && WTERMSIG(raw) == SIGTERM);
  EXPECT_EQ(traces_left(maker.pid()), "");
}

TEST(Demo, IsRemovedWhenItsTimeIsOver) {
  Maker maker("planting", std::chrono::seconds(20));  // much more than it takes to get there
  ASSERT_TRUE(maker.reached());
  EXPECT_EQ(traces_left_in_time(maker.pid()).find("/run/netns"), std::string::npos);
}

TEST(Demo, SweepRemovesALabWhoseGuardianDiedToo) {
  Maker maker("planting");
  ASSERT_TRUE(maker.reached());
  std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", maker.pid()));
  for (pid_t child = 0; in >> child;) {
    std::string name;
    std::ifstream(fmt::format("/proc/{}/comm", child)) >> name;
    if (name == "bulkhead-guard") kill(child, SIGKILL);
  }
  maker.end(SIGKILL);
  ASSERT_NE(traces_left(maker.pid()), "") << "the guardian was not ended, so this shows nothing";
  EXPECT_EQ(sweep("/var/lib"), std::vector<std::string>{});
  EXPECT_EQ(traces_left(maker.pid()), "");
}

}  // namespace
}  // namespace bulkhead::lab
