#include "enforce/state.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace bulkhead::enforce {
namespace {

using Json = nlohmann::ordered_json;

// An older one is read, too: what it applied is in force, and is to be told and taken back.
constexpr std::uint32_t kOldestVersion = 1;
constexpr std::uint32_t kAuditVersion = 2;       // the first that knew mode audit
constexpr std::uint32_t kInterfacesVersion = 3;  // and that kept interfaces

constexpr std::array<std::pair<Interface::Role, std::string_view>, 4> kInterfaceRoles{
    {{Interface::Role::kBridge, "bridge"},
     {Interface::Role::kZone, "zone"},
     {Interface::Role::kOther, "other"},
     {Interface::Role::kNone, "none"}}};

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{{{Phase::kNothing, "nothing"},
                                                                     {Phase::kLoading, "loading"},
                                                                     {Phase::kAwaiting, "awaiting"},
                                                                     {Phase::kKept, "kept"}}};

template <class Words, class Value>
std::string_view word(const Words& words, Value value) {
  for (const auto& [one, text] : words) {
    if (one == value) return text;
  }
  return "";
}

template <class Value, std::size_t kSize>
std::optional<Value> value_of(const std::array<std::pair<Value, std::string_view>, kSize>& words,
                              std::string_view text) {
  for (const auto& [one, word] : words) {
    if (word == text) return one;
  }
  return std::nullopt;
}

// Takes members of an object; the first that is missing or of another type is kept as the error.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {
    if (!object.is_object()) wrong_ = "is no object";
  }
  void take(const char* name, std::string& to) {
    if (const Json* value = find(name, &Json::is_string)) to = value->get<std::string>();
  }
  void take(const char* name, bool& to) {
    if (const Json* value = find(name, &Json::is_boolean)) to = value->get<bool>();
  }
  template <class Number>
  void take_number(const char* name, Number& to) {
    const Json* value = find(name, &Json::is_number_unsigned);
    if (value == nullptr) return;
    const auto number = value->get<std::uint64_t>();
    if (!std::in_range<Number>(number)) {
      complain(name);
      return;
    }
    to = static_cast<Number>(number);
  }
  // nullptr when it is null or wrong.
  const Json* list(const char* name) { return find(name, &Json::is_array); }
  const Json* list_or_null(const char* name) { return is_null(name) ? nullptr : list(name); }
  const Json* object(const char* name) {
    return is_null(name) ? nullptr : find(name, &Json::is_object);
  }
  void complain(const std::string& name) {
    if (wrong_.empty()) wrong_ = "'" + name + "' is missing or has another form";
  }
  [[nodiscard]] Status done() const {
    if (wrong_.empty()) return {};
    return fail(ErrorCode::kInvalidInput, wrong_);
  }

 private:
  [[nodiscard]] bool is_null(const char* name) const {
    const auto at = wrong_.empty() ? object_.find(name) : object_.end();
    return at != object_.end() && at->is_null();
  }
  const Json* find(const char* name, bool (Json::*is)() const noexcept) {
    if (!wrong_.empty()) return nullptr;
    const auto at = object_.find(name);
    if (at != object_.end() && ((*at).*is)()) return &*at;
    complain(name);
    return nullptr;
  }
  const Json& object_;
  std::string wrong_;
};

Json json_of(const std::vector<Held>& all) {
  Json out = Json::array();
  for (const Held& h : all)
    out.push_back({{"engine", h.engine},
                   {"name", h.name},
                   {"id", h.id},
                   {"netns", h.netns},
                   {"addresses", h.addresses}});
  return out;
}

Json json_of(const std::vector<Interface>& all) {
  Json out = Json::array();
  for (const Interface& one : all)
    out.push_back(
        {{"name", one.name}, {"number", one.number}, {"role", word(kInterfaceRoles, one.role)}});
  return out;
}

Json json_of(const Record& r) {
  return {{"id", r.id},
          {"applied_at_ms", r.applied_at_ms},
          {"applied_boot_ns", r.applied_boot_ns},
          {"uid", r.uid},
          {"user", r.user},
          {"file", r.file},
          {"sha256", r.sha256},
          {"console", r.console},
          {"held", json_of(r.held)},
          {"audited", json_of(r.audited)},
          {"interfaces", r.interfaces ? json_of(*r.interfaces) : Json()},
          {"host_held", r.host_held},
          {"host_audited", r.host_audited},
          {"elements", r.elements},
          {"unheld", r.unheld}};
}

void take_containers(Members& in, const char* name, std::vector<Held>& to) {
  const Json* list = in.list(name);
  if (list == nullptr) return;
  for (const Json& one : *list) {
    Members member(one);
    Held& held = to.emplace_back();
    member.take("engine", held.engine);
    member.take("name", held.name);
    member.take("id", held.id);
    member.take_number("netns", held.netns);
    if (const Json* all = member.list("addresses")) {
      for (const Json& address : *all) {
        if (!address.is_string()) member.complain("addresses");
        if (address.is_string()) held.addresses.push_back(address.get<std::string>());
      }
    }
    if (!member.done()) in.complain(name);
  }
}

// null where they were not kept.
void take_interfaces(Members& in, std::optional<std::vector<Interface>>& to) {
  const Json* list = in.list_or_null("interfaces");
  if (list == nullptr) return;
  to.emplace();
  for (const Json& one : *list) {
    Members member(one);
    Interface& interface = to->emplace_back();
    std::string role;
    member.take("name", interface.name);
    member.take_number("number", interface.number);
    member.take("role", role);
    const auto known = value_of(kInterfaceRoles, role);
    if (!member.done() || !known) in.complain("interfaces");
    interface.role = known.value_or(Interface::Role::kNone);
  }
}

Result<Record> record_of(const Json& json, std::uint32_t version = kStateVersion) {
  Record out;
  Members in(json);
  in.take("id", out.id);
  in.take_number("applied_at_ms", out.applied_at_ms);
  in.take_number("applied_boot_ns", out.applied_boot_ns);
  in.take_number("uid", out.uid);
  in.take("user", out.user);
  in.take("file", out.file);
  in.take("sha256", out.sha256);
  in.take("console", out.console);
  in.take("host_held", out.host_held);
  in.take_number("elements", out.elements);
  take_containers(in, "held", out.held);
  if (version >= kAuditVersion) {
    in.take("host_audited", out.host_audited);
    take_containers(in, "audited", out.audited);
  }
  if (version >= kInterfacesVersion) take_interfaces(in, out.interfaces);
  if (const Json* list = in.list("unheld")) {
    for (const Json& one : *list) {
      if (!one.is_string()) in.complain("unheld");
      if (one.is_string()) out.unheld.push_back(escape_text(one.get<std::string>(), SIZE_MAX));
    }
  }
  // It becomes part of file names.
  if (out.id.find_first_not_of("0123456789abcdef") != std::string::npos) in.complain("id");
  if (auto done = in.done(); !done) return std::unexpected(done.error());
  return out;
}

Result<std::optional<Record>> optional_record(const Json* json, std::uint32_t version) {
  if (json == nullptr) return std::nullopt;
  auto record = record_of(*json, version);
  if (!record) return std::unexpected(record.error());
  return *std::move(record);
}

std::string text_of(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Phase> phase_of(const std::string& text) {
  if (const auto phase = value_of(kPhases, text)) return *phase;
  return fail(ErrorCode::kInvalidInput, "phase '" + escape_text(text, 32) + "' is none");
}

Status take_state(const Json& json, State& out) {
  Members in(json);
  std::uint32_t version = 0;
  std::string phase;
  in.take_number("version", version);
  if (auto done = in.done(); !done) return done;
  if (version < kOldestVersion || version > kStateVersion)
    return fail(ErrorCode::kUnsupported, "version " + std::to_string(version) +
                                             " is not ours; use the bulkhead that made it");
  in.take("boot_id", out.boot_id);
  in.take("phase", phase);
  in.take("can_undo", out.can_undo);
  in.take_number("deadline_boot_ns", out.deadline_boot_ns);
  in.take_number("deadline_ms", out.deadline_ms);
  in.take_number("guardian_pid", out.guardian.pid);
  in.take_number("guardian_start", out.guardian.start_ticks);
  auto current = optional_record(in.object("current"), version);
  auto before = optional_record(in.object("before"), version);
  if (const Json* undone = in.object("undone")) {
    Members member(*undone);
    Undone& to = out.undone.emplace();
    member.take("id", to.id);
    member.take("file", to.file);
    member.take_number("at_ms", to.at_ms);
    member.take("by_guardian", to.by_guardian);
    if (!member.done()) in.complain("undone");
  }
  if (auto done = in.done(); !done) return done;
  if (!current) return within("current", current.error());
  if (!before) return within("before", before.error());
  out.current = *std::move(current);
  out.before = *std::move(before);
  auto read = phase_of(phase);
  if (!read) return std::unexpected(read.error());
  out.phase = *read;
  if ((out.phase == Phase::kNothing) != !out.current.has_value())
    return fail(ErrorCode::kInvalidInput, "phase and record do not go together");
  return {};
}

}  // namespace

std::string write_record(const Record& record) {
  return text_of(json_of(record));
}

Result<Record> read_record(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return fail(ErrorCode::kInvalidInput, "is no JSON");
  return record_of(parsed);
}

std::string write_state(const State& s) {
  Json json = {{"version", kStateVersion},
               {"boot_id", s.boot_id},
               {"phase", word(kPhases, s.phase)},
               {"can_undo", s.can_undo},
               {"deadline_boot_ns", s.deadline_boot_ns},
               {"deadline_ms", s.deadline_ms},
               {"guardian_pid", static_cast<std::uint32_t>(s.guardian.pid)},
               {"guardian_start", s.guardian.start_ticks},
               {"current", nullptr},
               {"before", nullptr},
               {"undone", nullptr}};
  if (s.current) json["current"] = json_of(*s.current);
  if (s.before) json["before"] = json_of(*s.before);
  if (s.undone) {
    json["undone"] = {{"id", s.undone->id},
                      {"file", s.undone->file},
                      {"at_ms", s.undone->at_ms},
                      {"by_guardian", s.undone->by_guardian}};
  }
  return text_of(json);
}

Result<State> read_state(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return fail(ErrorCode::kInvalidInput, "is no JSON");
  State out;
  if (auto taken = take_state(parsed, out); !taken) return std::unexpected(taken.error());
  return out;
}

}  // namespace bulkhead::enforce
