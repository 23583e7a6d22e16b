// The steps of take_snapshot(), each from the reader's answers to a part of the model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collect/access.h"
#include "collect/collect.h"
#include "collect/forwarders.h"
#include "collect/listing.h"
#include "collect/rtnetlink.h"
#include "model/snapshot.h"

namespace bulkhead::collect {

// What is known of a namespace besides its NetNs while the snapshot is put together.
struct Pending {
  std::vector<std::pair<std::size_t, std::int32_t>> peer_ids;  // position in links, its nsid
  bool text_sockets = false;  // read from /proc/net: bindings are still to be asked for
  Answer rules;               // sections of kReadRules, kept until set elements can be asked for
};

// Everything of one kReadNamespace answer but its rules, which move into `pending`. False: the
// namespace vanished or may not be entered (a gap says which).
bool fill_namespace(Answer answer, model::NetNs& ns, Pending& pending);

// Decodes the rules kept in `pending`; asks for set elements; reads again what moved.
[[nodiscard]] Status fill_rules(Broker& broker, model::NetNs& ns, Pending& pending);

// Finds the namespaces in which the links' peers live.
[[nodiscard]] Status resolve_peers(Broker& broker, model::Snapshot& snapshot,
                                   const std::vector<Pending>& pending);

// Who holds the sockets of all namespaces.
[[nodiscard]] Status fill_owners(Broker& broker, model::Snapshot& snapshot,
                                 const std::vector<Pending>& pending);

// `forwarders`: what forwards in user space to containers that no engine told of.
void read_engines(Broker& broker, const Options& options, model::Snapshot& snapshot,
                  std::vector<Forwarder>& forwarders);
// Places the containers. Inodes of namespaces that the snapshot lacks go to `missing`.
[[nodiscard]] Status place_containers(Broker& broker, model::Snapshot& snapshot,
                                      std::vector<std::pair<std::uint64_t, std::string>>& missing);
// Mode and networks of containers that no engine told of, from the links of their namespaces. Needs
// what place_containers and resolve_peers found.
void describe_unlisted(model::Snapshot& snapshot);
// Their sockets in the host's network, too, where the cgroup does not say whose they are. Needs
// what fill_owners found.
void own_unlisted_sockets(model::Snapshot& snapshot);
// A gap for each container that runs here and was not placed.
void name_unplaced(model::Snapshot& snapshot);

// Sends `count` requests, a few ahead of their answers, and hands each answer over in order.
[[nodiscard]] Status pipeline(Broker& broker, Op op, std::size_t count,
                              const std::function<Bytes(std::size_t)>& request,
                              const std::function<void(std::size_t, Answer)>& answer);

[[nodiscard]] Bytes read_request(std::uint64_t inode, std::uint32_t groups);
void add_problems(const Answer& answer, const std::string& what, std::vector<model::Gap>& gaps);

}  // namespace bulkhead::collect
