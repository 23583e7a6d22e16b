#include <algorithm>

#include "base/text.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "compile/compile.h"
#include "manifest/compose.h"
#include "manifest/networkpolicy.h"
#include "report/json_manifest.h"

namespace bulkhead::cli {
namespace {

Status check_form(const CompileOptions& options) {
  const auto only_of = [&](std::string_view form, bool given, std::string_view flag) -> Status {
    if (!given || options.to == form) return {};
    return fail(ErrorCode::kInvalidInput,
                std::string(flag) + " goes with --to " + std::string(form) + " alone");
  };
  if (options.to != "nftables" && options.to != "compose" && options.to != "networkpolicy")
    return fail(ErrorCode::kInvalidInput, "--to " + escape_text(options.to) +
                                              " is unknown; write nftables, compose or "
                                              "networkpolicy");
  if (auto s = only_of("compose", !options.project.empty(), "--project"); !s) return s;
  if (auto s = only_of("networkpolicy", !options.pods.empty(), "--pods"); !s) return s;
  return only_of("networkpolicy", options.cluster_dns, "--cluster-dns");
}

// The one file that is asked for.
Result<std::string> text_of(const manifest::Manifest& manifest, const std::string& project) {
  std::string names;
  for (const manifest::File& file : manifest.files) {
    if (file.name == project || (project.empty() && manifest.files.size() == 1)) return file.text;
    names += (names.empty() ? "" : ", ") + escape_text(file.name);
  }
  if (project.empty())
    return fail(ErrorCode::kInvalidInput,
                "the policy is of several projects; name one with --project: " + names);
  return fail(ErrorCode::kNotFound, "no service of project " + escape_text(project) +
                                        " is in the policy; there are: " + names);
}

Result<std::string> rules(const CompileOptions& options, const Bench& bench) {
  const auto compiled = compile::compile(bench.input(options.plan.enforce));
  if (!compiled) return std::unexpected(compiled.error());
  return options.plan.policy.output.json ? report::rules_json(bench.session.config, *compiled)
                                         : compiled->text;
}

Result<manifest::Cluster> cluster_of(const CompileOptions& options) {
  manifest::Cluster out;
  out.dns = options.cluster_dns;
  for (const std::string& text : options.pods) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return within("--pods", prefix.error());
    out.pods.push_back(*prefix);
  }
  return out;
}

Result<std::string> compiled_text(const CompileOptions& options, const Bench& bench) {
  if (options.to == "nftables") return rules(options, bench);
  const auto cluster = cluster_of(options);
  if (!cluster) return std::unexpected(cluster.error());
  const compile::Input input = bench.input(options.plan.enforce);
  const auto made = options.to == "compose" ? manifest::compose(input)
                                            : manifest::network_policies(input, *cluster);
  if (!made) return std::unexpected(made.error());
  if (options.plan.policy.output.json && options.project.empty())
    return report::manifest_json(bench.session.config, options.to, *made);
  const auto text = text_of(*made, options.project);
  if (!text || !options.plan.policy.output.json) return text;
  manifest::Manifest one = *made;
  std::erase_if(one.files, [&](const manifest::File& f) { return f.name != options.project; });
  return report::manifest_json(bench.session.config, options.to, one);
}

}  // namespace

Exit run_compile(const CompileOptions& options) {
  if (auto s = check_form(options); !s) return complain(s.error());
  const auto bench = open_bench(options.plan.policy);
  if (!bench) return complain(bench.error());
  const auto text = compiled_text(options, *bench);
  if (!text) return complain(text.error());
  if (auto written = write_file(options.file, *text); !written) return complain(written.error());
  return Exit::kDone;
}

}  // namespace bulkhead::cli
