// Dumps over netlink, forwarded as they come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "collect/reader_output.h"

namespace bulkhead::collect {

// A netlink socket of the namespace in which it is made.
class NetlinkSocket {
 public:
  explicit NetlinkSocket(int protocol);
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;
  ~NetlinkSocket();
  [[nodiscard]] int error() const { return error_; }  // errno of its making, or 0

  // One dump as one section. Read again when the kernel says that it moved (NLM_F_DUMP_INTR) or
  // that our buffer overflowed, up to kMostAttempts; then EINTR or ENOBUFS. `messages`, when given,
  // is the number of messages that the dump held; `mentions` whether these bytes occur in it.
  struct Word {
    ByteView bytes;
    bool seen = false;
  };
  // Returns the error of the section, 0 for none.
  int dump(ReaderOutput& out, Section section, std::uint16_t type, ByteView body,
           std::size_t* messages = nullptr, Word* mentions = nullptr);
  // One request with one answer, appended to the open section. An errno or 0.
  [[nodiscard]] int ask(ReaderOutput& out, std::uint16_t type, ByteView body);

 private:
  [[nodiscard]] int send(std::uint16_t type, std::uint16_t flags, ByteView body);
  [[nodiscard]] int receive(ReaderOutput& out, bool dump, std::size_t& messages,
                            Word* mentions = nullptr);
  void reopen();

  int protocol_;
  int fd_ = -1;
  int error_ = 0;
  std::uint32_t sequence_ = 0;
};

// Links, addresses, routes, rules, neighbours: sections kLinks to kQdiscs. False: there is no
// bridge.
[[nodiscard]] bool read_network(ReaderOutput& out);
// nf_tables without set elements: kGenerationBefore to kGenerationAfter, and kIpSets.
void read_rules(ReaderOutput& out);
// `sets`: per set u8 family, table NUL, set NUL. One section kSetElements each, then
// kGenerationAfter.
void read_set_elements(ReaderOutput& out, ByteView sets);
// Section kFlows.
void read_tracked(ReaderOutput& out);
// A socket that is told of connections that begin and end; -1 with the errno.
[[nodiscard]] int make_flow_events(std::uint32_t queue, int& error);
// kTcp4 to kUdpLite6, or the /proc text where asking would load a module.
void read_sockets(ReaderOutput& out);
// Ids that the current namespace has for others, into the open section: per descriptor that `next`
// gives an RTM_NEWNSID message, or NLMSG_NOOP where there was no answer (NLMSG_ERROR may precede
// it).
void read_namespace_ids(ReaderOutput& out, const std::function<std::optional<int>()>& next);

}  // namespace bulkhead::collect
