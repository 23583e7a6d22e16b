#include "cli/targets.h"

#include <algorithm>

#include "base/machine.h"
#include "base/text.h"
#include "policy/one_target.h"

namespace bulkhead::cli {

Result<bool> read_as(std::string_view text) {
  if (text == "attacker") return true;
  if (text.empty() || text == "ordinary") return false;
  return fail(ErrorCode::kInvalidInput,
              "--as is '" + escape_text(text, 32) + "'; write attacker, or leave it out");
}

Result<IpAddress> read_address(const model::Snapshot& snapshot, const std::string& text) {
  if (auto address = IpAddress::parse(text)) return address;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) return *at.address4;
        if (at.address6) return *at.address6;
      }
      return fail(ErrorCode::kNotFound,
                  "container '" + escape_text(text, 64) + "' has no address of its own");
    }
  }
  return fail(
      ErrorCode::kInvalidInput,
      "'" + escape_text(text, 64) + "' is neither an IP address nor the name of a container");
}

Result<std::optional<ScopedAddress>> read_link_target(const std::string& text) {
  auto scoped = ScopedAddress::parse(text);
  if (!scoped) {
    if (text.find('%') != std::string::npos) return std::unexpected(scoped.error());
    return std::nullopt;
  }
  if (!scoped->address.is_v6() || !scoped->address.is_link_local()) return std::nullopt;
  if (!scoped->link.empty()) return *std::move(scoped);
  return fail(
      ErrorCode::kInvalidInput,
      "a link-local address belongs to an interface of where the packets come from; write " +
          scoped->to_string() + "%eth0");
}

Result<std::vector<IpAddress>> read_addresses(const model::Snapshot& snapshot,
                                              const std::string& text) {
  auto first = read_address(snapshot, text);
  if (!first) return std::unexpected(first.error());
  std::vector<IpAddress> out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) out.push_back(*at.address4);
        if (at.address6) out.push_back(*at.address6);
      }
    }
  }
  if (out.empty()) out.push_back(*first);
  return out;
}

namespace {

bool is_here(const model::Snapshot& snapshot, const IpAddress& address) {
  return std::ranges::any_of(snapshot.namespaces, [&](const model::NetNs& ns) {
    return std::ranges::any_of(ns.addresses,
                               [&](const model::Address& a) { return a.local == address; });
  });
}

Status may_ask(const model::Snapshot& snapshot, const std::string& text, const IpAddress& address,
               bool i_own_this) {
  if (i_own_this || is_near(address) || is_here(snapshot, address)) return {};
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(text, 64) + "' is a public address (" + address.to_string() +
                  "), and none of this host's; scanning machines of others may be a crime; if it "
                  "is yours, say so with --i-own-this");
}

// A declared zone's machines, and of those of its prefixes that are too wide what is asked anyway.
Scanned read_zone(const policy::Config& config, const policy::BeyondHost& beyond,
                  const std::string& name) {
  Scanned out;
  for (const policy::ZoneRule& zone : config.zones) {
    if (zone.name != name) continue;
    for (const Prefix& prefix : zone.prefixes) {
      if (!policy::is_too_wide(prefix)) {
        for (const IpAddress& one : policy::machines_of(prefix)) out.addresses.push_back(one);
        continue;
      }
      for (const policy::Beyond& one : beyond.machines)
        if (prefix.contains(one.to)) out.addresses.push_back(one.to);
      out.left_out.push_back({"zone " + name, policy::why_left_out(prefix, beyond.machines), name});
    }
  }
  return out;
}

Result<Scanned> read_named(const model::Snapshot& snapshot, const policy::Config& config,
                           const policy::BeyondHost& beyond, const std::string& text) {
  Scanned out;
  for (const policy::ScanTarget& target : config.scan.targets) {
    if (target.name != text) continue;
    for (const policy::Beyond& one : policy::machines_of_target(config, target))
      out.addresses.push_back(one.to);
  }
  if (!out.addresses.empty()) return out;
  Scanned zone = read_zone(config, beyond, text);
  const bool is_asked = std::ranges::any_of(
      beyond.machines, [&](const policy::Beyond& b) { return b.of_zone && b.target == text; });
  if (is_asked) return zone;
  // A container before a zone that nobody asked by its name so far.
  auto read = read_addresses(snapshot, text);
  if (read) {
    out.addresses = *std::move(read);
    return out;
  }
  if (!zone.addresses.empty()) return zone;
  if (zone.left_out.empty()) return std::unexpected(read.error());
  return fail(ErrorCode::kUnavailable,
              zone.left_out.front().what + ": " + zone.left_out.front().why);
}

}  // namespace

Result<Scanned> read_scanned(const model::Snapshot& snapshot, const policy::Config& config,
                             const policy::BeyondHost& beyond, const std::string& text,
                             bool i_own_this) {
  auto out = read_named(snapshot, config, beyond, text);
  if (!out) return out;
  for (const IpAddress& address : out->addresses)
    if (auto may = may_ask(snapshot, text, address, i_own_this); !may)
      return std::unexpected(may.error());
  return out;
}

}  // namespace bulkhead::cli
