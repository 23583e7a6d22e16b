#include "filter_trace/kernel_lab.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "ruleset/kernel_reader.h"

namespace bulkhead::trace::testing {
namespace {

void wire(std::ostringstream& script, const std::string& dev, std::uint32_t index, int number,
          const std::string& pid) {
  const std::string n = std::to_string(number), mac = "02:00:00:00:0" + n + ":0";
  const std::string v4 = "10." + n + ".0.",
                    v6 = "fd0" + n + "::", in = "nsenter -t " + pid + " -n ";
  script << "ip link add " << dev << " index " << index << " address " << mac
         << "1 type veth peer name p0 address " << mac << "2 netns " << pid << "\n"
         << in
         << "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.p0.router_solicitations=0\n";
  const auto end = [&](const std::string& prefix, const std::string& device, const char* own,
                       const char* other) {
    script << prefix << "ip addr add " << v4 << own << "/24 dev " << device << "\n"
           << prefix << "ip link set " << device << " up\n"
           << prefix << "ip addr add " << v6 << own << "/64 dev " << device << " nodad\n"
           << prefix << "ip neigh add " << v4 << other << " lladdr " << mac << other << " dev "
           << device << " nud permanent\n"
           << prefix << "ip neigh add " << v6 << other << " lladdr " << mac << other << " dev "
           << device << " nud permanent\n";
  };
  end("", dev, "1", "2");
  end(in, "p0", "2", "1");
  script << in << "ip route add default via " << v4 << "1\n"
         << in << "ip -6 route add default via " << v6 << "1\n";
}

}  // namespace

NamespaceHolder::NamespaceHolder() {
  int ready[2];
  if (pipe(ready) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    const char ok = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
    if (write(ready[1], &ok, 1) != 1 || ok == 0) _exit(1);
    alarm(300);  // ends by itself should the test be killed
    pause();
    _exit(0);
  }
  char ok = 0;
  static_cast<void>(read(ready[0], &ok, 1) == 1);
  close(ready[0]);
  close(ready[1]);
}

NamespaceHolder::~NamespaceHolder() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string KernelLab::build() {
  if (!bulkhead::test::enter_fresh_network()) return "needs root";
  peer_.emplace();
  far_.emplace();
  std::ostringstream script;
  script << "set -e\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
            "sysctl -qw net.ipv6.conf.default.accept_dad=0 "
            "net.ipv6.conf.default.router_solicitations=0 net.ipv4.ip_forward=1 "
            "net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0\n"
            "ip link set lo up\n";
  wire(script, "eth0", kEth0, 1, peer_->pid());
  wire(script, "eth1", kEth1, 2, far_->pid());
  const auto made = bulkhead::test::run("bash -s", script.str());
  return made.status == 0 ? std::string() : made.text;
}

std::string KernelLab::bridge_script() const {
  const std::string in = "nsenter -t " + peer_->pid() + " -n ip neigh add ";
  const std::string far = " lladdr 02:00:00:00:02:02 dev p0 nud permanent\n";
  return "set -e\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
         "sysctl -qw net.ipv6.conf.default.disable_ipv6=1\n"
         "ip link add br0 type bridge forward_delay 0 mcast_snooping 0\n"
         "ip link set br0 up\nip link set eth0 master br0\nip link set eth1 master br0\n" +
         in + "10.1.0.9" + far + in + "fd01::9" + far;
}

std::string KernelLab::send(const std::string& from, const std::string& to, bool tcp,
                            std::uint16_t port) const {
  const bool ours = from.ends_with(".1") || from.ends_with("::1");
  std::ostringstream script;
  script << "import socket\ns=socket.socket(socket."
         << (from.find(':') == std::string::npos ? "AF_INET" : "AF_INET6") << ",socket."
         << (tcp ? "SOCK_STREAM" : "SOCK_DGRAM") << ")\n"
         << "s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\ns.bind(('" << from << "',"
         << port << "))\ns.setblocking(False)\ntry:\n s."
         << (tcp ? "connect((" : "sendto(b'bulk',(") << "'" << to << "'," << kPort
         << "))\nexcept BlockingIOError: pass\n";
  const std::string prefix = ours ? "" : "nsenter -t " + peer_->pid() + " -n ";
  const auto sent = bulkhead::test::run(prefix + "/usr/bin/python3 -", script.str());
  return sent.status == 0 ? std::string() : sent.text;
}

}  // namespace bulkhead::trace::testing
