#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "notify/deliver.h"

namespace bulkhead::notify {
namespace {

using testing::HasSubstr;

TEST(Programs, GetItOnTheirStandardInput) {
  const std::string file = testing::TempDir() + "bulkhead-notify-" + std::to_string(getpid());
  const std::string much(1 << 20, 'x');
  ASSERT_TRUE(run_program({"/bin/sh", "-c", "cat > " + file}, much));
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), much);
  std::filesystem::remove(file);
}

TEST(Programs, NeedNotReadIt) {
  EXPECT_TRUE(run_program({"/bin/true"}, std::string(1 << 20, 'x')));
}

TEST(Programs, ThatFailAreErrors) {
  EXPECT_THAT(run_program({"/bin/sh", "-c", "exit 3"}, "").error().message, HasSubstr("ended 3"));
  EXPECT_THAT(run_program({"/bin/sh", "-c", "kill -9 $$"}, "").error().message,
              HasSubstr("signal"));
  EXPECT_FALSE(run_program({"/nowhere/tell"}, ""));
  const auto receiver = parse_receiver("exec:/nowhere/tell");
  EXPECT_THAT(deliver(*receiver, {}).error().message, HasSubstr("exec:/nowhere/tell"));
}

}  // namespace
}  // namespace bulkhead::notify
