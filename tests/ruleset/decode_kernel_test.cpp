// What the decoders make of the kernel's own bytes.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead {
namespace {

using namespace model;

std::string data(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/tests/ruleset/data/" + name);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class Kernel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(test::enter_fresh_network()) << "needs root";
    test::run("ip link set lo up");
  }
};

TEST_F(Kernel, NativeRulesAreUnderstoodToTheLast) {
  const auto loaded = test::run("nft -f -", data("rules.nft"));
  ASSERT_EQ(loaded.status, 0) << loaded.text;
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  for (const Table& table : *tables) {
    for (const Chain& chain : table.chains) {
      for (const Rule& rule : chain.rules) {
        for (const Statement& statement : rule.statements) {
          const auto* opaque = std::get_if<OpaqueStatement>(&statement);
          EXPECT_EQ(opaque, nullptr) << table.name << " " << chain.name << " handle " << rule.handle
                                     << ": " << (opaque ? opaque->what : "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead
