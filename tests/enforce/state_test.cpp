#include "enforce/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bulkhead::enforce {
namespace {

Record record(const std::string& id) {
  Record r;
  r.id = id;
  r.applied_at_ms = 1795562400000;
  r.applied_boot_ns = 5'000'000'000'000;
  r.uid = 1000;
  r.user = "anna";
  r.file = "/etc/bulkhead/bulkhead.yaml";
  r.sha256 = std::string(64, 'a');
  r.console = true;
  r.held = {{"docker", "web", std::string(64, 'b'), 4026532000, {"10.1.1.2"}}};
  r.audited = {{"docker", "app", std::string(64, 'c'), 4026532001, {"10.1.2.2", "fd00::2"}}};
  r.interfaces = {{"eth0", 2, Interface::Role::kZone}, {"br-shop", 3, Interface::Role::kBridge}};
  r.host_held = true;
  r.host_audited = true;
  r.elements = 12;
  r.unheld = {"a line"};
  return r;
}

State awaiting() {
  State s;
  s.boot_id = "x";
  s.phase = Phase::kAwaiting;
  s.current = record("0a");
  s.before = record("0b");
  s.can_undo = true;
  s.deadline_boot_ns = 6'000'000'000'000;
  s.deadline_ms = 1795562460000;
  s.guardian = {4711, 99};
  s.undone = Undone{"0c", "f", 1, true};
  return s;
}

TEST(State, IsReadAsItWasWritten) {
  for (const State& s : {State{}, awaiting()}) {
    const auto read = read_state(write_state(s));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, s);
  }
  const auto read = read_record(write_record(record("ff")));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, record("ff"));
}

// As one wrote it that did not keep interfaces, and one that could not know them.
TEST(State, InterfacesMayBeAbsent) {
  State s = awaiting();
  s.current->interfaces.reset();
  s.before->interfaces.reset();
  const std::string text = write_state(s);
  const auto read = read_state(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, s);
  auto json = nlohmann::ordered_json::parse(text);
  json["version"] = 2;
  json["current"].erase("interfaces");
  json["before"].erase("interfaces");
  const auto older = read_state(json.dump());
  ASSERT_TRUE(older) << older.error().message;
  EXPECT_EQ(*older, s);
  json["version"] = 3;
  EXPECT_FALSE(read_state(json.dump()));
}

// Each member in turn is taken away, and made something else.
TEST(State, WhatIsMissingOrOtherwiseIsNamed) {
  const std::string good = write_state(awaiting());
  std::size_t seen = 0;
  for (std::size_t at = good.find("\": "); at != std::string::npos;
       at = good.find("\": ", at + 1)) {
    const std::size_t begin = good.rfind('"', at - 1) + 1;
    std::string other = good;
    other.replace(begin, at - begin, "nosuch");
    EXPECT_FALSE(read_state(other)) << good.substr(begin, at - begin);
    ++seen;
  }
  EXPECT_GT(seen, 30U);
  for (const char* text : {"", "[]", "{}", "null", "{\"version\": 1}", "{\"version\": -1}"})
    EXPECT_FALSE(read_state(text)) << text;
}

// As a program wrote it that did not know mode audit: what it applied is in force.
TEST(State, AnOlderVersionIsRead) {
  State s = awaiting();
  for (auto* record : {&s.current, &s.before}) {
    (*record)->audited.clear();
    (*record)->host_audited = false;
    (*record)->interfaces.reset();
  }
  auto json = nlohmann::ordered_json::parse(write_state(s));
  json["version"] = 1;
  for (const char* record : {"current", "before"}) {
    json[record].erase("audited");
    json[record].erase("host_audited");
    json[record].erase("interfaces");
  }
  const auto read = read_state(json.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, s);
  json["version"] = 2;
  EXPECT_FALSE(read_state(json.dump()));  // that one knew mode audit
}

TEST(State, ANewerVersionIsNotGuessedAt) {
  std::string text = write_state(awaiting());
  text.replace(text.find("\"version\": 3"), 12, "\"version\": 4");
  const auto read = read_state(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
}

TEST(State, AnIdIsNoPath) {
  State s = awaiting();
  s.current->id = "../../etc/x";
  EXPECT_FALSE(read_state(write_state(s)));
}

TEST(State, APhaseGoesWithItsRecord) {
  State s = awaiting();
  s.phase = Phase::kNothing;
  EXPECT_FALSE(read_state(write_state(s)));
  s = State{};
  s.phase = Phase::kKept;
  EXPECT_FALSE(read_state(write_state(s)));
}

}  // namespace
}  // namespace bulkhead::enforce
