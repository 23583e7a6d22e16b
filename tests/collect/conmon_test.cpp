#include "collect/conmon.h"

#include <gmock/gmock.h>

#include "collect/access.h"
#include "collect/process_text.h"

namespace bulkhead::collect {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kPod(64, 'c');

struct Record {
  std::uint32_t pid = 100, uid = 0, child = 101;
  std::string line, cgroup;
};

Bytes encode(const std::vector<Record>& records) {
  Bytes out;
  const auto counted = [&out](const std::string& text) {
    append_value(out, static_cast<std::uint32_t>(text.size()));
    out.insert(out.end(), text.begin(), text.end());
  };
  for (const Record& record : records) {
    append_value(out, record.pid);
    append_value(out, record.uid);
    append_value(out, record.child);
    counted(record.line);
    counted(record.cgroup);
  }
  return out;
}

// As Podman 4.3 starts it, shortened.
std::string podman_line(const std::string& id, const std::string& name) {
  return line(
      "/usr/bin/conmon --api-version 1 -c " + id + " -u " + id + " -r /usr/bin/runc -b /data/" +
      id + "/userdata -p /run/" + id + "/pidfile -n " + name +
      " --full-attach -l k8s-file:/data/ctr.log --runtime-arg --log-format=json --exit-command "
      "/usr/bin/podman --exit-command-arg -c --exit-command-arg " +
      kIdB);
}

std::vector<Conmon> decode(const std::vector<Record>& records) {
  auto out = decode_conmons(encode(records));
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(std::vector<Conmon>{});
}

TEST(Conmon, TellsIdNameAndFirstProcess) {
  const auto found =
      decode({{100, 0, 101, podman_line(kIdA, "web"), "0::/libpod_parent/libpod-" + kIdA}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].uid, 0U);
  EXPECT_EQ(found[0].container.id, kIdA);
  EXPECT_EQ(found[0].container.name, "web");
  EXPECT_EQ(found[0].container.state, "running");
  EXPECT_EQ(found[0].container.pid, 101U);
  EXPECT_TRUE(found[0].container.labels.empty());
}

TEST(Conmon, ThePodIsInTheCgroup) {
  for (const std::string& cgroup : {"3:pids:/libpod_parent/" + kPod + "/libpod-" + kIdA + "\n0::/",
                                    "0::/machine.slice/machine-libpod_pod_" + kPod +
                                        ".slice/libpod-" + kIdA + ".scope/container"}) {
    const auto found = decode({{100, 0, 101, podman_line(kIdA, "web"), cgroup}});
    ASSERT_EQ(found.size(), 1U) << cgroup;
    const auto& labels = found[0].container.labels;
    ASSERT_TRUE(labels.contains("io.podman.pod.id")) << cgroup;
    EXPECT_EQ(labels.at("io.podman.pod.id"), kPod) << cgroup;
    EXPECT_EQ(labels.at("io.podman.pod.name"), kPod.substr(0, 12)) << cgroup;
  }
}

TEST(Conmon, WhatIsNoContainerOfPodmanIsLeftOut) {
  const std::string good = podman_line(kIdA, "web");
  const struct {
    const char* name;
    Record record;
  } kRows[] = {
      {"no process yet", {100, 0, 0, good, ""}},
      {"podman exec", {100, 0, 101, good + line("-e"), ""}},
      {"CRI-O",
       {100, 0, 101, line("conmon -c " + kIdA + " -n k8s_pod --exit-command /usr/bin/crio"), ""}},
      {"no exit command", {100, 0, 101, line("conmon -c " + kIdA + " -n web"), ""}},
      {"an id that is none", {100, 0, 101, podman_line("../../etc", "web"), ""}},
      {"a short id", {100, 0, 101, podman_line(kIdA.substr(1), "web"), ""}},
      {"nothing", {100, 0, 101, "", ""}},
      {"an option without its value", {100, 0, 101, line("conmon -c"), ""}},
  };
  for (const auto& row : kRows) EXPECT_EQ(decode({row.record}).size(), 0U) << row.name;
}

TEST(Conmon, WhatIsCutShortIsAnError) {
  const Bytes whole = encode({{100, 0, 101, podman_line(kIdA, "web"), "0::/"}});
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(decode_conmons(ByteView(whole).first(size))) << size;
  Bytes lying = whole;
  lying[12] = lying[13] = lying[14] = 0xff;  // the length of the command line
  EXPECT_FALSE(decode_conmons(lying));
}

TEST(Conmon, AnEngineThatDoesNotAnswerIsNamedWithItsCure) {
  model::Snapshot snapshot;
  add_unlisted(
      decode({{1, 0, 2, podman_line(kIdA, "web"), ""}, {3, 0, 4, podman_line(kIdB, "db"), ""}}),
      snapshot);
  ASSERT_EQ(snapshot.engines.size(), 1U);
  const model::Engine& engine = snapshot.engines[0];
  EXPECT_EQ(engine.kind, model::EngineKind::kPodman);
  EXPECT_EQ(engine.name, "podman");
  EXPECT_FALSE(engine.rootless);
  EXPECT_EQ(engine.containers.size(), 2U);
  ASSERT_EQ(engine.gaps.size(), 1U);
  EXPECT_THAT(engine.gaps[0].reason, HasSubstr("systemctl start podman.socket"));
  EXPECT_THAT(engine.gaps[0].reason, HasSubstr("2 run (db, web)"));
}

TEST(Conmon, ContainersThatAnEngineListedAreNotAddedAgain) {
  model::Snapshot snapshot;
  model::Engine& podman = snapshot.engines.emplace_back();
  podman.kind = model::EngineKind::kPodman;
  podman.endpoint = "unix:///run/podman/podman.sock";
  podman.version = "4.3.1";
  podman.containers.emplace_back().id = kIdA;
  add_unlisted(decode({{1, 0, 2, podman_line(kIdA, "web"), ""}}), snapshot);
  EXPECT_EQ(snapshot.engines.size(), 1U);
  add_unlisted(
      decode({{1, 0, 2, podman_line(kIdA, "web"), ""}, {3, 0, 4, podman_line(kIdB, "db"), ""}}),
      snapshot);
  ASSERT_EQ(snapshot.engines.size(), 2U);
  EXPECT_EQ(snapshot.engines[1].name, "podman-2");
  ASSERT_EQ(snapshot.engines[1].containers.size(), 1U);
  EXPECT_EQ(snapshot.engines[1].containers[0].name, "db");
  EXPECT_THAT(snapshot.engines[1].gaps[0].reason, HasSubstr("does not list them"));
}

TEST(Conmon, RootlessIsSaidToBeWhatItIsAndStandsForNobodyElse) {
  model::Snapshot snapshot;
  add_unlisted(decode({{5, 1000, 6, podman_line(kIdA, "impostor"), ""},
                       {7, 1000, 8, podman_line(kIdB, "mine"), ""},
                       {1, 0, 2, podman_line(kIdA, "web"), ""}}),
               snapshot);
  ASSERT_EQ(snapshot.engines.size(), 2U);
  EXPECT_FALSE(snapshot.engines[0].rootless);
  EXPECT_EQ(snapshot.engines[0].containers.at(0).name, "web");
  const model::Engine& user = snapshot.engines[1];
  EXPECT_TRUE(user.rootless);
  ASSERT_EQ(user.containers.size(), 1U);
  EXPECT_EQ(user.containers[0].name, "mine");
  ASSERT_EQ(user.gaps.size(), 1U);
  EXPECT_EQ(user.gaps[0].what, "rootless podman of user 1000");
  EXPECT_THAT(user.gaps[0].reason, HasSubstr("not known"));
  EXPECT_THAT(user.gaps[0].reason, HasSubstr("unix:///run/user/1000/podman/podman.sock"));
}

TEST(Conmon, NamesAreBoundedAndEscaped) {
  model::Snapshot snapshot;
  std::vector<Record> records;
  for (char c = '0'; c <= '9'; ++c)
    records.push_back(
        {1, 0, 2,
         podman_line(std::string(64, c), std::string(1, c) + "\x1b[31m" + std::string(9000, 'x')),
         ""});
  add_unlisted(decode(records), snapshot);
  ASSERT_EQ(snapshot.engines.size(), 1U);
  EXPECT_EQ(snapshot.engines[0].containers[0].name.size(), 255U);
  EXPECT_THAT(snapshot.engines[0].gaps[0].reason, Not(HasSubstr("\x1b")));
  EXPECT_LT(snapshot.engines[0].gaps[0].reason.size(), 1000U);
}

}  // namespace
}  // namespace bulkhead::collect
