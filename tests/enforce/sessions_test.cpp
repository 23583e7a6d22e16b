#include "enforce/sessions.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace bulkhead::enforce {
namespace {

TEST(Sessions, ReadTheKernelsLines) {
  const auto row = tcp_row(
      "   3: 0A32A8C0:0016 1432A8C0:D431 01 00000000:00000000 02:000A9C2A 00000000     0        0 "
      "45521 2 0000000000000000 20 4 30 10 -1");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->local.to_string(), "192.168.50.10");
  EXPECT_EQ(row->local_port, Port{22});
  EXPECT_EQ(row->peer.to_string(), "192.168.50.20");
  EXPECT_EQ(row->peer_port, Port{54321});
  EXPECT_EQ(row->state, 1U);
  EXPECT_EQ(row->inode, 45521U);
}

TEST(Sessions, AMappedAddressIsThatOfIPv4) {
  const auto row = tcp_row(
      " 0: 0000000000000000FFFF00000A32A8C0:0016 0000000000000000FFFF00001432A8C0:D431 01 0:0 0:0 "
      "0 "
      "0 0 7 1");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->peer.to_string(), "192.168.50.20");
  const auto six = tcp_row(
      " 0: B80D0120000050000000000010000000:0016 B80D0120000050000000000020000000:D431 01 0:0 0:0 "
      "0 "
      "0 0 7 1");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->peer.to_string(), "2001:db8:50::20");
}

TEST(Sessions, OtherLinesAreNoRows) {
  for (const char* line : {"", "  sl  local_address rem_address   st", " 0: 0A32A8C0:0016",
                           " 0: X:0016 Y:1 01", " 0: 0A32A8C0 1432A8C0:D431 01 0:0 0:0 0 0 0 7",
                           " 0: 0A32A8C0:10016 1432A8C0:D431 01 0 0 0 0 0 7"})
    EXPECT_FALSE(tcp_row(line)) << line;
}

TEST(Sessions, AProcessMayBeCalledAnything) {
  const auto line =
      process_line("77 (a) S 1 (sshd) S 12 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command, "a) S 1 (sshd");
  EXPECT_EQ(line->parent, 12);
  EXPECT_EQ(line->start_ticks, 123456U);
  for (const char* stat : {"", "1 x S 1", "1 (x", "1 (x) S", "1 )x( S 1 2 3"})
    EXPECT_FALSE(process_line(stat)) << stat;
}

TEST(Sessions, AProcessIsToldByItsStart) {
  const auto self = process_of(::getpid());
  ASSERT_TRUE(self);
  EXPECT_GT(self->start_ticks, 0U);
  EXPECT_EQ(process_of(::getpid()), self);
  EXPECT_FALSE(process_of(0));
}

TEST(Sessions, TheVariableOfSshIsReadWhole) {
  const auto session = session_of("198.51.100.7 40000 192.0.2.10 22");
  ASSERT_TRUE(session);
  EXPECT_EQ(session->peer.to_string(), "198.51.100.7");
  EXPECT_EQ(session->local_port, Port{22});
  EXPECT_EQ(session->process.pid, 0);
  EXPECT_FALSE(session->callers);
  for (const char* text :
       {"", "198.51.100.7", "198.51.100.7 40000 192.0.2.10", "x 1 y 2",
        "198.51.100.7 40000 192.0.2.10 22 more", "198.51.100.7 99999 192.0.2.10 22"})
    EXPECT_FALSE(session_of(text)) << text;
}

}  // namespace
}  // namespace bulkhead::enforce
