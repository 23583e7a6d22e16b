#include "conntrack/decode.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>

#include "collect/netlink_view.h"

namespace bulkhead::conntrack {
namespace {

using collect::as_address;
using collect::as_be16;
using collect::as_be64;
using collect::as_u8;
using flows::Connection;
using flows::Ends;

using Table = collect::AttributeTable<24>;

std::optional<std::uint32_t> as_be32(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  return Cursor(*value).big_endian<std::uint32_t>();
}

std::optional<Table> inside(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  auto table = Table::parse(*value);
  if (!table) return std::nullopt;
  return *table;
}

struct Tuple {
  Ends ends;
  std::uint8_t protocol = 0;
};

std::optional<Tuple> tuple_of(const std::optional<ByteView>& value) {
  const auto both = inside(value);
  if (!both) return std::nullopt;
  const auto ip = inside((*both)[CTA_TUPLE_IP]);
  const auto proto = inside((*both)[CTA_TUPLE_PROTO]);
  if (!ip || !proto) return std::nullopt;
  const bool v4 = (*ip)[CTA_IP_V4_SRC].has_value();
  const auto source = as_address((*ip)[v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC]);
  const auto destination = as_address((*ip)[v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST]);
  const auto number = as_u8((*proto)[CTA_PROTO_NUM]);
  if (!source || !destination || !number || source->family() != destination->family() ||
      source->is_v4() != v4)
    return std::nullopt;
  Tuple out;
  out.protocol = *number;
  out.ends.source = *source;
  out.ends.destination = *destination;
  out.ends.source_port.number = as_be16((*proto)[CTA_PROTO_SRC_PORT]).value_or(0);
  out.ends.destination_port.number = as_be16((*proto)[CTA_PROTO_DST_PORT]).value_or(0);
  return out;
}

// A connection that was there before it was tracked: the kernel then accepts whatever windows it
// sees (tcp_new() in nf_conntrack_proto_tcp.c). A flowtable does the same to those that it takes
// over, which is another matter.
bool picked_up(const std::optional<Table>& tcp, std::uint32_t status) {
  if (!tcp || (status & IPS_OFFLOAD) != 0) return false;
  const auto& flags = (*tcp)[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL];
  return flags && !flags->empty() && (flags->front() & IP_CT_TCP_FLAG_BE_LIBERAL) != 0;
}

std::optional<Connection> connection_of(ByteView attributes, flows::Turn turn) {
  const auto table = Table::parse(attributes);
  if (!table) return std::nullopt;
  const auto asked = tuple_of((*table)[CTA_TUPLE_ORIG]);
  const auto answer = tuple_of((*table)[CTA_TUPLE_REPLY]);
  if (!asked || !answer || asked->ends.source.family() != answer->ends.source.family())
    return std::nullopt;
  const auto info = inside((*table)[CTA_PROTOINFO]);
  const auto tcp = info ? inside((*info)[CTA_PROTOINFO_TCP]) : std::nullopt;
  const std::uint32_t status = as_be32((*table)[CTA_STATUS]).value_or(0);
  Connection out;
  out.turn = turn;
  out.id = as_be32((*table)[CTA_ID]).value_or(0);
  out.zone = as_be16((*table)[CTA_ZONE]).value_or(0);
  out.protocol = static_cast<IpProtocol>(asked->protocol);
  out.asked = asked->ends;
  out.answer = answer->ends;
  // A reply alone is no connection: half-open ones are what scans leave.
  const std::uint32_t wanted =
      out.protocol == IpProtocol::kTcp ? IPS_SEEN_REPLY | IPS_ASSURED : IPS_SEEN_REPLY;
  out.answered = (status & wanted) == wanted;
  out.unclear = (status & IPS_EXPECTED) != 0 || picked_up(tcp, status);
  if (tcp) out.tcp_state = as_u8((*tcp)[CTA_PROTOINFO_TCP_STATE]).value_or(0);
  out.left_s = as_be32((*table)[CTA_TIMEOUT]);
  if (const auto times = inside((*table)[CTA_TIMESTAMP]))
    out.began_ms = as_be64((*times)[CTA_TIMESTAMP_START]).value_or(0) / 1'000'000;
  return out;
}

}  // namespace

Decoded decode_flows(ByteView bytes) {
  Decoded out;
  collect::NetlinkMessages messages(bytes);
  while (const auto message = messages.next()) {
    if (message->type >> 8 != NFNL_SUBSYS_CTNETLINK) continue;
    const auto kind = static_cast<std::uint8_t>(message->type & 0xff);
    if (kind != IPCTNL_MSG_CT_NEW && kind != IPCTNL_MSG_CT_DELETE) continue;
    flows::Turn turn = flows::Turn::kEnds;
    if (kind == IPCTNL_MSG_CT_NEW)
      turn = (message->flags & NLM_F_CREATE) != 0 ? flows::Turn::kBegins : flows::Turn::kIsThere;
    const auto connection = message->body.size() < sizeof(nfgenmsg)
                                ? std::nullopt
                                : connection_of(message->body.subspan(sizeof(nfgenmsg)), turn);
    if (connection) {
      out.connections.push_back(*connection);
    } else {
      ++out.broken;
    }
  }
  if (messages.broken()) ++out.broken;
  return out;
}

std::vector<flows::LinkTurn> decode_links(ByteView bytes) {
  std::vector<flows::LinkTurn> out;
  collect::NetlinkMessages messages(bytes);
  while (const auto message = messages.next()) {
    if (message->type != RTM_NEWLINK && message->type != RTM_DELLINK) continue;
    const auto header = Cursor(message->body).structure<ifinfomsg>();
    // A port that leaves its bridge is told as a link of that family that went.
    if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) continue;
    out.push_back(
        {IfIndex{static_cast<std::uint32_t>(header->ifi_index)}, message->type == RTM_NEWLINK});
  }
  return out;
}

}  // namespace bulkhead::conntrack
