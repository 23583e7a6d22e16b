#include "query/jsonl.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "base/text.h"
#include "model/json_cursor.h"
#include "ruleset/print.h"

namespace bulkhead::query {
namespace {

namespace od = simdjson::ondemand;

constexpr auto kKeys = std::to_array<std::string_view>(
    {"id", "from", "to", "port", "proto", "source", "source_port", "as", "expect", "explain"});
constexpr std::uint32_t kDeepestId = 64;

struct Line {
  std::string_view whole;  // as simdjson reads it
  std::string_view from;
  Target target;
  std::optional<trace::Verdict> expect;
  std::array<bool, kKeys.size()> seen{};

  [[nodiscard]] bool has(std::string_view key) const {
    return seen[static_cast<std::size_t>(std::ranges::find(kKeys, key) - kKeys.begin())];
  }
};

std::unexpected<Error> bad(std::string text) {
  return fail(ErrorCode::kInvalidInput, std::move(text));
}

Result<std::string_view> text_of(od::value value, std::string_view key) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return bad("\"" + std::string(key) + "\" must be a string");
  return text;
}

Result<IpAddress> address_of(od::value value, std::string_view key) {
  auto text = text_of(value, key);
  if (!text) return std::unexpected(text.error());
  auto address = IpAddress::parse(*text);
  if (!address) return within("\"" + std::string(key) + "\"", address.error());
  return address;
}

Result<Port> port_of(od::value value, std::string_view key) {
  std::uint64_t number = 0;
  if (value.get_uint64().get(number) != simdjson::SUCCESS || number > 65535) {
    return bad("\"" + std::string(key) + "\" must be a number from 0 to 65535");
  }
  return Port{static_cast<std::uint16_t>(number)};
}

Status read_protocol(od::value value, Line& line) {
  auto text = text_of(value, "proto");
  if (!text) return std::unexpected(text.error());
  if (*text == "tcp")
    line.target.protocol = IpProtocol::kTcp;
  else if (*text == "udp")
    line.target.protocol = IpProtocol::kUdp;
  else
    return bad("\"proto\" is '" + escape_text(*text, 32) + "'; write tcp or udp");
  return {};
}

Status read_expect(od::value value, Line& line) {
  auto text = text_of(value, "expect");
  if (!text) return std::unexpected(text.error());
  if (*text == "open")
    line.expect = trace::Verdict::kOpen;
  else if (*text == "closed")
    line.expect = trace::Verdict::kClosed;
  else
    return bad("\"expect\" is '" + escape_text(*text, 32) + "'; write open or closed");
  return {};
}

Status read_as(od::value value, Line& line) {
  auto text = text_of(value, "as");
  if (!text) return std::unexpected(text.error());
  if (*text != "attacker" && *text != "ordinary") {
    return bad("\"as\" is '" + escape_text(*text, 32) + "'; write attacker, or leave it out");
  }
  line.target.as_attacker = *text == "attacker";
  return {};
}

// It comes back as it is, so it must be whole: simdjson does not look into what nobody asks for.
Status check_id(od::value value, std::string_view whole) {
  const auto start = static_cast<std::size_t>(value.raw_json_token().data() - whole.data());
  model::JsonCursor cursor(whole.substr(start), kDeepestId, 0);
  if (!cursor.skip_value()) return within("\"id\"", cursor.error());
  const char next = cursor.peek();
  if (next != ',' && next != '}') return bad("\"id\": something stands behind its value");
  return {};
}

template <class T, class Slot>
Status store(Result<T> value, Slot& slot) {
  if (!value) return std::unexpected(std::move(value.error()));
  slot = *value;
  return {};
}

// A key that is known, and for the first time: of two values only one could be answered.
Status note_key(std::string_view key, Line& line) {
  const auto known = std::ranges::find(kKeys, key);
  if (known == kKeys.end()) {
    std::string list;
    for (std::string_view word : kKeys) list += (list.empty() ? "" : ", ") + std::string(word);
    return bad("unknown key \"" + escape_text(key, 64) + "\"; there are " + list);
  }
  bool& seen = line.seen[static_cast<std::size_t>(known - kKeys.begin())];
  if (seen) return bad("\"" + std::string(key) + "\" is there twice");
  seen = true;
  return {};
}

Status read_field(std::string_view key, od::value value, Line& line) {
  if (Status status = note_key(key, line); !status) return status;
  if (key == "id") return check_id(value, line.whole);
  if (key == "from") return store(text_of(value, key), line.from);
  if (key == "to") return store(address_of(value, key), line.target.to);
  if (key == "port") return store(port_of(value, key), line.target.port);
  if (key == "proto") return read_protocol(value, line);
  if (key == "source") return store(address_of(value, key), line.target.source);
  if (key == "source_port") return store(port_of(value, key), line.target.source_port);
  if (key == "as") return read_as(value, line);
  if (key == "expect") return read_expect(value, line);
  if (value.get_bool().get(line.target.explain) != simdjson::SUCCESS)
    return bad("\"explain\" must be true or false");
  return {};
}

Status check(const Line& line) {
  if (!line.has("from")) return bad("\"from\" is missing: a vantage such as \"container:web\"");
  if (!line.has("to")) return bad("\"to\" is missing: an IP address");
  if (!line.has("port")) return bad("\"port\" is missing");
  if (const auto& source = line.target.source;
      source && source->family() != line.target.to.family()) {
    return bad("\"source\" and \"to\" are of different address families");
  }
  return {};
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":\"";
  append_json_escaped(out, text);
  out += '"';
}

void append_rule(std::string& out, const trace::RuleRef& ref) {
  if (ref.table == nullptr || ref.chain == nullptr) return;
  if (out.back() == '}') out += ',';
  out += "{\"place\":\"";
  append_json_escaped(out, ruleset::print_place(*ref.table, *ref.chain, ref.rule));
  out += '"';
  append_text(out, "author", ruleset::guess_author(*ref.table, *ref.chain, ref.rule));
  append_text(out, "text",
              ref.rule == nullptr ? "policy" : ruleset::print_rule(*ref.table, *ref.rule));
  out += '}';
}

void append_path(std::string& out, const std::vector<trace::Step>& steps) {
  out += ",\"path\":[";
  for (const trace::Step& step : steps) {
    if (out.back() == '}') out += ',';
    out += step.leg == trace::Leg::kRequest ? "{\"leg\":\"request\"" : "{\"leg\":\"reply\"";
    out += ",\"netns\":" + std::to_string(step.ns.value);
    append_text(out, "stage", step.stage);
    if (!step.interface.empty()) append_text(out, "interface", step.interface);
    append_text(out, "detail", step.detail);
    out += '}';
  }
  out += ']';
}

void append_socket(std::string& out, const trace::Answer& answer) {
  const model::Socket& socket = *answer.socket;
  out += ",\"socket\":{\"address\":\"" + socket.address.to_string() +
         "\",\"port\":" + std::to_string(socket.port.number);
  if (answer.socket_ns) out += ",\"netns\":" + std::to_string(answer.socket_ns->value);
  if (!socket.owners.empty()) {
    const model::SocketOwner& owner = socket.owners.front();
    out += ",\"pid\":" + std::to_string(owner.pid) + ",\"uid\":" + std::to_string(owner.uid);
    append_text(out, "process", owner.command);
    if (!owner.container_id.empty()) append_text(out, "container", owner.container_id);
  }
  out += '}';
}

// Of which packet the answer is, as far as the question does not say.
void append_witness(std::string& out, const Target& target, const Reply& reply) {
  std::string packet;
  const auto add = [&](std::string_view key, const std::string& value) {
    packet += (packet.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value;
  };
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  if (target.explain) {
    add("destination", quoted(target.to.to_string()));
    add("port", std::to_string(target.port.number));
  }
  if (reply.witness) add("source", quoted(reply.witness->to_string()));
  if (target.explain || reply.frame)
    add("source_port", std::to_string(reply.answer.source_port.number));
  if (reply.frame) {
    add("frame_source", quoted(reply.frame->source.to_string()));
    add("frame_destination", quoted(reply.frame->destination.to_string()));
    if (reply.frame->tagged) add("vlan_tag", "0");
  }
  if (!packet.empty()) out += ",\"witness\":{" + packet + '}';
}

void append_explanation(std::string& out, const Reply& reply) {
  append_path(out, reply.answer.steps);
  out += ",\"rules\":[";
  for (const trace::RuleRef& ref : reply.answer.rules) append_rule(out, ref);
  out += ']';
  if (reply.answer.socket != nullptr) append_socket(out, reply.answer);
}

void append_change(std::string& out, const Change& change) {
  if (out.back() == '}') out += ',';
  out += "{\"kind\":\"" + std::string(to_string(change.kind)) + "\",\"leg\":\"" +
         (change.reply ? "reply" : "request") + "\",\"netns\":" + std::to_string(change.ns.value);
  if (!change.place.empty()) append_text(out, "place", change.place);
  if (!change.match.empty()) append_text(out, "match", change.match);
  if (change.kind == ChangeKind::kListen) {
    append_text(out, "address", change.address.to_string());
    out += ",\"port\":" + std::to_string(change.port.number);
  }
  if (!change.interface.empty()) append_text(out, "interface", escape_text(change.interface, 64));
  append_text(out, "because", change.because);
  out += '}';
}

// What would open it.
void append_opening(std::string& out, const Opening& opening) {
  out += ",\"opening\":{\"opens\":";
  out += opening.opens ? "true" : "false";
  out += ",\"changes\":[";
  for (const Change& change : opening.changes) append_change(out, change);
  out += ']';
  if (!opening.opens) append_text(out, "left", opening.left);
  out += '}';
}

void append_answer(std::string& out, const Target& target, const Reply& reply) {
  const trace::Answer& answer = reply.answer;
  append_text(out, "verdict", trace::to_string(answer.verdict));
  append_text(out, "how", trace::to_string(answer.how));
  append_text(out, "reason", answer.reason);
  if (reply.some) out += ",\"some\":true";
  append_witness(out, target, reply);
  if (target.explain) append_explanation(out, reply);
}

// The question as it came, without its closing brace.
std::string_view open_object(std::string_view line) {
  line.remove_suffix(line.size() - line.rfind('}'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::string answer_line(const Vantage& from, const Target& target, const Reply& reply,
                        const std::optional<Opening>& opening) {
  std::string out = "{\"from\":\"";
  append_json_escaped(out, from.to_string());
  out +=
      "\",\"to\":\"" + target.to.to_string() + "\",\"port\":" + std::to_string(target.port.number);
  append_text(out, "proto", to_string(target.protocol));
  append_answer(out, target, reply);
  if (opening) append_opening(out, *opening);
  return out + "}\n";
}

struct LineAnswerer::State {
  explicit State(const Asker& a) : asker(&a) {}

  const Asker* asker;
  od::parser parser;
  simdjson::padded_string buffer;
  std::unordered_map<std::string, Seat> seats;
  std::size_t unmet = 0, answered = 0, unknown = 0;

  Result<Line> parse(std::string_view text);
  Result<const Seat*> seat(std::string_view from);
};

Result<Line> LineAnswerer::State::parse(std::string_view text) {
  buffer = simdjson::padded_string(text);
  od::document document;
  od::object object;
  if (parser.iterate(buffer).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return bad("not a JSON object");
  }
  Line line;
  line.whole = {buffer.data(), buffer.size()};
  for (auto member : object) {
    std::string_view key;
    od::value value;
    if (member.error() != simdjson::SUCCESS ||
        member.unescaped_key().get(key) != simdjson::SUCCESS ||
        member.value().get(value) != simdjson::SUCCESS) {
      return bad("not valid JSON");
    }
    if (auto status = read_field(key, value, line); !status) return std::unexpected(status.error());
  }
  const char* rest = nullptr;  // an error (out of bounds) is the end of the line
  if (document.current_location().get(rest) == simdjson::SUCCESS) {
    return bad("something follows the JSON object");
  }
  if (auto status = check(line); !status) return std::unexpected(status.error());
  return line;
}

Result<const Seat*> LineAnswerer::State::seat(std::string_view from) {
  const auto found = seats.find(std::string(from));
  if (found != seats.end()) return &found->second;
  auto vantage = Vantage::parse(from);
  if (!vantage) return within("\"from\"", vantage.error());
  auto made = asker->seat(*vantage);
  if (!made) return within("\"from\"", made.error());
  return &seats.emplace(std::string(from), std::move(*made)).first->second;
}

LineAnswerer::LineAnswerer(const Asker& asker) : state_(std::make_unique<State>(asker)) {}
LineAnswerer::~LineAnswerer() = default;
std::size_t LineAnswerer::unmet() const {
  return state_->unmet;
}
std::size_t LineAnswerer::answered() const {
  return state_->answered;
}
std::size_t LineAnswerer::unknown() const {
  return state_->unknown;
}

Status LineAnswerer::answer(std::string_view text, std::string& out) {
  if (text.size() > kLongestLine)
    return bad("a line of over " + std::to_string(kLongestLine) + " bytes");
  auto line = state_->parse(text);
  if (!line) return std::unexpected(line.error());
  auto seat = state_->seat(line->from);
  if (!seat) return std::unexpected(seat.error());
  const Reply reply = state_->asker->ask(**seat, line->target);
  const trace::Answer& answer = reply.answer;

  out += open_object(text);
  append_answer(out, line->target, reply);
  if (line->target.explain && may_be_opened(line->target, reply))
    append_opening(out, opening(*state_->asker, **seat, line->target, reply));
  out += "}\n";

  ++state_->answered;
  if (answer.verdict == trace::Verdict::kUnknown) ++state_->unknown;
  if (const auto& expect = line->expect; expect && *expect != answer.verdict) ++state_->unmet;
  return {};
}

}  // namespace bulkhead::query
