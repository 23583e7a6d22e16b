#include <algorithm>
#include <map>

#include "base/machine.h"
#include "base/text.h"
#include "cli/deliver.h"
#include "cli/language.h"
#include "cli/made_seats.h"
#include "cli/scan_services.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "console/interrupts.h"
#include "console/machine_load.h"
#include "console/neighbour_tables.h"
#include "console/progress.h"
#include "identify/catalogue_files.h"
#include "identify/terminal.h"
#include "policy/meaning.h"
#include "policy/one_target.h"
#include "probe/sweep.h"
#include "query/query.h"
#include "report/html.h"
#include "report/sarif.h"
#include "report/scan_text.h"
#include "scan/beyond.h"
#include "scan/record.h"
#include "scan/result.h"
#include "seats/broker_sockets.h"
#include "seen/nmap_xml.h"
#include "trace/trace.h"

namespace bulkhead::cli {
namespace {

// Probes a second when nothing else is said. Within the host there is no network that others share:
// each probe is answered by a processor of its own. Beyond it there is.
constexpr std::uint64_t kRate = 1'000'000, kRateBeyond = 200'000;

// A machine that several targets name is asked once, for all of them.
void ask_for_all(const policy::Config& config, const services::Matcher& matcher,
                 std::vector<scan::BeyondAim>& aims) {
  std::map<IpAddress, scan::BeyondAim*> by_address;
  for (scan::BeyondAim& aim : aims) by_address.emplace(aim.machine.to, &aim);
  for (const policy::ScanTarget& target : config.scan.targets) {
    for (policy::Beyond& one : policy::machines_of_target(config, target)) {
      const auto at = by_address.find(one.to);
      if (at == by_address.end() || at->second->machine.target == one.target) continue;
      scan::BeyondAim& aim = *at->second;
      const scan::BeyondAim more = scan::aim_beyond(std::move(one), matcher);
      aim.tcp = aim.tcp.unite(more.tcp);
      aim.udp = aim.udp.unite(more.udp);
      if (!aim.machine.is) aim.machine.is = more.machine.is;
    }
  }
}

// Those of others on the Internet only when somebody says that they are his.
std::vector<scan::BeyondAim> aims_beyond(const ScanOptions& options, const policy::Config& config,
                                         const services::Matcher& matcher,
                                         policy::BeyondHost& beyond) {
  std::vector<scan::BeyondAim> out;
  for (policy::Beyond& one : beyond.machines) {
    if (is_near(one.to) || options.i_own_this)
      out.push_back(scan::aim_beyond(std::move(one), matcher));
    else
      beyond.left_out.push_back({one.target + " (" + one.to.to_string() + ")",
                                 "is a public address; if it is yours, say so with --i-own-this"});
  }
  ask_for_all(config, matcher, out);
  return out;
}

// What is asked, and of what `options` name what cannot be: `left_out`.
Result<scan::Wanted> read_wanted(const ScanOptions& options, const Session& session,
                                 const policy::BeyondHost& beyond,
                                 std::vector<scan::Plan::LeftOut>& left_out) {
  scan::Wanted wanted;
  wanted.full = options.full;
  for (const std::string& text : options.from) {
    auto vantage = query::Vantage::parse(text);
    if (!vantage) return within("--from", vantage.error());
    wanted.from.push_back(*std::move(vantage));
  }
  for (const std::string& text : options.to) {
    auto link = read_link_target(text);
    if (!link) return within("--to", link.error());
    if (const std::optional<ScopedAddress>& scoped = *link) {
      wanted.links.push_back(*scoped);
      continue;
    }
    auto scanned =
        read_scanned(*session.snapshot, session.config, beyond, text, options.i_own_this);
    if (!scanned) return within("--to", scanned.error());
    wanted.to.insert(wanted.to.end(), scanned->addresses.begin(), scanned->addresses.end());
    for (const auto& left : scanned->left_out) left_out.push_back({left.what, left.why});
  }
  for (const std::string& text : options.ports) {
    auto ports = read_port_ranges(text);
    if (!ports) return within("--ports", ports.error());
    wanted.ports.insert(wanted.ports.end(), ports->begin(), ports->end());
  }
  return wanted;
}

// A wide zone is declared to say what comes from there, not to be asked: that is worth a note.
void add_left_out(const policy::BeyondHost& beyond, scan::Plan& plan) {
  for (const policy::BeyondHost::LeftOut& left : beyond.left_out)
    (left.zone.empty() ? plan.left_out : plan.notes).push_back({left.what, left.why});
}

// What is wrong with the words alone is said before anything is read.
Status check_words(const ScanOptions& options) {
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

Result<std::optional<console::MaxLoad>> read_max_load(const std::string& text) {
  if (text.empty()) return std::optional<console::MaxLoad>();
  auto load = console::MaxLoad::parse(text);
  if (!load) return within("--max-load", load.error());
  return std::optional(*load);
}

std::uint64_t usual_rate(const scan::Plan& plan) {
  return std::ranges::any_of(plan.aims, [](const scan::Aim& aim) { return aim.at.empty(); })
             ? kRateBeyond
             : kRate;
}

std::vector<probe::Aim> to_aims(const scan::Plan& plan) {
  std::vector<probe::Aim> out;
  out.reserve(plan.aims.size());
  for (const scan::Aim& aim : plan.aims) {
    probe::Aim one{.seat = aim.seat, .to = aim.to, .protocol = aim.protocol};
    one.expected = !aim.open.empty();
    one.scope = aim.scope.value;
    for (const packet::Interval& i : aim.ports.intervals())
      one.ports.push_back(
          {static_cast<std::uint16_t>(i.first), static_cast<std::uint16_t>(i.last)});
    out.push_back(std::move(one));
  }
  return out;
}

seats::BrokerSockets sockets_of(collect::Broker& broker, const model::Snapshot& snapshot,
                                const scan::Plan& plan) {
  std::vector<std::uint64_t> inodes;
  inodes.reserve(plan.seats.size());
  for (const scan::Seat& seat : plan.seats)
    inodes.push_back(snapshot.namespaces[seat.ns.value].inode);
  return {broker, std::move(inodes)};
}

// `services` is null when nobody is asked who it is.
void send(const ScanOptions& options, const std::function<bool()>& hold,
          const probe::UdpPayloads& payloads, probe::SocketSource& sockets,
          OpenPortServices* services, scan::Result& result) {
  probe::SweepLimits limits;
  limits.rate = options.rate.value_or(usual_rate(result.plan));
  limits.all_ms = options.deadline * 1000;
  limits.raw = !options.connect_only;
  if (services != nullptr) {
    limits.payloads = &payloads;
    limits.companion = &services->companion();
  }
  limits.hold = hold;
  limits.crowded = [tables = console::NeighbourTables()] { return tables.are_crowded(); };
  const bool terminal = console::stderr_is_terminal();
  probe::Sweep seen =
      probe::sweep(sockets, result.plan.seats.size(), to_aims(result.plan), limits,
                   console::Interrupts::flag(), terminal ? identify::show_packets : nullptr);
  if (terminal) console::clear_progress();
  result.swept = std::move(seen.aims);
  result.checks = std::move(seen.seats);
  result.elapsed_ms = seen.elapsed_ms;
  result.paused_ms = seen.paused_ms;
  result.finished = seen.finished;
}

std::string xml_of(const ScanOptions& options, const model::Snapshot& snapshot,
                   const scan::Result& result) {
  seen::Record record = scan::record_of(snapshot, result);
  record.tool = "bulkhead " + std::string(kVersion);
  return seen::nmap_xml(record, options.command);
}

std::string text_of(const ScanOptions& options, const model::Snapshot& snapshot,
                    const scan::Result& result) {
  report::Style style = text_style(options.output);
  if (options.file != "-") style.color = false;
  if (options.format == "xml") return xml_of(options, snapshot, result);
  if (options.format == "sarif") return report::scan_sarif(snapshot, result, style, kVersion);
  if (options.format == "html") return report::scan_html(snapshot, result, style);
  return options.output.json ? report::scan_json(snapshot, result)
                             : report::scan_text(snapshot, result, style);
}

// As --fail-on is elsewhere, when nothing is said.
bool is_alarming(const scan::Result& result) {
  return std::ranges::any_of(result.beyond, [](const scan::BeyondFinding& f) {
    return f.suppressed_by.empty() && f.severity >= audit::Severity::kHigh;
  });
}

}  // namespace

Exit run_scan(const ScanOptions& options) {
  if (auto good = check_words(options); !good) return complain(good.error());
  const auto max_load = read_max_load(options.max_load);
  if (!max_load) return complain(max_load.error());
  const auto matcher = identify::read_catalogue(options.services);
  if (!matcher) return complain(within("--services", matcher.error()).error());
  using collect::Broker;
  auto session = open_session(
      options.source, options.seats.empty() ? Broker::Rights::kScanning : Broker::Rights::kSeating);
  if (!session) return complain(session.error());
  policy::BeyondHost beyond = policy::beyond_host(session->config);
  std::vector<scan::Plan::LeftOut> left_out;
  auto wanted = read_wanted(options, *session, beyond, left_out);
  if (!wanted) return complain(wanted.error());
  // Only when nothing is wrong with what else was said, as it changes the host; then it is read
  // anew.
  auto seats_made = make_seats(*session, options.source, options.seats);
  if (!seats_made) return complain(seats_made.error());
  const model::Snapshot& snapshot = *session->snapshot;
  wanted->seats = *std::move(seats_made);
  wanted->beyond = aims_beyond(options, session->config, *matcher, beyond);
  auto world = trace::World::build(snapshot);
  if (!world) return complain(world.error());
  const query::Asker asker(*world, session->zones);
  auto plan = scan::make_plan(asker, *wanted);
  if (!plan) return complain(plan.error());
  scan::Result result;
  result.plan = *std::move(plan);
  if (wanted->to.empty()) add_left_out(beyond, result.plan);
  result.plan.left_out.insert(result.plan.left_out.end(), left_out.begin(), left_out.end());
  std::optional<collect::Broker>& broker = session->broker;
  if (!broker) return complain({ErrorCode::kInvalidInput, "packets cannot be sent from a file"});
  seats::BrokerSockets sockets = sockets_of(*broker, snapshot, result.plan);
  const console::Interrupts interrupts;
  std::function<bool()> hold;
  if (const auto& load = *max_load) hold = [load = *load] { return load.is_exceeded(); };
  std::optional<OpenPortServices> services;
  const bool terminal = console::stderr_is_terminal();
  if (options.identify)
    services.emplace(asker, result.plan,
                     OpenPortServices::Means{
                         .matcher = *matcher,
                         .sockets = sockets,
                         .stop = console::Interrupts::flag(),
                         .hold = hold,
                         .tell = terminal ? identify::show_services
                                          : std::function<void(const identify::Progress&)>()});
  send(options, hold, payloads_for(*matcher, snapshot), sockets, services ? &*services : nullptr,
       result);
  result.judged = scan::judge(asker, result.plan, result.swept);
  if (services) services->fill(result);
  if (terminal) console::clear_progress();
  result.beyond = scan::judge_beyond(asker, policy::in_force(session->config, snapshot.taken_at_ms),
                                     *matcher, result, snapshot.taken_at_ms);
  const Exit delivered = deliver(text_of(options, snapshot, result), options.file);
  if (delivered != Exit::kDone) return delivered;
  if (!result.judged.disagreements.empty() || is_alarming(result)) return Exit::kFindings;
  return scan::is_incomplete(result) ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace bulkhead::cli
