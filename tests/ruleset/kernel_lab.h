// A network namespace of its own for a test, into which the rules of the corpus are loaded.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "ruleset/corpus.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::test {

class KernelLab : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(enter_fresh_network()) << "needs root";
    ASSERT_EQ(run("ip link set lo up").status, 0);
  }
  // By the shell, with a file of the corpus on its standard input.
  static void load(const std::string& command, const std::string& file) {
    const Output loaded = run(command, corpus(file));
    ASSERT_EQ(loaded.status, 0) << loaded.text;
  }
};

}  // namespace bulkhead::test
