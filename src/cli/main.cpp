// The command line: verbs, flags and exit codes, no logic of its own.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <exception>
#include <functional>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/verbs.h"
#include "console/completion.h"

namespace bulkhead::cli {
namespace {

void add_engine(CLI::App& verb, SourceOptions& options) {
  verb.add_option("--engine", options.engines,
                  "Ask this engine (unix:///…, tcp://…); may be repeated")
      ->type_name("URL")
      ->allow_extra_args(false);
}

void add_source(CLI::App& verb, SourceOptions& options) {
  verb.add_option("--snapshot", options.snapshot_file,
                  "Answer from this snapshot instead of this host")
      ->type_name("FILE");
  verb.add_option("--config", options.config_file, "Use this configuration file")
      ->type_name("FILE");
  add_engine(verb, options);
}

void add_output(CLI::App& verb, OutputOptions& options) {
  verb.add_flag("--json", options.json, "Answer in JSON");
  verb.add_option("--lang", options.language, "Language of the text: en or ja")
      ->check(CLI::IsMember({"en", "ja"}));
  verb.add_flag("--no-color", options.no_color, "No colours");
  verb.add_flag("--details", options.details, "Show evidence, paths and all lines to paste");
}

// All option values live as long as the parse, and `run` is what the chosen verb does.
struct CommandLine {
  CLI::App app{"Who can reach whom on a container host, and why.", "bulkhead"};
  std::function<Exit()> run;
  AuditOptions audit;
  TraceOptions trace;
  ReachOptions reach;
  QueryOptions query;
  SnapshotOptions snapshot;
  MapOptions map;
  ScanOptions scan;
  RepeatOptions repeat;
  PolicyOptions policy;
  PolicyInitOptions policy_init;
  PlanOptions plan;
  LearnOptions learn;
  CompileOptions compile;
  ApplyOptions apply;
  ConfirmOptions confirm;
  RollbackOptions rollback;
  StatusOptions status;
  LabOptions lab;
  bool version_json = false;
  std::string shell;

  CommandLine() {
    app.require_subcommand(1);
    app.set_version_flag("--version", [] { return std::string("bulkhead ") + BULKHEAD_VERSION; });
    add_audit();
    add_trace();
    add_reach();
    add_query();
    add_snapshot();
    add_map();
    add_scan();
    add_policy();
    add_plan();
    add_learn();
    add_apply();
    add_lab();
    add_small_ones();
  }

 private:
  // --json is the short form of one of them.
  static void add_format(CLI::App& verb, std::string& format, std::string& file,
                         const std::vector<std::string>& formats) {
    verb.add_option("--format", format, "The form of the answer")
        ->type_name("FORMAT")
        ->check(CLI::IsMember(formats))
        ->excludes(verb.get_option("--json"));
    verb.add_option("-o,--output", file, "Where to; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
  }
  void add_audit() {
    auto* verb = app.add_subcommand(
        "audit",
        "Which of this host's services are reachable from where, and which threats that is");
    add_source(*verb, audit.source);
    add_output(*verb, audit.output);
    verb->add_flag("!--no-probe", audit.probe, "Send nothing: computed answers only");
    verb->add_option("--fail-on", audit.fail_on,
                     "End 1 when a finding is at or above this severity")
        ->check(CLI::IsMember({"info", "low", "medium", "high", "critical", "never"}))
        ->capture_default_str();
    verb->add_option(
            "--with", audit.with,
            "Compare with this result of bulkhead-scan, made from outside; where it was "
            "made goes before it, if it does not say so, as internet:FILE; may be repeated")
        ->type_name("[ZONE:]FILE")
        ->allow_extra_args(false);
    verb->add_option("--with-max-age", audit.with_max_age,
                     "Refuse a result that was made longer before the host was read (12h, 7d)")
        ->type_name("TIME")
        ->capture_default_str();
    verb->add_option("--services", audit.services,
                     "Name the services of these files NAME.yaml, too, by process, image and port")
        ->type_name("DIR");
    verb->add_option("--at", audit.at, "Take this instant for now (RFC 3339)")->type_name("TIME");
    add_format(*verb, audit.format, audit.file, {"terminal", "json", "sarif", "html"});
    verb->callback([this] {
      audit.output.json = audit.output.json || audit.format == "json";
      run = [this] { return run_audit(audit); };
    });
  }
  void add_trace() {
    auto* verb =
        app.add_subcommand("trace", "Walk one packet through the host and say what decides");
    verb->add_option("FROM", trace.from,
                     "A vantage: internet, lan, zone:NAME, host, container:NAME, netns:PATH")
        ->required();
    verb->add_option(
            "TO", trace.to,
            "An address (fe80::1%eth0 with the interface of FROM), or the name of a container")
        ->required();
    verb->add_option("PORT", trace.port, "A port, as 6379 or 53/udp")->required();
    verb->add_option("--source", trace.source_address, "Send from this address")->type_name("IP");
    verb->add_option("--source-port", trace.source_port, "Send from this port");
    verb->add_option("--as", trace.as, "attacker: whatever root there can forge")->type_name("WHO");
    add_source(*verb, trace.source);
    add_output(*verb, trace.output);
    verb->callback([this] { run = [this] { return run_trace(trace); }; });
  }
  void add_reach() {
    auto* verb = app.add_subcommand(
        "reach", "Who reaches what, computed for all addresses and ports at once");
    verb->add_option("--from", reach.from,
                     "All that this vantage reaches: internet, lan, zone:NAME, host, "
                     "container:NAME, netns:PATH");
    verb->add_flag("--matrix", reach.matrix, "The whole host: who reaches which service");
    verb->add_option("--who-reaches", reach.who,
                     "Who reaches this container, host or ADDRESS, with :PORT or without");
    verb->add_flag("--unused", reach.unused, "Published ports that nobody outside reaches");
    verb->add_option("--through", reach.through,
                     "With --from: what falls next if what is reached falls, in at most N steps")
        ->type_name("N")
        ->check(CLI::Range(1, 64));
    verb->add_flag("--csv", reach.csv, "With --matrix: one line for each vantage and service");
    verb->add_option("--as", reach.as,
                     "With all but --unused: attacker, what root there can forge, too")
        ->type_name("WHO");
    verb->add_flag("--why", reach.why,
                   "With --from, --to and --port: the rules that decide, and what would open it");
    verb->add_option("--to", reach.to, "Only this address, prefix or container");
    verb->add_option("--port", reach.port, "Only this port, as 6379 or 53/udp");
    verb->add_option("--proto", reach.protocol, "Only tcp or udp");
    add_source(*verb, reach.source);
    add_output(*verb, reach.output);
    verb->callback([this] { run = [this] { return run_reach(reach); }; });
  }
  void add_query() {
    auto* verb = app.add_subcommand("query", "Answer questions: JSON Lines in, JSON Lines out");
    verb->add_option("FILE", query.file, "Questions; - is standard input")->capture_default_str();
    add_source(*verb, query.source);
    verb->callback([this] { run = [this] { return run_query(query); }; });
  }
  void add_snapshot() {
    auto* verb = app.add_subcommand("snapshot", "Write all that was read as one JSON file");
    verb->add_option("-o,--output", snapshot.output, "Where to; - is standard output")
        ->capture_default_str();
    verb->add_flag("--redact", snapshot.redact,
                   "Keep the structure, hide names, secrets and environment");
    add_source(*verb, snapshot.source);
    verb->callback([this] { run = [this] { return run_snapshot(snapshot); }; });
  }
  void add_map() {
    auto* verb = app.add_subcommand(
        "map", "The network as a tree or a drawing: where each interface leads, what hangs on it");
    add_source(*verb, map.source);
    add_output(*verb, map.output);
    const std::array forms{verb->get_option("--json"),
                           verb->add_flag("--svg", map.svg, "Draw it as SVG, for a browser"),
                           verb->add_flag("--dot", map.dot, "Draw it as a graph for Graphviz"),
                           verb->add_flag("--mermaid", map.mermaid, "Draw it as a Mermaid chart")};
    for (CLI::Option* one : forms) {
      for (CLI::Option* other : forms) {
        if (one != other) one->excludes(other);
      }
    }
    verb->add_option("-o,--output", map.file, "Where to; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
    verb->callback([this] { run = [this] { return run_map(map); }; });
  }
  void add_scan() {
    auto* verb = app.add_subcommand(
        "scan",
        "Try with real packets from inside each container, and compare with what is computed");
    verb->add_option("--from", scan.from,
                     "Only from this vantage: host, container:NAME, netns:PATH; may be repeated")
        ->type_name("VANTAGE")
        ->allow_extra_args(false);
    verb->add_option("--seat", scan.seats,
                     "From a neighbour's seat that is made for this scan on this bridge or LAN "
                     "interface (or network of an engine), and removed with it; without --from, "
                     "from seats alone; may be repeated")
        ->type_name("LINK[=ADDRESS]")
        ->allow_extra_args(false);
    verb->add_option("--to", scan.to,
                     "Only this address (fe80::1%eth0 with the seat's interface), container, or "
                     "target or zone "
                     "of bulkhead.yaml; may be repeated")
        ->type_name("WHAT")
        ->allow_extra_args(false);
    verb->add_option("--ports", scan.ports,
                     "Only these ports, as 22,8000-8100,53/udp; may be repeated")
        ->type_name("PORTS")
        ->allow_extra_args(false);
    verb->add_flag("--full", scan.full, "All 65,535 TCP ports of every address");
    verb->add_flag("--connect", scan.connect_only, "By connect() alone, no raw packets");
    verb->add_flag("!--no-identify", scan.identify, "Do not ask open ports which service they are");
    verb->add_option("--services", scan.services,
                     "Recognise the services of these files NAME.yaml, too")
        ->type_name("DIR");
    verb->add_flag("--i-own-this", scan.i_own_this,
                   "Ask public addresses beyond this host, too: they are yours");
    verb->add_option("--rate", scan.rate,
                     "At most so many probes a second (default: 1,000,000; 200,000 when machines "
                     "beyond this host are asked)")
        ->type_name("N")
        ->check(CLI::Range(1, 10'000'000));
    verb->add_option("--max-load", scan.max_load,
                     "Send nothing while this host's load average is above N, or something waits "
                     "for a processor for more than N% of the time")
        ->type_name("N");
    verb->add_option("--deadline", scan.deadline, "Stop after so many seconds, with what is known")
        ->type_name("SECONDS")
        ->check(CLI::Range(1, 86'400))
        ->capture_default_str();
    verb->add_option("--diff", scan.diff,
                     "Send nothing: tell what differs between two results, of bulkhead scan --json "
                     "or bulkhead-scan; end 1 when something new answers")
        ->type_name("OLD NEW")
        ->expected(2);
    add_repeat(*verb);
    add_source(*verb, scan.source);
    add_output(*verb, scan.output);
    add_format(*verb, scan.format, scan.file, {"terminal", "json", "xml", "sarif", "html"});
    for (const char* once : {"--every", "--diff"}) {
      verb->get_option("--format")->excludes(verb->get_option(once));
      verb->get_option("--output")->excludes(verb->get_option(once));
    }
    verb->callback([this] {
      scan.output.json = scan.output.json || scan.format == "json";
      run = [this] {
        if (!scan.diff.empty()) return run_scan_diff(scan);
        return repeat.every.empty() ? run_scan(scan) : run_scan_repeatedly(repeat);
      };
    });
  }
  void add_repeat(CLI::App& verb) {
    auto* every = verb.add_option("--every", repeat.every,
                                  "Scan again and again, so often (30s, 15m, 6h, 1d), until "
                                  "interrupted; tell what differs from one scan to the next")
                      ->type_name("TIME");
    every->excludes(verb.get_option("--diff"));
    verb.add_option("--notify", repeat.notify,
                    "With --every: tell it there, too: http://…, https://…, mailto:ADDRESS, "
                    "exec:/PROGRAM; may be repeated")
        ->type_name("URL")
        ->allow_extra_args(false)
        ->needs(every);
    verb.add_option("--state", repeat.state,
                    "With --every: keep the last result and what is not delivered yet here")
        ->type_name("DIR")
        ->capture_default_str()
        ->needs(every);
  }
  CLI::App* add_policy_verb(CLI::App& policies, const char* name, const char* about) {
    auto* verb = policies.add_subcommand(name, about);
    add_source(*verb, policy.source);
    add_output(*verb, policy.output);
    verb->add_option("--at", policy.at, "Take this instant for now (RFC 3339)")->type_name("TIME");
    return verb;
  }
  void add_policy() {
    auto* verb =
        app.add_subcommand("policy", "The whitelist in bulkhead.yaml: what may reach what");
    verb->require_subcommand(1);
    auto* init = verb->add_subcommand(
        "init", "Write a first whitelist from what runs and what is computed to be open");
    add_source(*init, policy_init.source);
    init->add_option("-o,--output", policy_init.file, "Where to; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
    init->callback([this] { run = [this] { return run_policy_init(policy_init); }; });
    auto* lint =
        add_policy_verb(*verb, "lint", "What is empty, shadowed, too wide, unknown or over in it");
    lint->callback([this] { run = [this] { return run_policy_lint(policy); }; });
    auto* show = add_policy_verb(*verb, "show", "What it permits, line by line or as a matrix");
    show->add_flag("--matrix", policy.matrix, "Who may reach whom, all ports in one mark");
    show->add_flag("--svg", policy.svg, "As a drawing for a browser");
    show->callback([this] { run = [this] { return run_policy_show(policy); }; });
    auto* test = add_policy_verb(
        *verb, "test", "Hold its never rules and tests against what is computed of this host");
    test->add_option("--as", policy.as, "attacker: what root there can forge counts, too")
        ->type_name("WHO");
    test->callback([this] { run = [this] { return run_policy_test(policy); }; });
  }
  static void add_enforce(CLI::App& verb, PlanOptions& options) {
    add_source(verb, options.policy.source);
    verb.add_option("--at", options.policy.at, "Take this instant for now (RFC 3339)")
        ->type_name("TIME");
    verb.add_flag("--enforce", options.enforce,
                  "As if all that is in mode audit were in mode enforce");
  }
  void add_plan() {
    auto* verb = app.add_subcommand(
        "plan",
        "What the policy would close, and whether each never and test holds then; changes "
        "nothing");
    add_enforce(*verb, plan);
    add_output(*verb, plan.policy.output);
    verb->add_option("--as", plan.policy.as, "attacker: what root there can forge counts, too")
        ->type_name("WHO");
    verb->add_option(
            "--seen", plan.seen,
            "Tell which flows of this file, kept by learn, would break; end 1 when one does")
        ->type_name("FILE");
    add_from_audit(*verb, plan.from_audit,
                   "Tell it of what mode audit counted, too, since its rules were applied");
    verb->callback([this] { run = [this] { return run_plan(plan); }; });
    auto* rules = app.add_subcommand(
        "compile",
        "Print the policy as nftables rules, as overrides of Compose files or as "
        "network policies of Kubernetes; loads nothing");
    add_enforce(*rules, compile.plan);
    rules->add_flag("--json", compile.plan.policy.output.json, "With what it cannot say, as JSON");
    rules->add_option("--to", compile.to, "nftables, compose or networkpolicy")
        ->type_name("FORM")
        ->capture_default_str();
    rules->add_option("--project", compile.project, "Of compose: whose override")
        ->type_name("NAME");
    rules
        ->add_option("--pods", compile.pods,
                     "Of networkpolicy: addresses of the cluster's pods (repeatable)")
        ->type_name("PREFIX");
    rules->add_flag("--cluster-dns", compile.cluster_dns,
                    "Of networkpolicy: every pod may ask the cluster's name server");
    rules->add_option("-o,--output", compile.file, "Where to; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
    rules->callback([this] { run = [this] { return run_compile(compile); }; });
  }
  // Counts are the kernel's, and whose they are is kept beside the rules.
  static void add_from_audit(CLI::App& verb, bool& from_audit, const std::string& what) {
    verb.add_flag("--from-audit", from_audit, what)->excludes(verb.get_option("--snapshot"));
  }
  void add_learn() {
    auto* verb = app.add_subcommand(
        "learn",
        "Watch who connects to whom, and propose the lines of the policy that this needs; changes "
        "nothing");
    verb->add_option(
            "--for", learn.duration,
            "So long (30s, 10m, 6h, 2d; 0: what there is now); without it until interrupted")
        ->type_name("TIME");
    verb->add_option("--state", learn.state,
                     "Keep what was seen here, and add to what is there from earlier runs")
        ->type_name("FILE")
        ->capture_default_str();
    verb->add_option("--buffer", learn.buffer, "Bytes of events that the kernel keeps for us")
        ->type_name("BYTES")
        ->check(CLI::Range(std::uint32_t{4096}, std::uint32_t{256U << 20}))
        ->capture_default_str();
    verb->add_option("-o,--output", learn.file, "Where to; - is standard output")
        ->type_name("FILE")
        ->capture_default_str();
    verb->add_flag("--json", learn.json, "Answer in JSON");
    add_source(*verb, learn.source);
    add_from_audit(*verb, learn.from_audit,
                   "Propose lines for what mode audit counted, too; without --for nothing is "
                   "watched");
    verb->callback([this] { run = [this] { return run_learn(learn); }; });
  }
  void add_apply() {
    auto* verb = app.add_subcommand(
        "apply", "Load the policy's rules into this host; undone by itself if not confirmed");
    verb->add_option("--config", apply.source.config_file, "Use this configuration file")
        ->type_name("FILE");
    add_engine(*verb, apply.source);
    verb->add_option("--confirm-within", apply.confirm_within,
                     "Roll back unless confirmed within this time (90s, 5m, 1h); 0: keep at once")
        ->type_name("TIME")
        ->capture_default_str();
    verb->add_flag("--console", apply.console,
                   "You sit at a console of the machine: no SSH session is needed, and others' may "
                   "be cut off");
    verb->callback([this] { run = [this] { return run_apply(apply); }; });
    auto* keep = app.add_subcommand("confirm", "Keep what was applied; from a new SSH session");
    keep->add_flag("--console", confirm.console, "You sit at a console of the machine");
    keep->callback([this] { run = [this] { return run_confirm(confirm); }; });
    auto* back = app.add_subcommand("rollback", "Bring back what was before the last apply");
    back->add_flag("--remove", rollback.remove,
                   "Take all rules of Bulkhead away, whatever was before");
    back->callback([this] { run = [this] { return run_rollback(rollback); }; });
    auto* now = app.add_subcommand(
        "status", "What is applied, and whether the kernel still has exactly that");
    add_engine(*now, status.source);
    add_output(*now, status.output);
    now->callback([this] { run = [this] { return run_status(status); }; });
  }
  void add_lab() {
    auto* verb =
        app.add_subcommand("lab", "Laboratories: networks and engines that exist only for a test");
    verb->require_subcommand(1);
    auto* demo = verb->add_subcommand(
        "demo", "Plant all six threats on a private engine, audit it, remove all of it");
    demo->add_option("--audit-args", lab.audit_arguments, "Arguments for the audit, such as --json")
        ->allow_extra_args(true);
    demo->callback([this] { run = [this] { return run_lab_demo(lab); }; });
  }
  void add_small_ones() {
    auto* version = app.add_subcommand("version", "Print the version");
    version->add_flag("--json", version_json, "Answer in JSON");
    version->callback([this] { run = [this] { return run_version(version_json); }; });
    auto* completion =
        app.add_subcommand("completion", "Print a completion script for bash, zsh or fish");
    completion->add_option("SHELL", shell, "bash, zsh or fish")->required();
    completion->callback([this] { run = [this] { return run_completion(); }; });
  }
  Exit run_completion() {
    auto script = console::completion_script(app, shell);
    if (!script) return complain(script.error());
    if (auto printed = print(*script); !printed) return complain(printed.error());
    return Exit::kDone;
  }
};

// CLI11 only says that a verb is missing.
Status known_verb(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) return {};
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == word) return {};
    verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
  }
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(word, 32) + "' is no verb; there are: " + verbs);
}

Exit run(int argc, char** argv) {
  CommandLine line;
  if (argc > 1) {
    if (auto known = known_verb(line.app, argv[1]); !known) return complain(known.error());
  }
  line.repeat.arguments.assign(argv + 1, argv + argc);
  line.scan.command = "bulkhead";
  for (const std::string& word : line.repeat.arguments) line.scan.command += " " + word;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? Exit::kDone : Exit::kUsage;
  }
  return line.run();
}

}  // namespace
}  // namespace bulkhead::cli

int main(int argc, char** argv) {
  using bulkhead::cli::Exit;
  try {
    return static_cast<int>(bulkhead::cli::run(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bulkhead: internal error: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "bulkhead: internal error\n");
  }
  return static_cast<int>(Exit::kInternal);
}
