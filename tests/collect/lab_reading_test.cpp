// How the reading behaves: it changes nothing, bears what moves, and says what it could not read.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>

#include "collect/access.h"
#include "collect/assemble.h"
#include "collect/lab.h"

namespace bulkhead::collect {
namespace {

Options without_engines() {
  Options options;
  options.read_engines = false;
  return options;
}

// What `body` returns, as the exit status of a child process.
int in_child(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A shell loop that runs beside the test until it goes out of scope.
class Beside {
 public:
  explicit Beside(const std::string& script) : pid_(fork()) {
    if (pid_ != 0) return;
    setpgid(0, 0);  // so that what it runs ends with it
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    execl("/bin/bash", "bash", "-c", script.c_str(), nullptr);
    _exit(127);
  }
  ~Beside() {
    setpgid(pid_, pid_);  // in case it has not come so far
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

using LabReading = LabTest;

TEST_F(LabReading, ChangesNothing) {
  for (const char* part : {"host", "a", "b"}) adopt(part);
  run(std::string(BULKHEAD_SOURCE_DIR) + "/tests/collect/lab_network.sh " + prefix_);
  run("nsenter --net=/run/netns/" + name("host") +
      " nft 'table inet t { set s { type ipv4_addr; elements = { 10.0.0.1 } }; chain c { ip saddr "
      "@s drop; }; }'");
  const auto state = [&] {
    std::string out = run("cat /proc/modules 2>/dev/null; ls /sys/module");
    for (const char* part : {"host", "a", "b"}) {
      out +=
          in(name(part),
             "sh -c 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names "
             "/proc/net/arp_tables_names 2>/dev/null; nft -a list ruleset; ip -d link; "
             "ip addr; ip route show table all; ip -6 route show table all; ip neigh; "
             "bridge fdb; tc qdisc; ip netns list-id | grep -c . ; cat /proc/net/netlink | wc -l'");
    }
    return out;
  };
  // The first look gives ids to namespaces that are joined by links, as every look at a link does.
  state();
  (void)take();
  // Timers of bridges run on; everything else must stand still.
  const auto steady = [](std::string text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      if (line.find("timer") == std::string::npos && line.find("valid_lft") == std::string::npos &&
          line.find("STALE") == std::string::npos && line.find("REACHABLE") == std::string::npos) {
        out += line + "\n";
      }
      at = end + 1;
    }
    return out;
  };
  const std::string before = steady(state());
  const model::Snapshot first = take();
  const model::Snapshot second = take();
  EXPECT_EQ(steady(state()), before);
  const model::NetNs* host = find(first, inode(name("host")));
  const model::NetNs* again = find(second, inode(name("host")));
  ASSERT_TRUE(host != nullptr && again != nullptr);
  ASSERT_TRUE(host->ruleset.generation);
  EXPECT_EQ(host->ruleset.generation, again->ruleset.generation) << "a generation moved";
  ASSERT_EQ(host->ruleset.tables.size(), 1U);
}

TEST_F(LabReading, MakesNoProcessBesidesTheReader) {
  add("one");
  // In a process namespace of its own each process has the next number.
  const int result = in_child([] {
    if (unshare(CLONE_NEWPID) != 0) return 1;
    return in_child([] {
      if (getpid() != 1) return 2;
      auto broker = Broker::start();
      if (!broker || !drop_privileges()) return 3;
      const auto snapshot = take_snapshot(*broker, without_engines());
      if (!snapshot || snapshot->namespaces.size() < 2) return 4;
      return in_child([] { return getpid() == 3 ? 0 : 5; });
    });
  });
  EXPECT_EQ(result, 0);
}

TEST_F(LabReading, WithoutRootTheOwnNamespaceIsReadAndTheRestIsNamed) {
  add("hidden");
  const int result = in_child([] {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return 1;
    auto broker = Broker::start();
    if (!broker) return 2;
    const auto snapshot = take_snapshot(*broker, without_engines());
    if (!snapshot) return 3;
    if (snapshot->complete) return 4;
    const model::NetNs& own = snapshot->namespaces.front();
    if (own.links.empty() || own.routes.empty()) return 5;
    const auto names = [](const std::vector<model::Gap>& gaps, const char* what) {
      return std::ranges::any_of(gaps, [&](const model::Gap& gap) { return gap.what == what; });
    };
    if (!names(own.gaps, "nftables")) return 6;
    // Rules that could not be read are never shown as no rules.
    if (own.ruleset.generation || !own.ruleset.tables.empty()) return 7;
    if (snapshot->gaps.empty()) return 8;
    return broker->open_socket(own.inode, AF_INET, SOCK_DGRAM) ? 0 : 9;
  });
  EXPECT_EQ(result, 0);
}

TEST_F(LabReading, RightsAreGoneForGood) {
  const int result = in_child([] {
    auto broker = Broker::start();
    if (!broker || !drop_privileges()) return 1;
    if (sethostname("x", 1) == 0) return 2;
    if (unshare(CLONE_NEWNET) == 0) return 3;
    if (setuid(0) != 0) return 4;  // the number means nothing any more
    if (sethostname("x", 1) == 0) return 5;
    return take_snapshot(*broker, without_engines()) ? 0 : 6;
  });
  EXPECT_EQ(result, 0);
}

// ------------------------------------------------------------------------------------ what moves

TEST_F(LabReading, ANamespaceThatVanishedIsNamedAndLeftOut) {
  const std::string ns = add("gone");
  const std::uint64_t id = inode(ns);
  auto broker = Broker::start();
  ASSERT_TRUE(broker);
  Bytes request;
  append_value(request, std::uint32_t{1000});
  const auto listed = BrokerAccess::ask(*broker, Op::kListNamespaces, request);
  ASSERT_TRUE(listed);
  run("ip netns del " + ns);
  auto answer = BrokerAccess::ask(*broker, Op::kReadNamespace, read_request(id, kReadAll));
  ASSERT_TRUE(answer);
  model::NetNs read;
  Pending pending;
  EXPECT_FALSE(fill_namespace(*std::move(answer), read, pending));
  ASSERT_EQ(read.gaps.size(), 1U);
  EXPECT_EQ(read.gaps.front().reason, "it vanished while it was read");
}

TEST_F(LabReading, NamespacesThatComeAndGoDoNotStopIt) {
  adopt("churn");
  const std::string churn = name("churn");
  const Beside beside("while true; do ip netns add " + churn + "; ip -n " + churn +
                      " link add a type veth peer name b; ip netns del " + churn +
                      "; done 2>/dev/null");
  for (int i = 0; i < 20; ++i) {
    const model::Snapshot snapshot = take();
    ASSERT_FALSE(snapshot.namespaces.empty());
    for (const model::NetNs& ns : snapshot.namespaces) {
      for (const model::Link& link : ns.links) {
        if (link.peer_ns) {
          ASSERT_LT(link.peer_ns->value, snapshot.namespaces.size());
        }
      }
    }
  }
}

TEST_F(LabReading, RulesThatChangeAreReadAsOneStateOrNamed) {
  const std::string ns = add("rules");
  run("nsenter --net=/run/netns/" + ns + " nft add table ip t");
  // Every state has as many rules as its set has members.
  const Beside beside("exec nsenter --net=/run/netns/" + ns +
                      " bash -c 'while true; do for n in 1 2 3 4 5; do "
                      "echo \"delete table ip t; table ip t { set s { type inet_service; elements "
                      "= { $(seq -s , 1 $n) } }; "
                      "chain c { $(for i in $(seq $n); do echo \"tcp dport $i accept;\"; done) }; "
                      "}\" | nft -f -; done; done'");
  std::size_t whole = 0;
  for (int i = 0; i < 40; ++i) {
    const model::Snapshot snapshot = take();
    const model::NetNs* read = find(snapshot, inode(ns));
    ASSERT_NE(read, nullptr);
    if (!read->gaps.empty() || read->ruleset.tables.empty() ||
        read->ruleset.tables[0].chains.empty()) {
      continue;  // said not to be whole, or the empty table of the beginning
    }
    ++whole;
    const model::Table& table = read->ruleset.tables.front();
    ASSERT_EQ(table.sets.size(), 1U);
    EXPECT_EQ(table.chains.front().rules.size(), table.sets.front().elements.size());
  }
  EXPECT_GT(whole, 0U);
}

// ------------------------------------------------------------------------------ a broker that
// fails

TEST_F(LabReading, AReaderThatDiedIsAnErrorAndNoHang) {
  auto broker = Broker::start();
  ASSERT_TRUE(broker);
  ASSERT_TRUE(take_snapshot(*broker, without_engines()));
  ASSERT_EQ(kill(BrokerAccess::channel(*broker).pid(), SIGKILL), 0);
  const auto snapshot = take_snapshot(*broker, without_engines());
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(broker->open_socket(1, AF_INET, SOCK_STREAM));
  EXPECT_FALSE(broker->connect_unix("/run/docker.sock"));
}

TEST_F(LabReading, TheReaderEndsWithItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int result = in_child([&] {
    auto broker = Broker::start();
    if (!broker) return 1;
    const pid_t pid = BrokerAccess::channel(*broker).pid();
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) return 2;
    _exit(0);  // no destructor runs
  });
  EXPECT_EQ(result, 0);
  pid_t pid = 0;
  ASSERT_EQ(read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  close(ends[0]);
  close(ends[1]);
  // Gone, or a zombie that nobody has reaped yet.
  for (int i = 0; i < 500; ++i) {
    const std::string state =
        run("sed -n 's/^State:.//p' /proc/" + std::to_string(pid) + "/status 2>/dev/null || true");
    if (state.empty() || state.starts_with("Z") || state.starts_with("X")) return;
    usleep(10'000);
  }
  FAIL() << "the reader outlived its parent";
}

TEST_F(LabReading, SocketsOfANamespaceBelongToIt) {
  const std::string ns = add("sock");
  run("ip -n " + ns + " link set lo up && ip -n " + ns + " addr add 10.123.45.67/32 dev lo");
  auto broker = Broker::start();
  ASSERT_TRUE(broker);
  EXPECT_FALSE(broker->open_socket(inode(ns), AF_INET, SOCK_STREAM)) << "not listed yet";
  ASSERT_TRUE(take_snapshot(*broker, without_engines()));
  const auto fd = broker->open_socket(inode(ns), AF_INET, SOCK_DGRAM);
  ASSERT_TRUE(fd) << fd.error().message;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x0a7b2d43);
  EXPECT_EQ(bind(*fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << "an address of that namespace alone";
  EXPECT_NE(fcntl(*fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(*fd, F_GETFL) & O_NONBLOCK, 0);
  close(*fd);
  EXPECT_EQ(broker->open_socket(inode(ns), AF_PACKET, SOCK_RAW).error().code,
            ErrorCode::kInvalidInput);
}

}  // namespace
}  // namespace bulkhead::collect
