#include "console/neighbour_tables.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace bulkhead::console {
namespace {

namespace fs = std::filesystem;

TEST(NeighbourTables, AreCountedAsTheKernelTellsIt) {
  EXPECT_EQ(entries_of("entries  allocs   destroys\n00000061 0000cb23 0000d6cf\n00000061 0 0\n"),
            97U);
  EXPECT_EQ(entries_of("entries  allocs\n"), std::nullopt);
  EXPECT_EQ(entries_of("entries  allocs\nzz\n"), std::nullopt);
  EXPECT_EQ(entries_of("00000061\n"), std::nullopt);
  EXPECT_EQ(entries_of(""), std::nullopt);
}

class Proc : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bkproc-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    for (const char* family : {"ipv4", "ipv6"})
      fs::create_directories(base_ + "/sys/net/" + family + "/neigh/default");
    fs::create_directories(base_ + "/net/stat");
  }
  void TearDown() override { fs::remove_all(base_); }

  void threshold(const std::string& family, const std::string& text) const {
    std::ofstream(base_ + "/sys/net/" + family + "/neigh/default/gc_thresh3") << text;
  }
  void entries(const std::string& table, const std::string& count) const {
    std::ofstream(base_ + "/net/stat/" + table) << "entries  allocs\n" << count << " 00000000\n";
  }
  std::string base_;
};

TEST_F(Proc, ThreeQuartersAreCrowded) {
  threshold("ipv4", "1024\n");
  entries("arp_cache", "00000300");  // 768
  EXPECT_FALSE(NeighbourTables(base_).are_crowded());
  entries("arp_cache", "00000301");
  EXPECT_TRUE(NeighbourTables(base_).are_crowded());
}

TEST_F(Proc, EachFamilyHasItsOwn) {
  threshold("ipv4", "1024\n");
  threshold("ipv6", "8\n");
  entries("arp_cache", "00000007");
  entries("ndisc_cache", "00000007");
  EXPECT_TRUE(NeighbourTables(base_).are_crowded());
}

TEST_F(Proc, WhatIsNotToldIsNotCrowded) {
  EXPECT_FALSE(NeighbourTables(base_).are_crowded());
  entries("arp_cache", "0000ffff");
  EXPECT_FALSE(NeighbourTables(base_).are_crowded());
  threshold("ipv4", "many");
  EXPECT_FALSE(NeighbourTables(base_).are_crowded());
}

// Where this runs in the first namespace, they are those of the machine; elsewhere the file is not
// there.
TEST(NeighbourTables, OfThisMachineCanBeRead) {
  std::ifstream file("/proc/net/stat/arp_cache");
  std::string head, counts;
  const bool there = std::getline(file, head) && std::getline(file, counts);
  EXPECT_EQ(entries_of(head + "\n" + counts).has_value(), there) << head;
}

}  // namespace
}  // namespace bulkhead::console
