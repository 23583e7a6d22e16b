#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "model/json.h"

namespace bulkhead::model {
namespace {

TEST(SnapshotSchema, TheKeptFileIsCurrent) {
  std::ifstream in(BULKHEAD_SOURCE_DIR "/schemas/snapshot.schema.json", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), snapshot_schema())
      << "the form of the snapshot changed. If it was meant: a default or a meaning that changed "
         "needs "
         "a new kSnapshotVersion and a migration; then run ninja -C build/dev write-schemas";
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

// The reader checks them by hand (json_read.cpp, check_namespaces): a fifth must be added there.
TEST(SnapshotSchema, FourFieldsNameANamespace) {
  EXPECT_EQ(count(snapshot_schema(), "#/$defs/NsId\""), 4U);
}

TEST(SnapshotSchema, EveryReferenceIsDefined) {
  const std::string schema = snapshot_schema();
  const std::string_view start = "\"$ref\":\"#/$defs/";
  std::size_t seen = 0;
  for (auto at = schema.find(start); at != std::string::npos; at = schema.find(start, at + 1)) {
    const auto name_at = at + start.size();
    const std::string name = schema.substr(name_at, schema.find('"', name_at) - name_at);
    EXPECT_NE(schema.find("\n\"" + name + "\":{"), std::string::npos) << name;
    ++seen;
  }
  EXPECT_GT(seen, 100U);
}

}  // namespace
}  // namespace bulkhead::model
