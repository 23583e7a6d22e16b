#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "base/text.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/scan_services.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "probe/sweep.h"
#include "query/query.h"
#include "report/scan_text.h"
#include "scan/result.h"
#include "trace/trace.h"

namespace bulkhead::cli {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

// While it lives, the first interrupt ends the scan and the second one the program.
class Interrupts {
 public:
  Interrupts() {
    struct sigaction action{};
    action.sa_handler = [](int /*number*/) { interrupted = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_int_);
    sigaction(SIGTERM, &action, &before_term_);
  }
  ~Interrupts() {
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  struct sigaction before_int_{}, before_term_{};
};

void show(const probe::Progress& progress) {
  const std::uint64_t percent = progress.ports == 0 ? 100 : progress.done * 100 / progress.ports;
  const std::uint64_t ms = progress.elapsed_ms == 0 ? 1 : progress.elapsed_ms;
  std::string left;
  if (progress.left_ms != 0) left = ", " + std::to_string(progress.left_ms / 1000 + 1) + " s left";
  std::fprintf(stderr, "\r\033[K%3llu %%, %llu probes/s%s",
               static_cast<unsigned long long>(percent),
               static_cast<unsigned long long>(progress.sent * 1000 / ms), left.c_str());
}

Result<scan::Wanted> read_wanted(const ScanOptions& options, const model::Snapshot& snapshot) {
  scan::Wanted wanted;
  wanted.full = options.full;
  for (const std::string& text : options.from) {
    auto vantage = query::Vantage::parse(text);
    if (!vantage) return within("--from", vantage.error());
    wanted.from.push_back(*std::move(vantage));
  }
  for (const std::string& text : options.to) {
    auto addresses = read_addresses(snapshot, text);
    if (!addresses) return within("--to", addresses.error());
    wanted.to.insert(wanted.to.end(), addresses->begin(), addresses->end());
  }
  for (const std::string& text : options.ports) {
    auto ports = read_port_ranges(text);
    if (!ports) return within("--ports", ports.error());
    wanted.ports.insert(wanted.ports.end(), ports->begin(), ports->end());
  }
  return wanted;
}

// What is wrong with the words alone is said before anything is read.
Status check(const ScanOptions& options) {
  if (!options.source.snapshot_file.empty())
    return fail(ErrorCode::kInvalidInput,
                "a scan sends packets from this host and cannot be made from a snapshot; leave "
                "--snapshot out (bulkhead reach answers from one)");
  if (options.full && !options.ports.empty())
    return fail(ErrorCode::kInvalidInput, "--full is all ports: leave --ports out");
  for (const std::string& text : options.from) {
    if (auto vantage = query::Vantage::parse(text); !vantage)
      return within("--from", vantage.error());
  }
  for (const std::string& text : options.ports) {
    if (auto ports = read_port_ranges(text); !ports) return within("--ports", ports.error());
  }
  return {};
}

std::vector<probe::Aim> to_aims(const scan::Plan& plan) {
  std::vector<probe::Aim> out;
  out.reserve(plan.aims.size());
  for (const scan::Aim& aim : plan.aims) {
    probe::Aim one{.seat = aim.seat, .to = aim.to, .protocol = aim.protocol};
    for (const packet::Interval& i : aim.ports.intervals())
      one.ports.push_back(
          {static_cast<std::uint16_t>(i.first), static_cast<std::uint16_t>(i.last)});
    out.push_back(std::move(one));
  }
  return out;
}

probe::BrokerSockets sockets_of(Session& session, const scan::Plan& plan) {
  std::vector<std::uint64_t> inodes;
  for (const scan::Seat& seat : plan.seats)
    inodes.push_back(session.snapshot->namespaces[seat.ns.value].inode);
  return {*session.broker, std::move(inodes)};
}

void send(const ScanOptions& options, probe::SocketSource& sockets, scan::Result& result) {
  probe::SweepLimits limits;
  limits.rate = options.rate;
  limits.all_ms = options.deadline * 1000;
  limits.raw = !options.connect_only;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const Interrupts interrupts;
  probe::Sweep seen = probe::sweep(sockets, result.plan.seats.size(), to_aims(result.plan), limits,
                                   interrupted, terminal ? show : nullptr);
  if (terminal) std::fputs("\r\033[K", stderr);
  result.swept = std::move(seen.aims);
  result.checks = std::move(seen.seats);
  result.elapsed_ms = seen.elapsed_ms;
  result.finished = seen.finished;
}

}  // namespace

Exit run_scan(const ScanOptions& options) {
  if (auto good = check(options); !good) return complain(good.error());
  auto session = open_session(options.source, collect::Broker::Rights::kScanning);
  if (!session) return complain(session.error());
  const model::Snapshot& snapshot = *session->snapshot;
  auto wanted = read_wanted(options, snapshot);
  if (!wanted) return complain(wanted.error());
  auto world = trace::World::build(snapshot);
  if (!world) return complain(world.error());
  const query::Asker asker(*world, session->zones);
  auto plan = scan::make_plan(asker, *wanted);
  if (!plan) return complain(plan.error());
  scan::Result result;
  result.plan = *std::move(plan);
  probe::BrokerSockets sockets = sockets_of(*session, result.plan);
  send(options, sockets, result);
  result.judged = scan::judge(asker, result.plan, result.swept);
  if (options.identify && result.finished) identify_open_ports(sockets, result);
  const std::string text = options.output.json
                               ? report::scan_json(snapshot, result)
                               : report::scan_text(snapshot, result, text_style(options.output));
  if (auto printed = print(text); !printed) return complain(printed.error());
  if (!result.judged.disagreements.empty()) return Exit::kFindings;
  return scan::is_incomplete(result) ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace bulkhead::cli
