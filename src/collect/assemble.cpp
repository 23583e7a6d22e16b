#include "collect/assemble.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "collect/sockdiag.h"

namespace bulkhead::collect {
namespace {

using model::Gap;
using model::NetNs;

constexpr std::size_t kWindow = 16;            // requests ahead of their answers
constexpr std::size_t kMostLinks = 100'000;    // of one namespace
constexpr std::size_t kMostItems = 2'000'000;  // routes, neighbours... of one namespace

// Errors that only say that this kernel, or this namespace, has no such thing.
bool says_absent(Section section, int error) {
  switch (section) {
    case Section::kRoutes6:
    case Section::kRules6: return error == EAFNOSUPPORT || error == EOPNOTSUPP;
    case Section::kRules4:
    case Section::kNextHops:
    case Section::kProxyNeighbours:
    case Section::kFdb: return error == EOPNOTSUPP || error == EAFNOSUPPORT;
    case Section::kTcp6:
    case Section::kUdp6:
    case Section::kUdpLite4:
    case Section::kUdpLite6:
    case Section::kProcTcp6:
    case Section::kProcUdp6:
    case Section::kProcUdpLite4:
    case Section::kProcUdpLite6: return error == ENOENT || error == EINVAL || error == EOPNOTSUPP;
    default:  // every other section must be there
      return false;
  }
}

std::string reason_of(int error) {
  if (error == EINTR) return "it kept changing while it was read";
  if (error == ENOBUFS) return "the kernel had more to say than the buffer holds";
  if (error == EFBIG) return "there is more of it than is read";
  return errno_text(error);
}

// Fills `out` from one section by `decode`; what fails becomes a gap called `what`.
template <class T, class Decode>
void fill(const Answer& answer, Section section, const char* what, NetNs& ns, T& out,
          Decode&& decode) {
  const SectionData* data = answer.find(section);
  if (data == nullptr) return;
  if (data->error != 0) {
    if (!says_absent(section, data->error)) ns.gaps.push_back({what, reason_of(data->error)});
    return;
  }
  auto value = decode(ByteView(data->bytes));
  if (!value) {
    ns.gaps.push_back({what, value.error().message});
    return;
  }
  if constexpr (requires { out.insert(out.end(), value->begin(), value->end()); }) {
    if (out.size() + value->size() > kMostItems) {
      ns.gaps.push_back({what, "there is more of it than is read"});
      return;
    }
    out.insert(out.end(), std::make_move_iterator(value->begin()),
               std::make_move_iterator(value->end()));
  } else {
    out = *std::move(value);
  }
}

void fill_links(const Answer& answer, NetNs& ns, Pending& pending) {
  std::vector<DecodedLink> links;
  fill(answer, Section::kLinks, "links", ns, links, decode_links);
  if (links.size() > kMostLinks) {
    ns.gaps.push_back({"links", "there are more than " + std::to_string(kMostLinks)});
    links.resize(kMostLinks);
  }
  std::vector<IfIndex> filtered;
  fill(answer, Section::kQdiscs, "traffic control", ns, filtered, decode_filtered_links);
  std::ranges::sort(filtered);
  ns.links.reserve(links.size());
  for (DecodedLink& item : links) {
    if (item.peer_nsid) pending.peer_ids.emplace_back(ns.links.size(), *item.peer_nsid);
    item.link.tc_filters = std::ranges::binary_search(filtered, item.link.index);
    ns.links.push_back(std::move(item.link));
  }
}

void fill_routes(const Answer& answer, NetNs& ns) {
  NextHopObjects objects;
  fill(answer, Section::kNextHops, "next hops", ns, objects, decode_next_hop_objects);
  // A kernel without IPv6 answers a request for it with everything that it has.
  const auto decode = [&](IpFamily family) {
    return [&objects, family](ByteView dump) {
      auto routes = decode_routes(dump, objects);
      if (routes)
        std::erase_if(*routes, [&](const auto& r) { return r.destination.family() != family; });
      return routes;
    };
  };
  fill(answer, Section::kRoutes4, "routes", ns, ns.routes, decode(IpFamily::kV4));
  fill(answer, Section::kRoutes6, "routes (IPv6)", ns, ns.routes, decode(IpFamily::kV6));
  const auto rules = [](IpFamily family) {
    return [family](ByteView dump) {
      auto decoded = decode_routing_rules(dump);
      if (decoded) std::erase_if(*decoded, [&](const auto& r) { return r.family != family; });
      return decoded;
    };
  };
  fill(answer, Section::kRules4, "routing rules", ns, ns.routing_rules, rules(IpFamily::kV4));
  fill(answer, Section::kRules6, "routing rules (IPv6)", ns, ns.routing_rules,
       rules(IpFamily::kV6));
}

void fill_sockets(const Answer& answer, NetNs& ns, Pending& pending) {
  struct Kind {
    Section diag, text;
    IpFamily family;
    IpProtocol protocol;
  };
  static constexpr Kind kKinds[] = {
      {Section::kTcp4, Section::kProcTcp4, IpFamily::kV4, IpProtocol::kTcp},
      {Section::kTcp6, Section::kProcTcp6, IpFamily::kV6, IpProtocol::kTcp},
      {Section::kUdp4, Section::kProcUdp4, IpFamily::kV4, IpProtocol::kUdp},
      {Section::kUdp6, Section::kProcUdp6, IpFamily::kV6, IpProtocol::kUdp},
      {Section::kUdpLite4, Section::kProcUdpLite4, IpFamily::kV4, IpProtocol::kUdpLite},
      {Section::kUdpLite6, Section::kProcUdpLite6, IpFamily::kV6, IpProtocol::kUdpLite},
  };
  for (const Kind& kind : kKinds) {
    fill(answer, kind.diag, "sockets", ns, ns.sockets,
         [&](ByteView dump) { return decode_sockets(dump, kind.protocol); });
    pending.text_sockets = pending.text_sockets || answer.find(kind.text) != nullptr;
    fill(answer, kind.text, "sockets", ns, ns.sockets, [&](ByteView text) {
      return parse_socket_text({reinterpret_cast<const char*>(text.data()), text.size()},
                               kind.family, kind.protocol);
    });
  }
}

void fill_sysctls(const Answer& answer, NetNs& ns) {
  std::vector<std::string> unread;
  fill(answer, Section::kSysctls, "sysctls", ns, ns.sysctls,
       [&](ByteView bytes) { return decode_sysctls(bytes, unread); });
  for (const std::string& name : unread) {
    ns.gaps.push_back({"sysctls", "net/" + escape_text(name) + " could not be read"});
  }
}

}  // namespace

Bytes read_request(std::uint64_t inode, std::uint32_t groups) {
  Bytes request;
  append_value(request, inode);
  append_value(request, groups);
  return request;
}

void add_problems(const Answer& answer, const std::string& what, std::vector<Gap>& gaps) {
  for (const SectionData& data : answer.sections) {
    if (data.section != Section::kProblem) continue;
    const std::string_view text(reinterpret_cast<const char*>(data.bytes.data()),
                                data.bytes.size());
    gaps.push_back({what, escape_text(text, 4200)});
  }
}

bool fill_namespace(Answer answer, NetNs& ns, Pending& pending) {
  const SectionData* opened = answer.find(Section::kOpened);
  const int error = opened == nullptr ? EPROTO : opened->error;
  if (error != 0) {
    ns.gaps.push_back({"namespace", error == ENOENT
                                        ? "it vanished while it was read"
                                        : "it could not be entered: " + errno_text(error)});
    return false;
  }
  fill_links(answer, ns, pending);
  fill(answer, Section::kAddresses, "addresses", ns, ns.addresses, decode_addresses);
  fill_routes(answer, ns);
  fill(answer, Section::kNeighbours, "neighbours", ns, ns.neighbours, decode_neighbours);
  fill(answer, Section::kProxyNeighbours, "neighbours", ns, ns.neighbours, decode_neighbours);
  fill(answer, Section::kFdb, "bridge entries", ns, ns.fdb, decode_fdb);
  fill_sysctls(answer, ns);
  fill_sockets(answer, ns, pending);
  pending.rules = std::move(answer);
  std::erase_if(pending.rules.sections, [](const SectionData& data) {
    return data.section < Section::kGenerationBefore || data.section > Section::kIpSets;
  });
  return true;
}

Status pipeline(Broker& broker, Op op, std::size_t count,
                const std::function<Bytes(std::size_t)>& request,
                const std::function<void(std::size_t, Answer)>& on_answer) {
  Broker::Channel& channel = BrokerAccess::channel(broker);
  std::size_t sent = 0;
  for (std::size_t done = 0; done < count; ++done) {
    for (; sent < std::min(count, done + kWindow); ++sent) {
      if (Status status = channel.send(op, request(sent)); !status) return status;
    }
    auto answer = channel.receive();
    if (!answer) return std::unexpected(answer.error());
    on_answer(done, *std::move(answer));
  }
  return {};
}

namespace {

std::vector<std::uint64_t> socket_inodes(model::Snapshot& snapshot) {
  std::vector<std::uint64_t> out;
  for (const NetNs& ns : snapshot.namespaces) {
    for (const model::Socket& socket : ns.sockets) {
      if (socket.inode != 0) out.push_back(socket.inode);
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  constexpr std::size_t kMost = kMostRequest / sizeof(std::uint64_t) - 1;
  if (out.size() > kMost) {
    snapshot.gaps.push_back({"socket owners", "there are more sockets than are looked up"});
    out.resize(kMost);
  }
  return out;
}

// What the text of /proc/net lacks.
void add_binding(const SocketFacts* facts, model::Socket& socket, NetNs& ns) {
  const bool needs_v6 = socket.address.is_v6();
  if (facts == nullptr || !facts->bound_to || (needs_v6 && !facts->v6_only)) {
    ns.gaps.push_back({"sockets", "port " + std::to_string(socket.port.number) +
                                      ": whether it is bound to an interface, or to IPv6 alone, is "
                                      "not known (inet_diag is not loaded)"});
    return;
  }
  socket.bound_to = *facts->bound_to;
  socket.v6_only = needs_v6 && *facts->v6_only;
}

// True when each socket that has an inode has an owner.
bool apply_owners(const Owners& owners, bool text, NetNs& ns) {
  bool all = true;
  for (model::Socket& socket : ns.sockets) {
    const auto found = socket.inode == 0 ? owners.end() : owners.find(socket.inode);
    const SocketFacts* facts = found == owners.end() ? nullptr : &found->second;
    if (facts != nullptr) socket.owners = facts->owners;
    if (text) add_binding(facts, socket, ns);
    all = all && (socket.inode == 0 || facts != nullptr);
  }
  return all;
}

}  // namespace

Status fill_owners(Broker& broker, model::Snapshot& snapshot, const std::vector<Pending>& pending) {
  const std::vector<std::uint64_t> wanted = socket_inodes(snapshot);
  const bool with_options = std::ranges::any_of(pending, &Pending::text_sockets);
  Bytes request;
  append_value(request, std::uint32_t{with_options ? 1U : 0U});
  for (const std::uint64_t inode : wanted) append_value(request, inode);
  auto answer = BrokerAccess::ask(broker, Op::kSocketOwners, request);
  if (!answer) return std::unexpected(answer.error());
  auto owners = decode_owners(answer->bytes(Section::kOwners));
  if (!owners) {
    snapshot.gaps.push_back({"socket owners", owners.error().message});
    owners = Owners();
  }
  bool all = true;
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    if (!apply_owners(*owners, pending[i].text_sockets, snapshot.namespaces[i])) all = false;
  }
  // What may not be looked into matters only if something is left to be found there.
  if (!all) add_problems(*answer, "socket owners", snapshot.gaps);
  return {};
}

}  // namespace bulkhead::collect
