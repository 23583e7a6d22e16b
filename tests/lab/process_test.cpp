#include "lab/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "lab/engine.h"

namespace bulkhead::lab {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{10000};

TEST(Process, OutputOfBothStreamsAndTheExitStatusComeBack) {
  auto output = run({{"sh", "-c", "echo out; echo err >&2; exit 7"}, {}, "", {}}, kLong);
  ASSERT_TRUE(output.has_value()) << output.error().message;
  EXPECT_EQ(output->status, 7);
  EXPECT_EQ(output->text, "out\nerr\n");
}

TEST(Process, ASignalIsToldAs128AndItsNumber) {
  auto output = run({{"sh", "-c", "kill -9 $$"}, {}, "", {}}, kLong);
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(output->status, 128 + SIGKILL);
}

TEST(Process, AProgramThatDoesNotExistIsAnErrorThatNamesIt) {
  auto output = run({{"/nonexistent/tool"}, {}, "", {}}, kLong);
  ASSERT_FALSE(output.has_value());
  EXPECT_EQ(output.error().code, ErrorCode::kNotFound);
  EXPECT_NE(output.error().message.find("/nonexistent/tool"), std::string::npos);
}

TEST(Process, OneThatTakesTooLongIsKilledAndWaitedFor) {
  auto began = std::chrono::steady_clock::now();
  auto output = run({{"sleep", "60"}, {}, "", {}}, milliseconds(100));
  ASSERT_FALSE(output.has_value());
  EXPECT_EQ(output.error().code, ErrorCode::kBudget);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(Process, EndlessOutputIsCutOff) {
  auto output = run({{"yes"}, {}, "", {}}, kLong);
  ASSERT_FALSE(output.has_value());
  EXPECT_EQ(output.error().code, ErrorCode::kBudget);
}

TEST(Process, AFailureQuotesTheEndOfWhatWasSaidWithoutControlCharacters) {
  auto text = run_checked({{"sh", "-c", "printf 'bad\\033[2Jthing'; exit 1"}, {}, "", {}}, kLong);
  ASSERT_FALSE(text.has_value());
  EXPECT_NE(text.error().message.find("thing"), std::string::npos);
  EXPECT_EQ(text.error().message.find('\033'), std::string::npos);
}

TEST(Process, AddedEnvironmentReplacesWhatWasThere) {
  auto text = run_checked({{"sh", "-c", "echo $HOME"}, {{"HOME", "/elsewhere"}}, "", {}}, kLong);
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*text, "/elsewhere\n");
}

TEST(Process, ANetworkNamespaceThatDoesNotExistIsAnError) {
  auto output = run({{"true"}, {}, "/run/netns/no-such-namespace", {}}, kLong);
  ASSERT_FALSE(output.has_value());
  EXPECT_NE(output.error().message.find("network namespace"), std::string::npos);
}

TEST(Process, PrivateMountsAreSeenByTheProgramAloneAndVanishWithIt) {
  auto folder =
      std::filesystem::temp_directory_path() / ("bulkhead-mount-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  Command command{
      {"sh", "-c", "touch \"$1/inside\" && ls \"$1\"", "sh", folder.string()}, {}, "", {}};
  command.mounts = {{"tmpfs", folder.string(), "tmpfs", "size=1m"}};
  auto text = run_checked(command, kLong);
  ASSERT_TRUE(text.has_value()) << text.error().message;
  EXPECT_EQ(*text, "inside\n");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

TEST(StaticProgram, TellsAStaticProgramFromADynamicOneAndFromOtherFiles) {
  EXPECT_TRUE(is_static_program("/bin/busybox"));
  EXPECT_FALSE(is_static_program("/bin/ls"));
  EXPECT_FALSE(is_static_program("/etc/passwd"));
  EXPECT_FALSE(is_static_program("/nonexistent"));
}

}  // namespace
}  // namespace bulkhead::lab
