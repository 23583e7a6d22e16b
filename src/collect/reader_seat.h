// Makes a neighbour's seat on behalf of the reader.
//
// A process of its own stands in the new namespace and does nothing; the reader's end is its end
// (PR_SET_PDEATHSIG), as the scan's end is the reader's. With the last process the kernel removes
// the namespace, and with that the link and its other end on the bridge: nothing of it outlives
// even a kill -9.
#pragma once

#include "base/bytes.h"
#include "collect/reader_output.h"

namespace bulkhead::collect {

// The request (wire.h, kMakeSeat), served; the caller is in the host's namespace. False: it is none
// that our own decoder would send.
[[nodiscard]] bool make_seat(Cursor& request, ReaderOutput& out);

}  // namespace bulkhead::collect
