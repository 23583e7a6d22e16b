// One function per verb: options in, exit code out. They only fetch, call and print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/session.h"

namespace bulkhead::cli {

struct OutputOptions {
  bool json = false;
  std::string language;  // "en", "ja"; empty: by LANG
  bool no_color = false;
  bool details = false;  // evidence and all lines to paste
};

struct AuditOptions {
  SourceOptions source;
  OutputOptions output;
  bool probe = true;
  std::string fail_on = "high";
  std::string at;                   // overrides the snapshot's instant (RFC 3339)
  std::vector<std::string> with;    // results of bulkhead-scan: FILE or VANTAGE:FILE
  std::string with_max_age = "7d";  // of these results, before or after the host was read
  std::string services;             // a folder with more entries of the catalogue; empty: none
  std::string format;               // terminal, json, sarif, html; empty: as output says
  std::string file = "-";
};
Exit run_audit(const AuditOptions& options);

struct TraceOptions {
  SourceOptions source;
  OutputOptions output;
  std::string from, to, port;  // a vantage; an address or a container's name; PORT or PORT/PROTO
  std::string source_address;
  std::uint16_t source_port = 0;  // 0: an ephemeral one
  std::string as;                 // "attacker": whatever root there can forge
};
Exit run_trace(const TraceOptions& options);

struct ReachOptions {
  SourceOptions source;
  OutputOptions output;
  std::string from;            // a vantage; empty with the views of the whole host
  std::string to;              // an address, a prefix or a container's name; empty: everything
  std::string port, protocol;  // empty: all
  bool matrix = false, csv = false, unused = false, why = false;
  std::string who;          // a container, host, ADDRESS, each with :PORT or without
  std::size_t through = 0;  // steps; 0: none
  std::string as;           // "attacker": whatever root there can forge, too
};
Exit run_reach(const ReachOptions& options);

struct QueryOptions {
  SourceOptions source;
  std::string file = "-";
};
Exit run_query(const QueryOptions& options);

struct SnapshotOptions {
  SourceOptions source;
  std::string output = "-";
  bool redact = false;
  bool probe = false;
};
Exit run_snapshot(const SnapshotOptions& options);

struct MapOptions {
  SourceOptions source;
  OutputOptions output;
  bool svg = false, dot = false, mermaid = false;  // one at most, and then not output.json
  std::string file = "-";
};
Exit run_map(const MapOptions& options);

struct ScanOptions {
  SourceOptions source;
  OutputOptions output;
  std::vector<std::string> from, to, ports;  // vantages; addresses or containers; 22,80-90,53/udp
  std::vector<std::string> seats;            // LINK[=ADDRESS[,ADDRESS]]: neighbours to be made
  bool full = false;                         // all TCP ports everywhere
  bool connect_only = false;
  bool identify = true;               // ask what answers which service it is
  std::optional<std::uint64_t> rate;  // probes a second; verb_scan.cpp has the usual ones
  std::uint64_t deadline = 600;       // seconds
  std::vector<std::string> diff;      // none, or two files with results: nothing is sent
  std::string format;                 // terminal, json, xml, sarif, html; empty: as output says
  std::string file = "-";
  std::string command;      // as it was typed
  std::string services;     // a folder with more entries of the catalogue; empty: none
  std::string max_load;     // 2.5 or 40%; empty: whatever it is
  bool i_own_this = false;  // public addresses beyond the host are asked, too
};
Exit run_scan(const ScanOptions& options);

struct RepeatOptions {
  std::string every;                // 30s, 15m, 6h, 1d; empty: once
  std::vector<std::string> notify;  // http://, https://, mailto:, exec:
  std::string state = "/var/lib/bulkhead/scan";
  std::vector<std::string> arguments;  // of this program, as it was started
};
// Runs scans until SIGTERM or SIGINT, and tells what differs from one to the next.
Exit run_scan_repeatedly(const RepeatOptions& options);
Exit run_scan_diff(const ScanOptions& options);

struct PolicyOptions {
  SourceOptions source;
  OutputOptions output;
  std::string at;                    // overrides the snapshot's instant (RFC 3339)
  bool matrix = false, svg = false;  // show
  std::string as;                    // test: "attacker": whatever root there can forge, too
};
Exit run_policy_lint(const PolicyOptions& options);
Exit run_policy_show(const PolicyOptions& options);
Exit run_policy_test(const PolicyOptions& options);

struct PlanOptions {
  PolicyOptions policy;
  bool enforce = false;     // as if what is in mode audit were in mode enforce
  std::string seen;         // what `learn` keeps; empty: none
  bool from_audit = false;  // and what mode audit counted
};
Exit run_plan(const PlanOptions& options);

struct CompileOptions {
  PlanOptions plan;
  std::string file = "-";
  std::string to = "nftables";    // compose, networkpolicy
  std::string project;            // compose: whose override
  std::vector<std::string> pods;  // networkpolicy: prefixes of pods' addresses
  bool cluster_dns = false;       // networkpolicy: pods may ask the cluster's name server
};
Exit run_compile(const CompileOptions& options);

struct LearnOptions {
  SourceOptions source;
  bool json = false;
  std::string duration;  // 30s, 10m, 6h, 2d; 0: what there is now; empty: until interrupted
  std::string state = "/var/lib/bulkhead/learn/flows.json";
  std::uint32_t buffer = 32U << 20;  // bytes of events that wait
  bool from_audit = false;           // and what mode audit counted; without a duration that alone
  std::string file = "-";
};
Exit run_learn(const LearnOptions& options);

struct ApplyOptions {
  SourceOptions source;
  std::string confirm_within = "60s";  // 90s, 5m, 1h; 0: kept at once
  bool console = false;                // the caller sits at the machine
};
Exit run_apply(const ApplyOptions& options);

struct ConfirmOptions {
  bool console = false;
};
Exit run_confirm(const ConfirmOptions& options);

struct RollbackOptions {
  bool remove = false;  // all tables of ours, whatever was before
};
Exit run_rollback(const RollbackOptions& options);

struct StatusOptions {
  SourceOptions source;
  OutputOptions output;
};
Exit run_status(const StatusOptions& options);

struct PolicyInitOptions {
  SourceOptions source;
  std::string file = "-";
};
Exit run_policy_init(const PolicyInitOptions& options);

struct LabOptions {
  std::vector<std::string> audit_arguments;
};
Exit run_lab_demo(const LabOptions& options);

Exit run_version(bool json);

}  // namespace bulkhead::cli
