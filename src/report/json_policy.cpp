#include "report/json_policy.h"

#include <nlohmann/json.hpp>

#include "learn/judge.h"
#include "policy/meaning.h"
#include "report/json_reached.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;

Json start(std::string_view name, const policy::Config& config) {
  return {{"schema", "https://bulkhead.example/schemas/policy-" + std::string(name) + "/1"},
          {"file", config.file}};
}

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json parties_json(std::span<const policy::Party> parties) {
  Json out = Json::array();
  for (const policy::Party& p : parties) out.push_back(policy::to_string(p));
  return out;
}

Json ports_json(std::span<const policy::PortSpec> ports) {
  Json out = Json::array();
  for (const policy::PortSpec& p : ports) out.push_back(policy::to_string(p));
  return out;
}

void add_place(Json& out, yaml::Place place) {
  out["line"] = place.line;
  out["column"] = place.column;
}

void add_clause(Json& out, const policy::Clause& clause, std::uint64_t now_ms) {
  add_place(out, clause.place);
  if (!clause.why.empty()) out["why"] = clause.why;
  if (clause.expires.empty()) return;
  out["expires"] = clause.expires;
  out["expired"] = clause.expired(now_ms);
}

Json line_json(const policy::Line& line, std::uint64_t now_ms) {
  Json out = {{"section", policy::to_string(line.kind)}, {"from", parties_json(line.from)}};
  out["to"] =
      line.host != nullptr ? Json::array({"host." + line.host->name}) : parties_json(line.to);
  out["ports"] = ports_json(line.ports);
  add_clause(out, *line.clause, now_ms);
  return out;
}

Json member_json(const policy::Member& member) {
  Json out = {{"engine", member.engine->name}, {"container", member.container->name}};
  if (!member.unheld.empty()) out["unheld"] = member.unheld;
  return out;
}

void add_owner(Json& out, const audit::Subject& subject) {
  out["owner"] = subject.container.empty() ? "host" : "container";
  if (!subject.container.empty()) out["container"] = subject.container;
  if (!subject.process.empty()) out["process"] = subject.process;
}

Json witness_json(const plan::Witness& w) {
  Json out = {{"from", w.from}};
  if (w.service) {
    add_owner(out, *w.service);
  } else {
    out["leaves"] = true;
  }
  out["proto"] = bulkhead::to_string(w.protocol);
  out["packet"] = report::witness_json(w.packet);
  if (w.forged) out["forged"] = true;
  return out;
}

Json trial_json(const plan::Trial& trial, bool is_test) {
  Json out = {{"text", trial.text}, {"outcome", plan::to_string(trial.outcome)}};
  if (is_test) out["expect"] = trial.expects_open ? "allow" : "deny";
  add_place(out, trial.clause->place);
  out["asked"] = trial.asked;
  out["breaches"] = trial.breaches;
  if (!trial.reason.empty()) out["reason"] = trial.reason;
  Json witnesses = Json::array();
  for (const plan::Witness& w : trial.witnesses) witnesses.push_back(witness_json(w));
  if (!witnesses.empty()) out["witnesses"] = std::move(witnesses);
  return out;
}

Json ways_json(const std::vector<plan::Way>& all) {
  Json out = Json::array();
  for (const plan::Way& way : all) {
    Json one = {{"from", way.from.get()}};
    add_owner(one, *way.to);
    one["port"] = way.to->port.value_or(Port{}).number;
    one["proto"] = bulkhead::to_string(way.to->protocol);
    if (!way.reason.empty()) one["reason"] = way.reason.get();
    out.push_back(std::move(one));
  }
  return out;
}

void add_trials(Json& out, const plan::Trials& trials) {
  Json never = Json::array(), tests = Json::array();
  for (const plan::Trial& t : trials.never) never.push_back(trial_json(t, false));
  for (const plan::Trial& t : trials.tests) tests.push_back(trial_json(t, true));
  out["never"] = std::move(never);
  out["tests"] = std::move(tests);
}

Json fated_json(const learn::Fated& one, const flows::Book& book) {
  return {{"flow", learn::describe(*one.flow, book)},
          {"fate", learn::to_string(one.fate)},
          {"reason", one.reason},
          {"answered", one.counts->answered},
          {"first_ms", one.counts->first_ms},
          {"last_ms", one.counts->last_ms}};
}

Json seen_json(const Seen& seen) {
  using learn::Fate;
  Json out = Json::object();
  for (const Fate fate : {Fate::kStays, Fate::kPermitted, Fate::kBreaks, Fate::kClosed,
                          Fate::kUnknown, Fate::kGone, Fate::kUnasked})
    out[std::string(learn::to_string(fate))] = seen.fates->count(fate);
  out["flows"] = Json::array();
  for (const learn::Fated& one : seen.fates->flows) {
    if (one.fate == Fate::kBreaks || one.fate == Fate::kUnknown)
      out["flows"].push_back(fated_json(one, *seen.book));
  }
  return out;
}

}  // namespace

std::string policy_json(const policy::Config& config, const policy::Bound& bound,
                        std::uint64_t now_ms) {
  Json out = start("show", config);
  const std::vector<policy::Line> lines = policy::all_lines(config);
  Json host = Json::array(), tenants = Json::array(), strangers = Json::array();
  for (const policy::Line& line : lines) {
    if (line.tenant == nullptr) host.push_back(line_json(line, now_ms));
  }
  for (std::size_t t = 0; t < config.tenants.size(); ++t) {
    const policy::Tenant& tenant = config.tenants[t];
    Json one = {{"name", tenant.name}, {"mode", policy::to_string(config.mode_of(tenant))}};
    one["containers"] = Json::array();
    for (const policy::Member& m : bound.members) {
      if (m.tenant == t) one["containers"].push_back(member_json(m));
    }
    one["lines"] = Json::array();
    for (const policy::Line& line : lines) {
      if (line.tenant == &tenant) one["lines"].push_back(line_json(line, now_ms));
    }
    tenants.push_back(std::move(one));
  }
  for (const model::Container* c : bound.strangers) strangers.push_back(c->name);
  out["host"] = std::move(host);
  out["tenants"] = std::move(tenants);
  out["strangers"] = std::move(strangers);
  return dump(out);
}

std::string lint_json(const policy::Config& config, std::span<const policy::Lint> found) {
  Json out = start("lint", config);
  Json all = Json::array();
  for (const policy::Lint& l : found) {
    Json one = {{"kind", policy::to_string(l.kind)},
                {"level", l.level == policy::LintLevel::kError ? "error" : "warning"}};
    add_place(one, l.place);
    one["what"] = l.what;
    all.push_back(std::move(one));
  }
  out["found"] = std::move(all);
  return dump(out);
}

std::string trials_json(const policy::Config& config, const plan::Trials& trials) {
  Json out = start("test", config);
  add_trials(out, trials);
  return dump(out);
}

std::string plan_json(const policy::Config& config, const plan::Plan& plan, const Seen& seen) {
  Json out = {{"schema", "https://bulkhead.example/schemas/plan/1"},
              {"file", config.file},
              {"fit", plan.fit()},
              {"held", plan.compiled.held.size()},
              {"host_held", plan.compiled.host_held},
              {"audited", plan.compiled.audited.size()},
              {"host_audited", plan.compiled.host_audited},
              {"elements", plan.compiled.elements}};
  add_trials(out, plan.trials);
  out["awaits"] = plan.awaits;
  out["closes"] = ways_json(plan.closes);
  out["reopens"] = ways_json(plan.reopens);
  out["opens"] = ways_json(plan.opens);
  out["leaks"] = ways_json(plan.leaks);
  out["blocked"] = ways_json(plan.blocked);
  out["unknown"] = ways_json(plan.unknown);
  if (seen.book != nullptr && seen.fates != nullptr) out["seen"] = seen_json(seen);
  out["unheld"] = plan.compiled.unheld;
  out["rules"] = plan.compiled.text;
  return dump(out);
}

}  // namespace bulkhead::report
