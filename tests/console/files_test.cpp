#include "console/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace bulkhead::console {
namespace {

class Files : public testing::Test {
 protected:
  Files() : folder_(testing::TempDir() + "bulkhead-files-" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(Files, AreReplacedWholeAndForTheirOwnerAlone) {
  ASSERT_TRUE(write_file(file("a"), "one"));
  ASSERT_TRUE(write_file(file("a"), "two"));
  EXPECT_EQ(read_file(file("a"), 3).value(), "two");
  EXPECT_FALSE(read_file(file("a"), 2));
  struct stat status{};
  ASSERT_EQ(stat(file("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// In a container each start has the same number, so what a killed one left has our name.
TEST_F(Files, AreWrittenThoughOneWithOurNumberWasKilledWhileItWrote) {
  std::ofstream(file("a.tmp" + std::to_string(getpid()))) << "half of i";
  ASSERT_TRUE(write_file(file("a"), "all of it"));
  EXPECT_EQ(read_file(file("a"), 100).value(), "all of it");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

// As root, a file in place of /dev/null breaks the machine.
TEST_F(Files, TakeNoPlaceOfWhatIsNoFile) {
  ASSERT_EQ(mkfifo(file("pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink(file("pipe"), file("link"));
  const int reader = open(file("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(write_file(file("pipe"), "one"));
  ASSERT_TRUE(write_file(file("link"), "two"));
  EXPECT_TRUE(std::filesystem::is_fifo(file("pipe")));
  EXPECT_TRUE(std::filesystem::is_symlink(file("link")));
  std::array<char, 16> text{};
  EXPECT_EQ(read(reader, text.data(), text.size()), 6);
  EXPECT_STREQ(text.data(), "onetwo");
  close(reader);
}

}  // namespace
}  // namespace bulkhead::console
