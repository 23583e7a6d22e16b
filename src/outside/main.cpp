// bulkhead-scan: what of these machines answers here. One small program that needs nothing of the
// machine it runs on.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "console/completion.h"
#include "console/exit_code.h"
#include "console/files.h"
#include "console/interrupts.h"
#include "console/machine_load.h"
#include "console/neighbour_tables.h"
#include "console/progress.h"
#include "identify/catalogue_files.h"
#include "identify/terminal.h"
#include "outside/resolve.h"
#include "outside/scan.h"
#include "seen/diff.h"
#include "seen/nmap_xml.h"
#include "seen/text.h"

namespace bulkhead::outside {
namespace {

using console::complain;
using console::Exit;

constexpr const char* kProgram = "bulkhead-scan";

struct Options {
  std::vector<std::string> targets, ports;
  std::string max_load;
  std::string shell;                           // print its completion and do nothing else
  std::uint64_t rate = 5'000, deadline = 600;  // probes a second; seconds
  bool json = false, xml = false, identify = true, i_own_this = false, connect_only = false;
  std::string output, old, zone, language, services;
  std::string command = "bulkhead-scan";  // as it was typed
};

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", [] { return std::string(kProgram) + " " + BULKHEAD_VERSION; });
  app.add_option("TARGET", options.targets,
                 "An address, a prefix (up to 4,096 addresses) or a name; several are taken");
  app.add_option("--completion", options.shell,
                 "Print a completion script for this shell, and nothing else: bash, zsh or fish")
      ->type_name("SHELL");
  app.add_option("--ports", options.ports,
                 "These ports, as 22,8000-8100,53/udp, or all; may be repeated (default: those of "
                 "all services that are known)")
      ->type_name("PORTS")
      ->allow_extra_args(false);
  app.add_option("--rate", options.rate, "At most so many probes a second")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--max-load", options.max_load,
                 "Send nothing while this machine's load average is above N, or something waits "
                 "for a processor for more than N% of the time")
      ->type_name("N");
  app.add_option("--deadline", options.deadline, "Stop after so many seconds, with what is known")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app.add_flag("--connect", options.connect_only, "By connect() alone, no raw packets");
  app.add_flag("!--no-identify", options.identify, "Do not ask open ports which service they are");
  app.add_option("--services", options.services,
                 "Recognise the services of these files NAME.yaml, too")
      ->type_name("DIR");
  app.add_flag("--i-own-this", options.i_own_this, "Public addresses among the targets are yours");
  app.add_option(
         "--zone", options.zone,
         "Where this machine stands, seen from the targets: internet or lan (bulkhead audit "
         "reads it)")
      ->check(CLI::IsMember({"internet", "lan"}));
  auto* json = app.add_flag("--json", options.json, "Answer in JSON");
  auto* xml = app.add_flag("--xml", options.xml, "Answer in XML, in the form of nmap -oX");
  xml->excludes(json);
  app.add_option("-o,--output", options.output, "Write the result to this file, as JSON")
      ->type_name("FILE");
  app.add_option(
         "--diff", options.old,
         "Tell what is another than in this earlier result; end 1 when something new answers")
      ->type_name("OLD")
      ->excludes(xml);
  app.add_option("--lang", options.language, "Language of the text: en or ja")
      ->check(CLI::IsMember({"en", "ja"}));
}

// POSIX: the first of the three that is set and not empty decides.
seen::Language language_of(const Options& options) {
  std::string name = options.language;
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = name.empty() ? std::getenv(variable) : nullptr;
    if (value != nullptr) name = value;
  }
  return name.starts_with("ja") ? seen::Language::kJapanese : seen::Language::kEnglish;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

Result<std::optional<seen::Record>> read_old(const Options& options) {
  if (options.old.empty()) return std::optional<seen::Record>();
  auto text = console::read_file(options.old, seen::kLargestRecord);
  if (!text) return within("--diff", text.error());
  auto record = seen::read_record(*text, options.old);
  if (!record) return within("--diff", record.error());
  return std::optional(*std::move(record));
}

Result<Work> make_work(const Options& options, const services::Matcher& matcher) {
  Work work;
  work.identify = options.identify;
  auto questions = make_questions(matcher, options.ports, options.identify);
  if (!questions) return std::unexpected(questions.error());
  work.questions = *std::move(questions);
  auto machines = read_targets(options.targets, options.i_own_this, resolve);
  if (!machines) return std::unexpected(machines.error());
  work.machines = *std::move(machines);
  work.limits.rate = options.rate;
  work.limits.all_ms = options.deadline * 1000;
  work.limits.raw = !options.connect_only;
  work.limits.crowded = [tables = console::NeighbourTables()] { return tables.are_crowded(); };
  if (!options.max_load.empty()) {
    auto load = console::MaxLoad::parse(options.max_load);
    if (!load) return within("--max-load", load.error());
    work.limits.hold = [load = *load] { return load.is_exceeded(); };
  }
  return work;
}

seen::Record run_scan(const services::Matcher& matcher, const Work& work, const Options& options) {
  const bool terminal = console::stderr_is_terminal();
  const std::uint64_t begin = now_ms();
  probe::OwnSockets sockets;
  const console::Interrupts interrupts;
  const Tell tell = terminal ? Tell{identify::show_packets, identify::show_services} : Tell{};
  seen::Record record = scan(matcher, work, sockets, console::Interrupts::flag(), tell);
  if (terminal) console::clear_progress();
  record.host = host_name();
  record.tool = std::string(kProgram) + " " + BULKHEAD_VERSION;
  record.zone = options.zone;
  record.taken_at_ms = begin;
  return record;
}

// What standard output gets.
std::string answer(const Options& options, const seen::Record& record,
                   const std::optional<seen::Difference>& difference) {
  if (difference)
    return options.json ? seen::difference_json(*difference)
                        : seen::difference_text(*difference, language_of(options));
  if (options.xml) return seen::nmap_xml(record, options.command);
  return options.json ? seen::record_json(record) : seen::record_text(record, language_of(options));
}

Exit run(const Options& options) {
  auto old = read_old(options);  // what is wrong with it is said before anything is sent
  if (!old) return complain(old.error(), kProgram);
  const auto matcher = identify::read_catalogue(options.services);
  if (!matcher) return complain(within("--services", matcher.error()).error(), kProgram);
  auto work = make_work(options, *matcher);
  if (!work) return complain(work.error(), kProgram);
  const seen::Record record = run_scan(*matcher, *work, options);
  Exit kept = Exit::kDone;  // what cannot be written is printed all the same: scans take long
  if (!options.output.empty()) {
    if (auto written = console::write_file(options.output, seen::record_json(record)); !written)
      kept = complain(written.error(), kProgram);
  }
  std::optional<seen::Difference> difference;
  if (const auto& before = *old) difference = seen::compare(*before, record);
  if (options.output != "-") {
    if (auto printed = console::print(answer(options, record, difference)); !printed)
      return complain(printed.error(), kProgram);
  }
  if (kept != Exit::kDone) return kept;
  if (difference && difference->alarming()) return Exit::kFindings;
  const bool incomplete = difference ? !difference->complete : seen::is_incomplete(record);
  return incomplete ? Exit::kIncomplete : Exit::kDone;
}

Exit print_completion(const CLI::App& app, const std::string& shell) {
  const auto script = console::completion_script(app, shell);
  if (!script) return complain(script.error(), kProgram);
  const auto printed = console::print(*script);
  return printed ? Exit::kDone : complain(printed.error(), kProgram);
}

Exit parse_and_run(int argc, char** argv) {
  CLI::App app{"What of these machines answers, seen from here.", kProgram};
  Options options;
  describe(app, options);
  for (int i = 1; i < argc; ++i) options.command += " " + std::string(argv[i]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? Exit::kDone : Exit::kUsage;
  }
  if (!options.shell.empty()) return print_completion(app, options.shell);
  if (options.targets.empty())
    return complain(
        {ErrorCode::kInvalidInput, "TARGET is required: an address, a prefix or a name"}, kProgram);
  return run(options);
}

}  // namespace
}  // namespace bulkhead::outside

int main(int argc, char** argv) {
  using bulkhead::console::Exit;
  try {
    return static_cast<int>(bulkhead::outside::parse_and_run(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bulkhead-scan: internal error: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "bulkhead-scan: internal error\n");
  }
  return static_cast<int>(Exit::kInternal);
}
