// What is written as YAML reads back as what it was, whatever texts are in it.
#include "yaml/emit.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>

#include "yaml/yaml.h"

namespace bulkhead::yaml {
namespace {

TEST(Emit, IsBlockStyleAndKeepsItsMarks) {
  Tree services = Tree::map({});
  services.add(
      "web", Tree::map({{"ports", Tree::list({Tree::text("80:80")}).tagged("!override")},
                        {"expose", Tree::list({}).tagged("!reset")},
                        {"pairs",
                         Tree::list({Tree::map({{"a", Tree::number(1)}, {"b", Tree::truth(true)}}),
                                     Tree::list({Tree::null()})})}}));
  EXPECT_EQ(Tree::map({{"services", services}, {"no", Tree::map({})}}).emit(),
            "services:\n"
            "  web:\n"
            "    ports: !override\n"
            "      - \"80:80\"\n"
            "    expose: !reset []\n"
            "    pairs:\n"
            "      - a: 1\n"
            "        b: true\n"
            "      - - null\n"
            "\"no\": {}\n");
}

// The same as it is built and as it should read back.
struct Twin {
  Tree tree;
  Node node;
};

std::string a_text() {
  static constexpr auto kWords = std::to_array<const char*>(
      {"true", "~",   "12",   "a: b",     "- x",          "#",     "a #b",
       "\"",   "'",   "\n",   "a\nb: c",  "!tag",         "&a",    "*a",
       "",     " ",   "{",    "[]",       "\t",           "%YAML", "---",
       "...",  "é",   "\x7f", "\xc2\x85", "\xe2\x80\xa8", "1:20",  "=",
       "<<",   "no",  "null", "0x1f",     "@a",           "`",     "|",
       ">",    "? a", "a,b"});
  return *rc::gen::oneOf(
      rc::gen::map(rc::gen::elementOf(kWords), [](const char* w) { return std::string(w); }),
      rc::gen::string<std::string>());
}

// Texts that are UTF-8 alone come back byte for byte.
bool is_ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > 0; });
}

Twin a_twin(int depth) {
  const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 3);
  Twin out{Tree::map({}), {}};
  if (kind == 0) {
    std::string text = a_text();
    if (!is_ascii(text)) text = "plain";
    out.tree = Tree::text(text);
    out.node.scalar = text;
    return out;
  }
  const int count = *rc::gen::inRange(0, 4);
  std::vector<Tree> items;
  Tree::Entries entries;
  for (int i = 0; i < count; ++i) {
    Twin inner = a_twin(depth - 1);
    if (kind == 1) {
      items.push_back(inner.tree);
      out.node.items.push_back(inner.node);
    } else {
      std::string key = a_text() + std::to_string(i);
      if (!is_ascii(key)) key = "k" + std::to_string(i);
      entries.emplace_back(key, inner.tree);
      out.node.entries.push_back({key, {}, inner.node});
    }
  }
  out.node.kind = kind == 1 ? NodeKind::kList : NodeKind::kMap;
  out.tree = kind == 1 ? Tree::list(std::move(items)) : Tree::map(std::move(entries));
  return out;
}

bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.scalar != b.scalar || a.items.size() != b.items.size() ||
      a.entries.size() != b.entries.size())
    return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) return false;
  }
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || !same(a.entries[i].value, b.entries[i].value))
      return false;
  }
  return true;
}

TEST(Emit, ReadsBackAsItWas) {
  EXPECT_TRUE(rc::check("emit and parse", [] {
    Twin inside = a_twin(3);
    const std::string text = Tree::map({{"root", inside.tree}}).emit();
    const auto read = parse(text, "t");
    if (!read) RC_FAIL(read.error().message + "\n" + text);
    RC_ASSERT(read->entries.size() == 1U);
    RC_LOG() << text;
    RC_ASSERT(same(read->entries[0].value, inside.node));
  }));
}

}  // namespace
}  // namespace bulkhead::yaml
