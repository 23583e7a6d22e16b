// The words for enumerations in JSON. A word, once written in a release, keeps its meaning.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "model/engine.h"
#include "model/ruleset.h"
#include "model/xt.h"

namespace bulkhead::model::names {

template <class E, std::size_t N>
using Table = std::array<std::pair<E, std::string_view>, N>;

// Words in the order of the enumerators, starting with 0.
template <class E, std::size_t N>
constexpr Table<E, N> in_order(const std::string_view (&words)[N]) {
  Table<E, N> table{};
  for (std::size_t i = 0; i < N; ++i) table[i] = {static_cast<E>(i), words[i]};
  return table;
}

template <class E>
inline constexpr Table<E, 0> table{};  // an enumeration without words: see the static_assert below

template <>
inline constexpr auto table<IpFamily> =
    Table<IpFamily, 2>{{{IpFamily::kV4, "ipv4"}, {IpFamily::kV6, "ipv6"}}};
template <>
inline constexpr auto table<NfFamily> = Table<NfFamily, 6>{{{NfFamily::kInet, "inet"},
                                                            {NfFamily::kIp, "ip"},
                                                            {NfFamily::kArp, "arp"},
                                                            {NfFamily::kNetdev, "netdev"},
                                                            {NfFamily::kBridge, "bridge"},
                                                            {NfFamily::kIp6, "ip6"}}};
template <>
inline constexpr auto table<Hook> = in_order<Hook>(
    {"prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"});
template <>
inline constexpr auto table<VerdictKind> = in_order<VerdictKind>(
    {"accept", "drop", "continue", "return", "jump", "goto", "queue", "stolen"});
template <>
inline constexpr auto table<PayloadBase> =
    in_order<PayloadBase>({"link", "network", "transport", "inner", "tunnel"});
template <>
inline constexpr auto table<MetaKey> = in_order<MetaKey>(
    {"length",  "protocol", "priority", "mark",    "iif",     "oif",       "iifname",  "oifname",
     "iiftype", "oiftype",  "skuid",    "skgid",   "nftrace", "rtclassid", "secmark",  "nfproto",
     "l4proto", "ibrname",  "obrname",  "pkttype", "cpu",     "iifgroup",  "oifgroup", "cgroup",
     "random",  "secpath",  "iifkind",  "oifkind", "ibrpvid", "ibrvproto", "time",     "day",
     "hour",    "sdif",     "sdifname", "broute",  "other"});
template <>
inline constexpr auto table<CtKey> = in_order<CtKey>(
    {"state",     "direction", "status", "mark",     "secmark",   "expiration", "helper",
     "l3proto",   "saddr",     "daddr",  "protocol", "proto-src", "proto-dst",  "label",
     "packets",   "bytes",     "avgpkt", "zone",     "event",     "saddr-ip",   "daddr-ip",
     "saddr-ip6", "daddr-ip6", "id",     "other"});
template <>
inline constexpr auto table<CtDirection> = in_order<CtDirection>({"original", "reply"});
template <>
inline constexpr auto table<FibResult> = in_order<FibResult>({"oif", "oifname", "type"});
template <>
inline constexpr auto table<RtKey> =
    in_order<RtKey>({"classid", "nexthop4", "nexthop6", "tcpmss", "xfrm", "other"});
template <>
inline constexpr auto table<SocketKey> =
    in_order<SocketKey>({"transparent", "mark", "wildcard", "cgroupv2", "other"});
template <>
inline constexpr auto table<BooleanOp> = in_order<BooleanOp>({"and", "or", "xor"});
template <>
inline constexpr auto table<CompareOp> = in_order<CompareOp>({"==", "!=", "<", "<=", ">", ">="});
template <>
inline constexpr auto table<NatKind> =
    in_order<NatKind>({"snat", "dnat", "masquerade", "redirect"});
template <>
inline constexpr auto table<RejectKind> = in_order<RejectKind>({"icmp", "icmpx", "tcp-reset"});
template <>
inline constexpr auto table<ChainType> = in_order<ChainType>({"filter", "nat", "route"});
template <>
inline constexpr auto table<TableBackend> = in_order<TableBackend>({"nftables", "legacy"});
template <>
inline constexpr auto table<EngineKind> = in_order<EngineKind>({"docker", "podman"});
template <>
inline constexpr auto table<xt::MultiportSide> =
    in_order<xt::MultiportSide>({"source", "destination", "either"});
template <>
inline constexpr auto table<xt::HopOp> = in_order<xt::HopOp>({"==", "!=", "<", ">"});
template <>
inline constexpr auto table<xt::StandardVerdict> =
    in_order<xt::StandardVerdict>({"accept", "drop", "return", "queue", "jump", "goto"});
template <>
inline constexpr auto table<xt::NatTargetKind> =
    in_order<xt::NatTargetKind>({"dnat", "snat", "masquerade", "redirect", "netmap"});
template <>
inline constexpr auto table<xt::ConnmarkMode> =
    in_order<xt::ConnmarkMode>({"set", "save", "restore"});

template <class E>
std::string_view word(E value) {
  static_assert(!table<E>.empty(), "give this enumeration its words");
  for (const auto& [known, text] : table<E>) {
    if (known == value) return text;
  }
  return "?";  // a value that no enumerator has; no reader takes it
}

template <class E>
std::optional<E> value(std::string_view text) {
  static_assert(!table<E>.empty(), "give this enumeration its words");
  for (const auto& [known, name] : table<E>) {
    if (name == text) return known;
  }
  return std::nullopt;
}

}  // namespace bulkhead::model::names
