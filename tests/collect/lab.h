// Namespaces that a test made, and the programs that say what is in them.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "collect/collect.h"

namespace bulkhead::collect {

// Standard output of a shell command; the test fails when it does not end with 0.
inline std::string run(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << command;
    return out;
  }
  std::array<char, 4096> part;
  while (const std::size_t count = fread(part.data(), 1, part.size(), pipe))
    out.append(part.data(), count);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return out;
}

class LabTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0U) << "a lab needs root";
    prefix_ = "bkcol" + std::to_string(getpid());
  }
  void TearDown() override {
    for (const std::string& name : names_) {
      const std::string path = "/run/netns/" + name;
      run("ip netns del " + name + " 2>/dev/null || { umount " + path + " 2>/dev/null; rm -f " +
          path + "; }");
    }
  }
  // PREFIX-NAME, removed at the end.
  std::string add(const std::string& name) {
    names_.push_back(prefix_ + "-" + name);
    run("ip netns add " + names_.back());
    return names_.back();
  }
  void adopt(const std::string& name) { names_.push_back(prefix_ + "-" + name); }
  [[nodiscard]] std::string name(const std::string& name) const { return prefix_ + "-" + name; }
  [[nodiscard]] static std::uint64_t inode(const std::string& name) {
    struct stat info{};
    return stat(("/run/netns/" + name).c_str(), &info) == 0 ? info.st_ino : 0;
  }
  [[nodiscard]] static std::string in(const std::string& name, const std::string& command) {
    return run("nsenter --net=/run/netns/" + name + " " + command);
  }
  [[nodiscard]] static model::Snapshot take() {
    auto broker = Broker::start();
    EXPECT_TRUE(broker) << broker.error().message;
    Options options;
    options.read_engines = false;
    auto snapshot = take_snapshot(*broker, options);
    EXPECT_TRUE(snapshot) << snapshot.error().message;
    return snapshot ? *std::move(snapshot) : model::Snapshot();
  }
  [[nodiscard]] static const model::NetNs* find(const model::Snapshot& snapshot,
                                                std::uint64_t inode) {
    for (const model::NetNs& ns : snapshot.namespaces) {
      if (ns.inode == inode) return &ns;
    }
    ADD_FAILURE() << "namespace " << inode << " was not read";
    return nullptr;
  }

  std::string prefix_;
  std::vector<std::string> names_;
};

}  // namespace bulkhead::collect
