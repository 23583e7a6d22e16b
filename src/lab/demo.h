// `bulkhead lab demo`: a private engine with planted problems, audited, removed.
//
// Needs root and Debian's docker.io, busybox-static, iproute2 and iptables. An engine that already
// runs on the machine is not touched: see engine.h and traces.h. Takes some ten seconds, at most
// DemoOptions::limit.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead::lab {

// The running lab, for who wants to look at it or test against it.
struct DemoSite {
  std::string host_network;    // path of the host's network namespace
  std::string lan_network;     // of its neighbour, which is also the way to the Internet
  std::string engine;          // DOCKER_HOST
  std::string uplink_address;  // of the host
};

struct DemoOptions {
  std::string program;  // the bulkhead to run inside; it must be an absolute path
  std::vector<std::string> audit_arguments;   // after `audit`
  std::string temporary = "/var/lib";         // root's alone; holds the lab's folder while it is up
  std::chrono::seconds limit{300};            // then the lab is removed, whatever happens
  std::function<void(std::string_view)> say;  // progress, one line each
  // Instead of the audit, when set: called while the lab is up. Its result is run_demo's.
  std::function<Result<int>(const DemoSite&)> visit;
};

// What has to be installed first, as Debian package names; empty when all is there.
std::vector<std::string> missing_packages();

// The audit's exit status. kUnavailable names packages to install, kDenied asks for root (both exit
// 3 at the command line); in every case nothing is left behind, else the error says what.
Result<int> run_demo(const DemoOptions& options);

}  // namespace bulkhead::lab
