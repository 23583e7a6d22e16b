// `bulkhead query`, answered by reach/ in place of trace/: the same questions in, the same form
// out, so that every oracle that judges the one judges the other. Ordinary connections alone, and
// no witnesses.
//
//   reach_query query [--snapshot S] [--config F] FILE
//   reach_query ANYTHING-ELSE…      is done by BULKHEAD_PROGRAM, or `bulkhead` two folders further
//   up
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "query/query.h"
#include "reach/reach.h"
#include "verify/destinations.h"
#include "verify/sender.h"

namespace bulkhead {
namespace {

using json = nlohmann::json;

struct Said {
  Verdict verdict = Verdict::kUnknown;
  How how = How::kUnknown;
  std::string reason;
};

// What one sender's packets of one protocol come to.
class Fate {
 public:
  static Result<Fate> of(reach::Reach& reach, const verify::Sender& sender, IpProtocol protocol) {
    auto answer = verify::ask(reach, sender, protocol, {});
    if (!answer) return std::unexpected(answer.error());
    Fate fate;
    for (const reach::Outcome& outcome : answer->outcomes()) {
      auto to = verify::Destinations::of(reach.fields(), outcome.set);
      if (!to) return std::unexpected(to.error());
      fate.outcomes_.push_back({outcome, *std::move(to)});
    }
    return fate;
  }

  Said about(const reach::Fields& fields, const verify::Point& point) const {
    std::vector<const reach::Outcome*> of_it;
    packet::Packet packet = fields.layout().packet();
    verify::set_destination(fields, packet, point);
    for (const auto& [outcome, to] : outcomes_) {
      if (to.contains(packet)) of_it.push_back(&outcome);
    }
    const reach::Said said = reach::agreed(std::move(of_it));
    return {said.verdict, said.how,
            said.outcomes.empty() ? "no outcome at all" : said.outcomes.front()->reason};
  }

 private:
  struct Part {
    reach::Outcome outcome;
    verify::Destinations to;
  };
  std::vector<Part> outcomes_;
};

class Answerer {
 public:
  explicit Answerer(const query::Asker& asker) : asker_(asker) {}

  Result<Said> answer(const std::string& from, const verify::Point& point) {
    auto seat = this->seat(from);
    if (!seat) return std::unexpected(seat.error());
    if ((*seat)->origins.empty()) return Said{Verdict::kUnknown, How::kUnknown, (*seat)->unknown};
    if (!asker_.is_asked(**seat, point.to))
      return Said{Verdict::kClosed, How::kUnreachable, "nobody there can send this"};
    auto said = all_senders(from, **seat, point);
    if (said || said.error().code != ErrorCode::kBudget) return said;
    forget(point.to.family());  // earlier seats may have filled the space
    return all_senders(from, **seat, point);
  }

 private:
  Result<const query::Seat*> seat(const std::string& from) {
    if (const auto known = seats_.find(from); known != seats_.end()) return &known->second;
    auto vantage = query::Vantage::parse(from);
    if (!vantage) return std::unexpected(vantage.error());
    auto seat = asker_.seat(*vantage);
    if (!seat) return std::unexpected(seat.error());
    return &seats_.emplace(from, *std::move(seat)).first->second;
  }

  // Open when it is for some sender, closed only when it is for all.
  Result<Said> all_senders(const std::string& from, const query::Seat& seat,
                           const verify::Point& point) {
    std::optional<Said> best;
    const auto rank = [](const Said& s) {
      return s.verdict == Verdict::kOpen ? 2 : s.verdict == Verdict::kUnknown ? 1 : 0;
    };
    const std::vector<verify::Sender> senders = verify::ordinary_senders(seat);
    for (std::size_t i = 0; i < senders.size(); ++i) {
      if (senders[i].family().value_or(point.to.family()) != point.to.family()) continue;
      auto fate = this->fate({from, i, point.to.family(), point.protocol}, senders[i]);
      if (!fate) return std::unexpected(fate.error());
      Said said = (*fate)->about(reach(point.to.family()).fields(), point);
      if (!best || rank(said) > rank(*best)) best = std::move(said);
    }
    return best.value_or(Said{Verdict::kClosed, How::kUnreachable, "no sender of this family"});
  }

  using Key = std::tuple<std::string, std::size_t, IpFamily, IpProtocol>;
  Result<const Fate*> fate(const Key& key, const verify::Sender& sender) {
    if (const auto known = fates_.find(key); known != fates_.end()) return &known->second;
    auto fate = Fate::of(reach(std::get<2>(key)), sender, std::get<3>(key));
    if (!fate) return std::unexpected(fate.error());
    return &fates_.emplace(key, *std::move(fate)).first->second;
  }

  reach::Reach& reach(IpFamily family) {
    auto& reach = reach_[family];
    if (reach == nullptr) {
      reach =
          std::make_unique<reach::Reach>(reach::Reach::build(asker_.world().snapshot(), family));
    }
    return *reach;
  }

  void forget(IpFamily family) {
    std::erase_if(fates_, [&](const auto& f) { return std::get<2>(f.first) == family; });
    reach_[family].reset();
  }

  const query::Asker& asker_;
  std::map<std::string, query::Seat> seats_;
  std::map<IpFamily, std::unique_ptr<reach::Reach>> reach_;
  std::map<Key, Fate> fates_;  // before reach_ when they end: they live in its space
};

struct Options {
  cli::SourceOptions source;
  std::string file;
};

std::optional<Options> parse(int argc, char** argv) {
  Options out;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--snapshot" && i + 1 < argc) {
      out.source.snapshot_file = argv[++i];
    } else if (word == "--config" && i + 1 < argc) {
      out.source.config_file = argv[++i];
    } else if (out.file.empty() && !word.starts_with("--")) {
      out.file = word;
    } else {
      return std::nullopt;
    }
  }
  return out.file.empty() ? std::nullopt : std::optional(out);
}

int complain(const Error& error) {
  std::fprintf(stderr, "reach_query: %s\n", error.message.c_str());
  return 2;
}

Result<json> answered(Answerer& answerer, json line) {
  if (line.contains("as") || line.contains("source") || line.contains("source_port"))
    return fail(ErrorCode::kUnsupported, "only ordinary connections are asked about");
  auto to = IpAddress::parse(line.at("to").get<std::string>());
  if (!to) return std::unexpected(to.error());
  auto protocol = parse_protocol(line.value("proto", "tcp"));
  if (!protocol) return std::unexpected(protocol.error());
  auto said = answerer.answer(line.at("from").get<std::string>(),
                              {*to, Port{line.at("port").get<std::uint16_t>()}, *protocol});
  if (!said) return std::unexpected(said.error());
  line["verdict"] = to_string(said->verdict);
  line["how"] = to_string(said->how);
  line["reason"] = said->reason;
  return line;
}

int run(const Options& options) {
  std::ifstream questions(options.file);
  if (!questions) return complain({ErrorCode::kNotFound, "no file " + options.file});
  auto session = cli::open_session(options.source);
  if (!session) return complain(session.error());
  auto world = trace::World::build(*session->snapshot);
  if (!world) return complain(world.error());
  const query::Asker asker(*world, session->zones);
  Answerer answerer(asker);
  for (std::string text; std::getline(questions, text);) {
    auto line = answered(answerer, json::parse(text));
    if (!line) return complain(line.error());
    std::puts(line->dump(-1, ' ', true).c_str());
  }
  return 0;
}

int delegate(char** argv) {
  const char* named = std::getenv("BULKHEAD_PROGRAM");
  const std::string program =
      named != nullptr
          ? named
          : (std::filesystem::canonical("/proc/self/exe").parent_path() / "../../bulkhead")
                .string();
  ::execv(program.c_str(), argv);
  std::perror(program.c_str());
  return 70;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  using namespace bulkhead;
  if (argc < 2 || std::string_view(argv[1]) != "query") return delegate(argv);
  const auto options = parse(argc, argv);
  if (!options) {
    std::fputs("usage: reach_query query [--snapshot S] [--config F] FILE\n", stderr);
    return 2;
  }
  try {
    return run(*options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "reach_query: %s\n", e.what());
    return 2;
  }
}
