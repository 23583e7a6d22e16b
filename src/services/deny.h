// What Bulkhead never sends, whatever a catalogue says. The list is code and not data, so that no
// file can shorten it; it is asked when an entry is read and again before anything is sent.
//
//   - HTTP: GET and HEAD only; no path that acts on GET (Watchtower updates on GET /v1/update),
//   that
//     streams or costs much, or that carries credentials; no encoded or relative path, in which one
//     of these could hide; another host only below .invalid, which no name server knows (RFC 2606).
//   - Bytes: nothing that changes, stops or logs in; no HTTP request that goes around the rules
//   above.
//   - Ports at which a printer prints whatever it gets.
#pragma once

#include <optional>
#include <string>

#include "base/address.h"
#include "services/entry.h"

namespace bulkhead::services {

// Why `exchange` must not be sent; nullopt when it may. Linear.
[[nodiscard]] std::optional<std::string> refusal(const Exchange& exchange);

// Raw printing (JetDirect): every byte may come out on paper. Nothing is sent there unless it is
// known from the host's side that the listener is no printer.
[[nodiscard]] bool may_print(Port port, IpProtocol protocol);

}  // namespace bulkhead::services
