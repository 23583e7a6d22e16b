// A record as XML in the form of nmap -oX, for whatever reads that (nmap.dtd of nmap 7.93,
// xmloutputversion 1.05). Pure; whatever came from outside is escaped.
//
// One <host> for each seat and address: nmap knows one seat alone, so the seat stands in the host's
// comment and in a script of the host, "bulkhead-seat". What nmap has no word for is said by the
// reason of a state: unknown (lost), unknown (not-finished). The DTD takes no scanner but nmap;
// `args` says who it was.
#pragma once

#include <string>
#include <string_view>

#include "seen/record.h"

namespace bulkhead::seen {

// Valid against the DTD whatever services answered. `command`: how the scan was asked for.
[[nodiscard]] std::string nmap_xml(const Record& record, std::string_view command);

}  // namespace bulkhead::seen
