#include <nlohmann/json.hpp>

#include "report/status_text.h"

namespace bulkhead::report {
namespace {

using StatusJson = nlohmann::ordered_json;

std::string why_word(Uncovered::Why why) {
  switch (why) {
    case Uncovered::Why::kSince: return "started since";
    case Uncovered::Why::kAnew: return "started anew";
    case Uncovered::Why::kMoved: return "other addresses";
  }
  return "";
}

StatusJson uncovered_json(const std::vector<Uncovered>& all) {
  StatusJson out = StatusJson::array();
  for (const Uncovered& one : all)
    out.push_back({{"engine", one.engine}, {"container", one.name}, {"why", why_word(one.why)}});
  return out;
}

StatusJson names_json(const std::vector<HeldName>& all) {
  StatusJson out = StatusJson::array();
  for (const HeldName& one : all) out.push_back({{"engine", one.engine}, {"container", one.name}});
  return out;
}

StatusJson end_json(const std::string& name, const IpAddress& address) {
  StatusJson out = {{"address", address.to_string()}};
  if (!name.empty()) out["name"] = name;
  return out;
}

StatusJson audited_json(const Audited& a) {
  StatusJson out = {
      {"containers", names_json(a.containers)}, {"host", a.host}, {"counting", a.counting}};
  if (!a.counting) return out;
  StatusJson ways = StatusJson::array();
  for (const WouldRefuse& one : a.would_refuse) {
    StatusJson way = {{"kind", one.kind},
                      {"from", end_json(one.from, one.from_address)},
                      {"to", end_json(one.to, one.to_address)},
                      {"protocol", to_string(one.protocol)},
                      {"packets", one.packets},
                      {"last_ms", one.last_ms}};
    if (one.port.number != 0) way["port"] = one.port.number;
    if (!one.tenant.empty()) way["tenant"] = one.tenant;
    ways.push_back(std::move(way));
  }
  out["would_refuse"] = std::move(ways);
  out["missed"] = a.missed;
  out["full"] = a.full;
  out["since"] = uncovered_json(a.since);
  return out;
}

std::string change_word(Shifted::Change change) {
  switch (change) {
    case Shifted::Change::kRenamed: return "renamed";
    case Shifted::Change::kGone: return "gone";
    case Shifted::Change::kAnew: return "made anew";
    case Shifted::Change::kNew: return "new";
  }
  return "";
}

std::string role_word(Shifted::Role role) {
  switch (role) {
    case Shifted::Role::kBridge: return "bridge";
    case Shifted::Role::kZone: return "zone";
    case Shifted::Role::kOther: return "other";
    case Shifted::Role::kNone: return "none";
  }
  return "";
}

StatusJson shifted_json(const std::vector<Shifted>& all) {
  StatusJson out = StatusJson::array();
  for (const Shifted& one : all) {
    StatusJson shifted = {
        {"name", one.name}, {"change", change_word(one.change)}, {"role", role_word(one.role)}};
    if (one.change == Shifted::Change::kRenamed) shifted["was"] = one.was;
    out.push_back(std::move(shifted));
  }
  return out;
}

StatusJson applied_json(const Applied& a) {
  StatusJson out = {{"id", a.id},
                    {"file", a.file},
                    {"sha256", a.sha256},
                    {"at_ms", a.at_ms},
                    {"uid", a.uid},
                    {"user", a.user},
                    {"held", names_json(a.held)},
                    {"host_held", a.host_held},
                    {"elements", a.elements},
                    {"unheld", a.unheld}};
  if (a.audited) out["audited"] = audited_json(*a.audited);
  if (a.file_changed) out["file_changed"] = *a.file_changed;
  out["kept"] = a.until_ms == 0 && !a.interrupted;
  if (a.until_ms != 0) out["until_ms"] = a.until_ms;
  if (a.until_ms != 0) out["guarded"] = a.guarded;
  if (a.interrupted) out["interrupted"] = true;
  if (a.unread) {
    out["unread"] = *a.unread;
  } else {
    out["exact"] = a.differences.empty();
    out["differences"] = a.differences;
  }
  if (a.unknown) {
    out["uncovered_unknown"] = *a.unknown;
  } else {
    out["uncovered"] = uncovered_json(a.uncovered);
  }
  out["interfaces"] = shifted_json(a.shifted);
  out["not_yet"] = {"foreign-flush", "re-arm", "boot"};
  return out;
}

}  // namespace

std::string status_json(const Standing& standing) {
  StatusJson out = {{"schema", "https://bulkhead.example/schemas/status/1"},
                    {"host", standing.host},
                    {"sound", standing.sound()},
                    {"foreign", standing.foreign}};
  if (standing.applied) out["applied"] = applied_json(*standing.applied);
  if (standing.taken_back)
    out["taken_back"] = {{"file", standing.taken_back->file},
                         {"at_ms", standing.taken_back->at_ms},
                         {"unconfirmed", standing.taken_back->unconfirmed}};
  return out.dump(2, ' ', false, StatusJson::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
