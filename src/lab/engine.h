// A private Docker engine in a network namespace of the lab.
//
// All its files are below the lab's folder, most of them on a tmpfs in a mount namespace of its
// own; there it also sees private copies of /run, /etc and /opt, so that it neither reads another
// engine's configuration nor leaves a key or a socket in the system. Its containers' control group
// is the lab's. Needs dockerd, containerd, runc and docker (Debian: docker.io).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/process.h"
#include "lab/traces.h"

namespace bulkhead::lab {

struct EngineOptions {
  std::string network;             // path of the namespace it serves
  std::vector<std::string> flags;  // more flags of dockerd
};

class Engine {
 public:
  // Returns when the engine answers; an error quotes the end of its log.
  static Result<Engine> start(const Traces& traces, const EngineOptions& options);

  // "unix://..." for DOCKER_HOST.
  [[nodiscard]] std::string host() const;

  // A child of the caller, which has to wait for it once the lab is removed.
  [[nodiscard]] pid_t pid() const { return pid_; }

  // `docker <words>` against this engine.
  [[nodiscard]] Command client(std::vector<std::string> words) const;

 private:
  Engine(std::string socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  std::string socket_;
  pid_t pid_;
};

// A tar file with a root file system of busybox alone (the statically linked one at `busybox`) and
// the commands that the lab uses. The caller runs `docker import` on it.
struct ImageFile {
  std::string name;
  std::string text;
};
Result<std::string> make_image(const Traces& traces, const std::string& busybox,
                               const std::vector<ImageFile>& scripts);

// True for an ELF program that asks for no interpreter, that is one that runs in an empty folder.
bool is_static_program(const std::string& path);

}  // namespace bulkhead::lab
