// Lines of `bulkhead query`, put to a small network. An answer is one line of valid JSON that
// repeats the question as another reader understands it; a line that is refused leaves no output
// behind.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/text.h"
#include "query/host.h"
#include "query/jsonl.h"

namespace {

using namespace bulkhead;
using nlohmann::json;

constexpr std::size_t kMostLines = 8;  // of one input: keeps an input fast

void must(bool holds) {
  if (!holds) std::abort();
}

struct Network {
  query::testing::Host host;
  trace::World world = *trace::World::build(host.net.snapshot);
  query::Asker asker{world, host.zones};
};

void check_answer(std::string_view line, const std::string& out) {
  must(out.find('\n') == out.size() - 1);
  const json question = json::parse(line, nullptr, false);
  const json answer = json::parse(out, nullptr, false);
  must(question.is_object() && answer.is_object());
  std::size_t repeated = 0;
  for (const auto& [key, value] : question.items()) {
    must(answer.contains(key) && answer[key] == value);
    ++repeated;
  }
  must(answer.size() >= repeated + 3);
  const std::string verdict = answer.at("verdict"), how = answer.at("how");
  must(!answer.at("reason").get<std::string>().empty() || verdict == "open");
  must((verdict == "open") == (how == "accepted"));
  must((verdict == "unknown") == (how == "unknown"));
  if (question.value("explain", false)) must(answer.at("path").is_array());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Network network;
  query::LineAnswerer answerer(network.asker);
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::size_t i = 0; i < kMostLines && !text.empty(); ++i) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::string out;
    if (const Status status = answerer.answer(line, out)) {
      check_answer(line, out);
    } else {
      const std::string& message = status.error().message;
      must(out.empty() && !message.empty() && escape_text(message, message.size()) == message);
    }
  }
  return 0;
}
