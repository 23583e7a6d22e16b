// Pieces that the texts of several views share.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"
#include "report/style.h"
#include "views/survey.h"

namespace bulkhead::report {

// "web 80/tcp", "host: sshd 22/tcp", "agent (host) 9100/tcp".
[[nodiscard]] std::string service_label(const audit::Subject& subject);

// "192.0.2.10:8080", the first port and the first address of a range.
[[nodiscard]] std::string way_text(const verify::Reached& way);

// All ways, each address once, at most `most`; what is left out is counted: "a b c +4".
[[nodiscard]] std::string ways_text(const std::vector<verify::Reached>& ways, std::size_t most);

// "web", "web, web2 (2)".
[[nodiscard]] std::string names_text(const std::vector<std::string>& names);

[[nodiscard]] std::string rule_text(const audit::RuleQuote& rule);

}  // namespace bulkhead::report
