// What the kernel tells of its connections (ctnetlink) and of links (rtnetlink), out of bytes.
//
// Facts: net/netfilter/nf_conntrack_netlink.c, include/uapi/linux/netfilter/nfnetlink_conntrack.h.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "flows/connection.h"
#include "flows/watcher.h"

namespace bulkhead::conntrack {

struct Decoded {
  std::vector<flows::Connection> connections;  // in the order of the bytes
  std::size_t broken = 0;                      // messages that are not understood
};

// Datagrams of a dump or of events. Messages of other kinds are passed over. Protocols without
// ports have ports 0. O(bytes).
[[nodiscard]] Decoded decode_flows(ByteView bytes);

// Links that came or went, of RTNLGRP_LINK. Each change of a link tells that it is there.
[[nodiscard]] std::vector<flows::LinkTurn> decode_links(ByteView bytes);

}  // namespace bulkhead::conntrack
