// Pieces of text that several reports share: names made safe, who reaches, what a service is
// called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/finding.h"
#include "report/messages.h"
#include "report/style.h"

namespace bulkhead::report {

// Outside text for one line of a report: escaped, at most 40 bytes long.
[[nodiscard]] std::string safe(std::string_view name);

[[nodiscard]] std::string port_text(Port port, IpProtocol protocol);  // "5432/tcp"
// Of a port inside a container, which may not be known: "?/tcp".
[[nodiscard]] std::string inner_port_text(Port port, IpProtocol protocol);
// "5432/tcp", "8000-8100/tcp"
[[nodiscard]] std::string contradicted_text(const audit::Contradiction& contradiction);
[[nodiscard]] std::string dial_text(IpAddress to, Port port);        // "[2001:db8::1]:80"
[[nodiscard]] std::string dial_text(const audit::Opening& opening);  // "[fe80::1%eth0]:80"
[[nodiscard]] std::string utc_text(std::uint64_t unix_ms);           // "2026-11-24 23:44 UTC"

[[nodiscard]] std::string utc_seconds_text(std::uint64_t unix_ms);  // "2026-11-24 23:44:05 UTC"

[[nodiscard]] std::string owner_text(const audit::Subject& subject, const Style& style);
[[nodiscard]] std::string service_text(const audit::Subject& subject, const Style& style);
// "the Internet, the LAN and 3 containers"; those whom nothing but forged packets lets in count
// only when there is nobody else.
[[nodiscard]] std::string who_text(const std::vector<audit::Reach>& reaches, const Style& style);
[[nodiscard]] std::string vantage_text(const audit::Opening& reach, const Style& style);
// "a forged source address (172.18.0.9) and source port 53": of a reach that is forged.
[[nodiscard]] std::string forged_text(const audit::Reach& reach, const Style& style);
// "Redis (by its port), redis-server": of a listener, by its process and port; null: nobody is
// known there, and `port` is as dialled.
[[nodiscard]] std::string listener_text(const model::Socket* socket, Port port, IpProtocol protocol,
                                        const Style& style);
[[nodiscard]] std::string joined(const std::vector<std::string>& parts, const Style& style);

// A phrase of a finding with all its values, escaped.
[[nodiscard]] std::string say(const audit::Text& text, const audit::Finding& finding,
                              const Style& style);

[[nodiscard]] Label way_label(audit::LinkWay way);
[[nodiscard]] Label severity_label(audit::Severity severity);
[[nodiscard]] Label how_label(trace::How how);
[[nodiscard]] Label verdict_label(trace::Verdict verdict);

// fill() of a label with values that are escaped already.
[[nodiscard]] std::string say(
    Label label, const Style& style,
    const std::vector<std::pair<std::string_view, std::string>>& values = {});

}  // namespace bulkhead::report
