// The snapshot as JSON, and back. Pure.
//
// Form (schemas/snapshot.schema.json is made from the same field lists):
// - a struct is an object of its fields; a field that has the value of a new struct is left out;
// - a variant is an object with one member, named by the alternative: {"nat":{"kind":"dnat"}};
// - enumerations are words (enum_names.h), addresses, prefixes and MAC addresses text, Bytes
// lower-case
//   hexadecimal, ports, interface indexes and namespace numbers plain numbers, IP protocols "tcp"
//   or "47";
// - text that is not valid UTF-8 (the kernel allows it in names) is {"hex":"…"}, so that nothing is
//   lost; a map with such a key is an array of [key, value];
// - "version" comes first and is always there. Numbers may be larger than 2^53.
//
// A field may be added without a new version (older readers refuse the file by naming the key). The
// version is raised when an older file would be misread: a default, a meaning or a name changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/snapshot.h"

namespace bulkhead::model {

// Bounds on what a file may ask of its reader. Small text may stand for much memory ("{}" is a
// link), so the memory of list members is counted too.
struct ReadLimits {
  std::size_t text_bytes = std::size_t{512} << 20;
  std::size_t memory_bytes = std::size_t{2} << 30;
  std::uint32_t depth = 512;  // 128 expressions of one rule, nested, take about 400
};

// The same snapshot gives the same bytes, on every machine. Ends in a newline. Rows (links, rules,
// containers...) are on lines of their own, so that two files can be compared. Linear.
[[nodiscard]] std::string write_snapshot(const Snapshot& snapshot);

// Strict: an unknown, repeated or missing key, a wrong type, a number out of range, a namespace
// that is not there, trailing text are errors that name the place ($.namespaces[0].links[2].mtu,
// line 7). kInvalidInput for those, kBudget for a bound, kUnsupported for a version that is newer
// than ours. An older version is migrated first. Linear in the text.
[[nodiscard]] Result<Snapshot> read_snapshot(std::string_view json, const ReadLimits& limits = {});

// Turns a file of an older version into one of kSnapshotVersion. One step for each version that
// was.
[[nodiscard]] Result<std::string> migrate(std::string json, std::uint32_t from_version);

// JSON Schema 2020-12 of the form above. Holds the default of each field, so that a changed default
// shows as a change of schemas/snapshot.schema.json.
[[nodiscard]] std::string snapshot_schema();

// Hides who it is about and keeps how it is built: see redact.cpp for each field. The same text
// becomes the same pseudonym everywhere in the snapshot. Replaced: the names of hosts, containers,
// networks, projects, services, images, users and programs that are not well known; container,
// network and engine ids; label values; environment names; comments and log prefixes; paths other
// than the engines' sockets and system folders; endpoints; what was kept as raw bytes (zeros of the
// same length). Kept, because answers depend on them: addresses and prefixes (rules hold them as
// bytes, and whether one is private, local or public decides), MAC addresses, interface, table,
// chain and set names (rules name interfaces by prefix and by bytes), label keys, ports, process
// numbers.
[[nodiscard]] Snapshot redact(Snapshot snapshot);

}  // namespace bulkhead::model
