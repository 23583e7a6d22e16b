// Sockets: answers of inet_diag dumps and the text of /proc/net, as the model's values. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/network.h"

namespace bulkhead::collect {

// Datagrams of one inet_diag dump (include/uapi/linux/inet_diag.h): addresses and ports in network
// order. `protocol` is what was asked for; owners stay empty.
[[nodiscard]] Result<std::vector<model::Socket>> decode_sockets(ByteView dump, IpProtocol protocol);

// /proc/net/tcp, udp and their sisters (net/ipv4/tcp_ipv4.c get_openreq4 and so on): addresses are
// 32-bit words as this machine stores them. TCP: LISTEN only. The text lacks v6only and the bound
// interface: v6_only stays false, and the caller must say that it is not known.
[[nodiscard]] Result<std::vector<model::Socket>> parse_socket_text(std::string_view text,
                                                                   IpFamily family,
                                                                   IpProtocol protocol);

}  // namespace bulkhead::collect
