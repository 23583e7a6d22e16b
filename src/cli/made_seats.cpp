#include "cli/made_seats.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "seats/neighbour.h"

namespace bulkhead::cli {
namespace {

constexpr std::uint32_t kTentative = 0x40, kDuplicate = 0x08;  // IFA_F_TENTATIVE, IFA_F_DADFAILED
constexpr int kLookedForAgain = 5, kBetweenMs = 700;

void announce(const seats::Neighbour& seat) {
  std::fprintf(
      stderr, "bulkhead: making a neighbour's seat on %s %s, with %s; it ends with this process\n",
      seat.wish.bridge ? "bridge" : "interface", escape_text(seat.link, 32).c_str(),
      seat.network.empty() ? "the address that was given"
                           : ("an address of " + seat.network + " that nobody has").c_str());
}

// The flags of the seat's own IPv6 address; 0 when it has none. Duplicates are found out within
// some two seconds (DAD).
std::uint32_t flags_of(const model::Snapshot& snapshot, const scan::Wanted::MadeSeat& seat,
                       const std::optional<IpAddress>& address) {
  for (const model::NetNs& ns : snapshot.namespaces) {
    if (ns.inode != seat.inode || !address) continue;
    for (const model::Address& a : ns.addresses)
      if (a.local == *address) return a.flags;
  }
  return 0;
}

}  // namespace

Result<std::vector<scan::Wanted::MadeSeat>> make_seats(Session& session,
                                                       const SourceOptions& source,
                                                       const std::vector<std::string>& wanted) {
  std::vector<scan::Wanted::MadeSeat> out;
  if (wanted.empty()) return out;
  if (!session.broker)
    return fail(ErrorCode::kInvalidInput, "--seat: nothing can be made on a snapshot");
  if (wanted.size() > kMostSeats)
    return fail(ErrorCode::kInvalidInput,
                "--seat: more than " + std::to_string(kMostSeats) + " seats at once");
  std::vector<seats::Neighbour> neighbours;
  for (const std::string& text : wanted) {
    auto neighbour = seats::read_neighbour(*session.snapshot, text);
    if (!neighbour) return std::unexpected(neighbour.error());
    neighbours.push_back(*std::move(neighbour));
  }
  for (const seats::Neighbour& neighbour : neighbours) {
    announce(neighbour);
    auto made = session.broker->make_seat(neighbour.wish);
    if (!made) return within("--seat " + neighbour.name.substr(5), made.error());
    out.push_back({neighbour.name, made->inode});
    if (const std::optional<IpAddress>& address = made->address)
      std::fprintf(stderr, "bulkhead: %s is %s\n", escape_text(neighbour.name, 40).c_str(),
                   address->to_string().c_str());
  }
  for (int turn = 0; turn < kLookedForAgain; ++turn) {
    if (auto read = read_again(session, source); !read) return std::unexpected(read.error());
    std::uint32_t flags = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      flags |= flags_of(*session.snapshot, out[i], neighbours[i].wish.address6);
    if ((flags & kDuplicate) != 0)
      return fail(ErrorCode::kInvalidInput, "--seat: its IPv6 address is in use; give another one");
    if ((flags & kTentative) == 0) break;
    ::poll(nullptr, 0, kBetweenMs);
  }
  return out;
}

}  // namespace bulkhead::cli
