// The program's audit of the demonstration finds what was planted, all of it and nothing else.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lab/demo.h"
#include "lab/plan.h"
#include "lab/process.h"

namespace bulkhead::lab {
namespace {

using nlohmann::json;

std::string subject_of(const json& subject) {
  for (const char* field : {"container", "network"}) {
    auto name = subject.value(field, "");
    if (!name.empty()) return name;
  }
  return subject.value("on_host", false) ? "host" : "";
}

std::string row(std::string_view threat, std::string_view subject, int port) {
  return fmt::format("{} {} {}", threat, subject, port);
}

std::set<std::string> planted_rows() {
  std::set<std::string> rows;
  for (const auto& one : planted()) rows.insert(row(one.threat, one.subject, one.port.number));
  return rows;
}

// Reaching the Internet is said of many containers at once and is a matter of its own.
bool is_exit(const json& finding) {
  const auto kind = finding.value("kind", "");
  return kind == "egress" || kind == "cloud-metadata";
}

json audit_of_the_demonstration() {
  json report;
  DemoOptions options;
  options.visit = [&](const DemoSite& site) -> Result<int> {
    Command command{{std::getenv("BULKHEAD_PROGRAM"), "audit", "--json"},
                    {{"DOCKER_HOST", site.engine}},
                    site.host_network,
                    {}};
    auto job = Job::begin(command);
    if (!job) return std::unexpected(std::move(job.error()));
    auto said = job->finish(std::chrono::seconds(60));
    if (!said) return std::unexpected(std::move(said.error()));
    auto from = said->text.find('{');
    report = json::parse(from == std::string::npos ? said->text : said->text.substr(from), nullptr,
                         false);
    return said->status;
  };
  auto status = run_demo(options);
  EXPECT_TRUE(status.has_value()) << status.error().message;
  return report;
}

TEST(DemoFindings, AreExactlyThePlantedOnesEachWithItsCure) {
  ASSERT_NE(std::getenv("BULKHEAD_PROGRAM"), nullptr) << "names the program to judge";
  const json report = audit_of_the_demonstration();
  ASSERT_TRUE(report.is_object());
  std::set<std::string> found;
  for (const auto& finding : report.at("findings")) {
    if (is_exit(finding)) continue;
    const auto& subject = finding.at("subject");
    found.insert(
        row(finding.at("kind").get<std::string>(), subject_of(subject), subject.value("port", 0)));
    EXPECT_FALSE(finding.at("cures").empty()) << finding.at("what").dump();
  }
  EXPECT_EQ(found, planted_rows());
  EXPECT_TRUE(report.at("contradictions").empty()) << report.at("contradictions").dump();
  EXPECT_TRUE(report.at("unknown").empty()) << report.at("unknown").dump();
}

}  // namespace
}  // namespace bulkhead::lab
