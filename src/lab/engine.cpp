#include "lab/engine.h"

#include <elf.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"

namespace bulkhead::lab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kStartLimit{40};
constexpr milliseconds kPingLimit{2000};

// One request over the unix socket; true when the engine answers 200.
bool answers(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return false;
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  constexpr std::string_view kRequest = "GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n";
  std::array<char, 16> head{};
  bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
            send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(kRequest.size());
  pollfd wait{fd, POLLIN, 0};
  ok = ok && poll(&wait, 1, static_cast<int>(kPingLimit.count())) == 1;
  ssize_t got = ok ? recv(fd, head.data(), head.size(), 0) : 0;
  close(fd);
  return got >= 12 && std::string_view(head.data(), 12).substr(9) == "200";
}

std::string end_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  std::streamoff size = in.tellg();
  std::streamoff from = std::max<std::streamoff>(0, size - 600);
  in.seekg(from);
  std::string text(static_cast<std::size_t>(std::max<std::streamoff>(0, size - from)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return escape_text(text, 600);
}

Status wait_until_ready(pid_t pid, const std::string& socket, const std::string& log) {
  auto until = Clock::now() + kStartLimit;
  while (!answers(socket)) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) {
      return fail(ErrorCode::kUnavailable, "the private engine ended: " + end_of(log));
    }
    if (Clock::now() > until) {
      return fail(ErrorCode::kBudget, "the private engine does not answer: " + end_of(log));
    }
    // The engine tells nobody that it is ready; its socket is the only sign.
    std::this_thread::sleep_for(milliseconds(30));
  }
  return {};
}

std::vector<Mount> private_folders(const std::string& own) {
  auto over = [&own](const std::string& folder, const std::string& name) {
    return Mount{"overlay", folder, "overlay",
                 fmt::format("lowerdir={},upperdir={}/{}-new,workdir={}/{}-work", folder, own, name,
                             own, name)};
  };
  return {
      {"tmpfs", own, "tmpfs", "size=1g,mode=0700"},
      {"", own + "/etc-new", "", ""},
      {"", own + "/etc-work", "", ""},
      {"", own + "/opt-new", "", ""},
      {"", own + "/opt-work", "", ""},
      over("/etc", "etc"),
      over("/opt", "opt"),
      {"tmpfs", "/run", "tmpfs", "mode=0755"},
  };
}

Status write_file(const fs::path& path, std::string_view text, fs::perms mode) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  std::error_code error;
  fs::permissions(path, mode, error);
  if (!out || error) return fail(ErrorCode::kUnavailable, "cannot write " + path.string());
  return {};
}

}  // namespace

Result<Engine> Engine::start(const Traces& traces, const EngineOptions& options) {
  std::string own = traces.directory + "/private";
  std::string socket = traces.directory + "/docker.sock";
  std::string log = traces.directory + "/dockerd.log";
  std::string group = traces.prefix.substr(0, traces.prefix.size() - 1);
  Command command;
  command.words = {"dockerd",
                   "--host=unix://" + socket,
                   "--host=unix:///run/docker.sock",
                   "--config-file=" + traces.directory + "/daemon.json",
                   "--data-root=" + own + "/data",
                   "--exec-root=" + own + "/exec",
                   "--pidfile=" + own + "/pid",
                   "--exec-opt=native.cgroupdriver=cgroupfs",
                   "--cgroup-parent=/" + group};
  command.words.insert(command.words.end(), options.flags.begin(), options.flags.end());
  command.network = options.network;
  command.mounts = private_folders(own);
  if (auto wrote = write_file(traces.directory + "/daemon.json", "{}\n", fs::perms::owner_read);
      !wrote) {
    return std::unexpected(std::move(wrote.error()));
  }
  auto pid = lab::start(command, log);
  if (!pid) return std::unexpected(std::move(pid.error()));
  if (auto ready = wait_until_ready(*pid, socket, log); !ready) {
    return std::unexpected(std::move(ready.error()));
  }
  return Engine(std::move(socket), *pid);
}

std::string Engine::host() const {
  return "unix://" + socket_;
}

Command Engine::client(std::vector<std::string> words) const {
  // Debian's own client by its path: another one may come first in PATH and not understand this
  // engine.
  bool own = access("/usr/bin/docker", X_OK) == 0;
  words.insert(words.begin(), {own ? "/usr/bin/docker" : "docker", "--host", host()});
  return Command{
      std::move(words), {{"DOCKER_CONFIG", "/nonexistent"}, {"DOCKER_CONTEXT", "default"}}, "", {}};
}

Result<std::string> make_image(const Traces& traces, const std::string& busybox,
                               const std::vector<ImageFile>& scripts) {
  fs::path root = traces.directory + "/rootfs";
  std::error_code error;
  fs::create_directories(root / "bin", error);
  fs::create_directories(root / "www", error);
  fs::copy_file(busybox, root / "bin/busybox", error);
  if (error) return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", busybox, error.message()));
  for (const char* tool : {"sh", "nc", "httpd", "sleep", "cat"}) {
    fs::create_symlink("busybox", root / "bin" / tool, error);
  }
  constexpr auto kRunnable = fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                             fs::perms::others_read | fs::perms::others_exec;
  for (const auto& script : scripts) {
    if (auto wrote = write_file(root / script.name, script.text, kRunnable); !wrote) {
      return std::unexpected(std::move(wrote.error()));
    }
  }
  std::string tar = traces.directory + "/image.tar";
  auto done = run_checked({{"tar", "-C", root.string(), "-cf", tar, "."}, {}, "", {}},
                          std::chrono::seconds(30));
  if (!done) return std::unexpected(std::move(done.error()));
  return tar;
}

bool is_static_program(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Elf64_Ehdr header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header)) return false;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > 128) return false;
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!in.read(reinterpret_cast<char*>(&segment), sizeof segment)) return false;
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

}  // namespace bulkhead::lab
