#include "console/machine_load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace bulkhead::console {
namespace {

TEST(MachineLoad, ReadsWhatTheKernelWrites) {
  EXPECT_EQ(load_of("0.52 0.58 0.59 2/735 12345\n"), 0.52);
  EXPECT_EQ(load_of("12.00 1 1 1/2 3\n"), 12.0);
  EXPECT_EQ(pressure_of("some avg10=3.40 avg60=1.00 avg300=0.10 total=123\nfull avg10=0.00\n"),
            3.4);
  for (const char* text : {"", "x", "-1 2 3", "nan 1 1", "inf 1"})
    EXPECT_FALSE(load_of(text)) << text;
  for (const char* text : {"", "full avg10=1.0 x", "some avg10=", "some avg60=1.0"})
    EXPECT_FALSE(pressure_of(text)) << text;
}

TEST(MachineLoad, WordsThatAreNoLoadAreRefused) {
  for (const char* text : {"", "%", "0", "-1", "1e3", "101%", "0%", "nan", "2.5x", "1000000"}) {
    const auto load = MaxLoad::parse(text);
    ASSERT_FALSE(load) << text;
    EXPECT_EQ(load.error().code, ErrorCode::kInvalidInput) << text;
    EXPECT_NE(load.error().message.find("2.5"), std::string::npos);
  }
}

TEST(MachineLoad, ThisMachineIsBelowMuchAndAboveWhatItHas) {
  const auto much = MaxLoad::parse("100000");
  ASSERT_TRUE(much) << much.error().message;
  EXPECT_FALSE(much->is_exceeded());
  double now[1] = {};
  ASSERT_EQ(getloadavg(now, 1), 1);
  const auto little = MaxLoad::parse("0.0000001");
  ASSERT_TRUE(little);
  EXPECT_EQ(little->is_exceeded(), now[0] > 0);
  const auto pressure = MaxLoad::parse("100%");
  if (access("/proc/pressure/cpu", R_OK) == 0) {
    ASSERT_TRUE(pressure) << pressure.error().message;
    EXPECT_FALSE(pressure->is_exceeded());
  } else {
    ASSERT_FALSE(pressure);
    EXPECT_EQ(pressure.error().code, ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace bulkhead::console
