// What the unprivileged decoder and the reader say to each other over their stream socket.
//
// Requests and frames are fixed headers in this machine's byte order (both ends are one program)
// followed by `length` bytes. Requests are answered in their order, so a few may be under way. An
// answer is a run of sections; a section is one or more frames, the last of which carries kLast and
// an errno (0: complete); Section::kEnd ends the answer. kRestart takes back what was sent of the
// section so far: the kernel changed while it was read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::collect {

enum class Op : std::uint32_t {
  kListNamespaces = 1,   // u32 most, then paths, each ended by NUL
  kReadNamespace = 2,    // u64 inode, u32 groups (kReadLinks...)
  kReadSetElements = 3,  // u64 inode, then per set: u8 family, table NUL, set NUL
  kNamespaceIds = 4,     // u64 inode of the viewer, u64 inodes of the others
  kResolvePaths = 5,     // paths, each ended by NUL: which namespace is behind it
  kSocketOwners = 6,     // u32 with options (0, 1), u64 socket inodes, ascending
  kOpenSocket = 7,       // u64 inode, i32 family, i32 type
  kConnectUnix = 8,      // path
  kProcessCgroups = 9,   // u32 pids
  kListConmons = 10,     // nothing: conmons and forwarders
  kMakeSeat = 11,  // u32 link, bridge, length4, has6, length6, gateway4, gateway6, candidates;
                   // 16 bytes address6, gateway4, gateway6, each candidate. Rights::kSeating
  kOpenFlowEvents = 12,  // u64 inode, u32 bytes of its queue
  kReadFlows = 13,       // u64 inode
};

// Groups of a kReadNamespace request.
inline constexpr std::uint32_t kReadNetwork = 1;
inline constexpr std::uint32_t kReadRules = 2;
inline constexpr std::uint32_t kReadSockets = 4;
inline constexpr std::uint32_t kReadSysctls = 8;
inline constexpr std::uint32_t kReadAll = 15;

enum class Section : std::uint16_t {
  kEnd = 0,
  kNamespaces,  // records of ReaderNamespaces::list
  kProblem,     // text for a person
  kOpened,      // the namespace was entered (or the errno why not)
  kLinks,
  kAddresses,
  kRoutes4,
  kRoutes6,
  kNextHops,
  kRules4,
  kRules6,
  kNeighbours,
  kProxyNeighbours,
  kFdb,
  kQdiscs,
  kSysctls,  // "path NUL value NUL" pairs
  kGenerationBefore,
  kTables,
  kChains,
  kNfRules,
  kSets,
  kObjects,
  kGenerationAfter,
  kSetElements,
  kLegacyInfo4,
  kLegacyEntries4,
  kLegacyInfo6,
  kLegacyEntries6,  // one pair per table
  kLegacyArp,       // /proc/net/arp_tables_names
  kIpSets,
  kTcp4,
  kTcp6,
  kUdp4,
  kUdp6,
  kUdpLite4,
  kUdpLite6,  // inet_diag dumps
  kProcTcp4,
  kProcTcp6,
  kProcUdp4,
  kProcUdp6,
  kProcUdpLite4,
  kProcUdpLite6,  // /proc/net text
  kIds,           // i32 per namespace asked for
  kInodes,        // u64 per path, 0: none
  kOwners,        // records of reader_processes.h
  kCgroups,       // per process u32 length and the text of /proc/PID/cgroup
  kConmons,       // records of reader_conmon.h
  kForwarders,    // records of reader_conmon.h
  kSeat,          // u64 inode, u32 candidate; with an errno kProblem names the step
  kFlows,         // tracked connections
  kDescriptor,    // with a file descriptor
  kLastSection = kDescriptor,
};

inline constexpr std::uint16_t kLast = 1;
inline constexpr std::uint16_t kRestart = 2;

struct RequestHeader {
  std::uint32_t op = 0;
  std::uint32_t length = 0;
};
struct FrameHeader {
  std::uint16_t section = 0;
  std::uint16_t flags = 0;
  std::int32_t error = 0;
  std::uint32_t length = 0;
};

inline constexpr std::size_t kMostRequest = 16U << 20;   // bytes of one request
inline constexpr std::size_t kMostFrame = 1U << 20;      // bytes of one frame
inline constexpr std::size_t kMostSection = 256U << 20;  // bytes of one dump
inline constexpr std::size_t kMostAnswer = 1U << 30;
inline constexpr std::uint32_t kMostEventQueue = 256U << 20;  // bytes
inline constexpr int kMostAttempts = 5;          // of a dump that moves while it is read
inline constexpr int kAnswerTimeoutMs = 30'000;  // without a byte of progress

}  // namespace bulkhead::collect
