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

StatusJson containers_json(const Applied& a) {
  StatusJson out = StatusJson::array();
  for (const Uncovered& one : a.uncovered)
    out.push_back({{"engine", one.engine}, {"container", one.name}, {"why", why_word(one.why)}});
  return out;
}

StatusJson applied_json(const Applied& a) {
  StatusJson held = StatusJson::array();
  for (const HeldName& one : a.held)
    held.push_back({{"engine", one.engine}, {"container", one.name}});
  StatusJson out = {{"id", a.id},
                    {"file", a.file},
                    {"sha256", a.sha256},
                    {"at_ms", a.at_ms},
                    {"uid", a.uid},
                    {"user", a.user},
                    {"held", held},
                    {"host_held", a.host_held},
                    {"elements", a.elements},
                    {"unheld", a.unheld}};
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
    out["uncovered"] = containers_json(a);
  }
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
