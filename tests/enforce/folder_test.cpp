// Needs root: the folder is root's alone.
#include "enforce/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace bulkhead::enforce {
namespace {

namespace fs = std::filesystem;

class FolderOfApply : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "needs root";
    std::string name = (fs::temp_directory_path() / "bkfolder-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
  }
  void TearDown() override { fs::remove_all(base_); }
  [[nodiscard]] std::string inside() const { return base_ + "/bulkhead/apply"; }

  std::string base_;
};

TEST_F(FolderOfApply, IsRootsAloneAndKeepsWhatIsWritten) {
  EXPECT_EQ(Folder::open(Folder::Make::kNo, base_).error().code, ErrorCode::kNotFound);
  const auto folder = Folder::open(Folder::Make::kYes, base_);
  ASSERT_TRUE(folder) << folder.error().message;
  struct stat status{};
  ASSERT_EQ(::stat(folder->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  EXPECT_EQ(folder->read("a").value(), std::nullopt);
  ASSERT_TRUE(folder->write("a", "first"));
  ASSERT_TRUE(folder->write("a", "second"));
  EXPECT_EQ(folder->read("a").value(), "second");
  ASSERT_EQ(::stat((folder->path() + "/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_TRUE(Folder::open(Folder::Make::kNo, base_));
}

TEST_F(FolderOfApply, IsNotOpenedThroughLinksOrWhereOthersMayWrite) {
  fs::create_directories(base_ + "/elsewhere");
  fs::create_directory_symlink(base_ + "/elsewhere", base_ + "/bulkhead");
  EXPECT_EQ(Folder::open(Folder::Make::kYes, base_).error().code, ErrorCode::kDenied);
  EXPECT_TRUE(fs::is_empty(base_ + "/elsewhere"));
  fs::remove(base_ + "/bulkhead");
  fs::create_directories(inside());
  ASSERT_EQ(::chmod(inside().c_str(), 0770), 0);
  EXPECT_EQ(Folder::open(Folder::Make::kYes, base_).error().code, ErrorCode::kDenied);
  ASSERT_EQ(::chmod(inside().c_str(), 0700), 0);
  ASSERT_EQ(::chown(inside().c_str(), 65534, 65534), 0);
  EXPECT_EQ(Folder::open(Folder::Make::kYes, base_).error().code, ErrorCode::kDenied);
}

TEST_F(FolderOfApply, ReadsNoLinksAndNothingOfOthers) {
  const auto folder = Folder::open(Folder::Make::kYes, base_);
  ASSERT_TRUE(folder);
  std::ofstream(base_ + "/secret") << "x";
  fs::create_symlink(base_ + "/secret", folder->path() + "/link");
  EXPECT_FALSE(folder->read("link"));
  ASSERT_EQ(::mkfifo((folder->path() + "/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(folder->read("pipe"));
  ASSERT_TRUE(folder->write("a", "x"));
  ASSERT_EQ(::chown((folder->path() + "/a").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(folder->read("a"));
  // What is in the way of a new file is replaced, and not written through.
  ASSERT_TRUE(folder->write("link", "y"));
  std::string secret;
  std::ifstream(base_ + "/secret") >> secret;
  EXPECT_EQ(secret, "x");
}

constexpr std::chrono::milliseconds kAtOnce{0};

TEST_F(FolderOfApply, IsLockedByOneAtATime) {
  const auto folder = Folder::open(Folder::Make::kYes, base_);
  ASSERT_TRUE(folder);
  {
    const auto lock = folder->lock(kAtOnce);
    ASSERT_TRUE(lock);
    EXPECT_EQ(folder->lock(kAtOnce).error().code, ErrorCode::kUnavailable);
  }
  EXPECT_TRUE(folder->lock(kAtOnce));
}

TEST_F(FolderOfApply, IsWaitedForByWhoHasPatience) {
  const auto folder = Folder::open(Folder::Make::kYes, base_);
  ASSERT_TRUE(folder);
  auto held = folder->lock(kAtOnce);
  ASSERT_TRUE(held);
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const Lock goes = *std::move(held);
  });
  EXPECT_TRUE(folder->lock(std::chrono::hours(1)));
}

}  // namespace
}  // namespace bulkhead::enforce
