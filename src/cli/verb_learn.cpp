// Watches connections and links, reads the engines again when something moves, and proposes lines.
//
// This half has no rights: the broker opens the socket for events and dumps tables, a thread takes
// what the kernel tells, and all of it is decoded here.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/text.h"
#include "cli/audited.h"
#include "cli/deliver.h"
#include "cli/files.h"
#include "cli/instant.h"
#include "cli/process_start.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "conntrack/decode.h"
#include "conntrack/listener.h"
#include "console/interrupts.h"
#include "flows/watcher.h"
#include "learn/edit.h"
#include "learn/gaps.h"
#include "learn/propose.h"
#include "plan/trials.h"
#include "report/learn_text.h"

namespace bulkhead::cli {
namespace {

using flows::Moment;

constexpr int kWaitMs = 100;
constexpr std::uint64_t kSaveMs = 30'000, kTableMs = 60'000;
constexpr std::uint64_t kSettleMs = 8000;  // for the last containers that came, at the end
constexpr std::uint64_t kCatchUpMs = 3000;
constexpr const char* kSysctls = "/proc/sys/net/netfilter/nf_conntrack_";

// nullopt: until interrupted.
Result<std::optional<std::uint64_t>> read_duration_ms(std::string_view text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  if (text == "0" || text == "0s") return std::optional<std::uint64_t>(0);
  const auto period = parse_period(text, "--for");
  if (!period)
    return fail(period.error().code, period.error().message + ", or 0 for what there is now");
  return *period;
}

// The file with what was seen, held by one process at a time: of two each would write over what
// the other saw.
class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  ~StateFile() {
    if (lock_ >= 0) ::close(lock_);
  }

  Result<flows::Book> open() {
    const std::string shown = "--state " + escape_text(path_);
    std::error_code error;
    const auto folder = std::filesystem::path(path_).parent_path();
    if (!folder.empty() && std::filesystem::create_directories(folder, error))
      ::chmod(folder.c_str(), S_IRWXU);
    lock_ = ::open((path_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_ < 0)
      return fail(ErrorCode::kDenied,
                  shown + ": cannot be written to: " + std::generic_category().message(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
      return fail(ErrorCode::kUnavailable,
                  shown + ": another learn uses it; give each a file of its own");
    if (!std::filesystem::exists(path_, error)) return flows::Book();
    if (auto trusted = check_trusted(path_); !trusted) return std::unexpected(trusted.error());
    const auto text = read_file(path_, flows::kLargestBook);
    if (!text) return std::unexpected(text.error());
    return flows::read_book(*text, path_);
  }
  [[nodiscard]] Status save(const flows::Book& book) const {
    return write_file(path_, flows::book_json(book));
  }

 private:
  std::string path_;
  int lock_ = -1;
};

std::optional<std::uint64_t> sysctl(const std::string& name) {
  std::ifstream file(kSysctls + name);
  std::uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

flows::Timeouts timeouts() {
  flows::Timeouts out;
  // By the numbers of enum tcp_conntrack.
  constexpr std::array kStates{"",           "syn_sent", "syn_recv",  "established", "fin_wait",
                               "close_wait", "last_ack", "time_wait", "close",       "syn_sent"};
  for (std::size_t i = 1; i < kStates.size(); ++i)
    out.tcp[i] = sysctl(std::string("tcp_timeout_") + kStates[i]);
  out.udp = {sysctl("udp_timeout"), sysctl("udp_timeout_stream")};
  return out;
}

bool interrupted() {
  return console::Interrupts::flag().load();
}

class Learner {
 public:
  Learner(Session& session, const SourceOptions& source, const StateFile& state, flows::Book& book,
          conntrack::Listener listener)
      : session_(session),
        source_(source),
        state_(state),
        book_(book),
        listener_(std::move(listener)),
        began_(conntrack::now_ms()),
        watcher_(owners_, book, began_, timeouts()) {}

  Status run(std::optional<std::uint64_t> duration_ms) {
    if (auto done = read_engines(); !done) return done;
    if (auto done = read_table(); !done) return done;
    std::uint64_t saved = began_;
    while (!interrupted() && (!duration_ms || now() < began_ + *duration_ms)) {
      if (auto done = step(kWaitMs); !done) return done;
      if (now() < saved + kSaveMs) continue;
      save();
      saved = now();
    }
    // What came at the end is given the time to be known by its name.
    const std::uint64_t patience = now() + kSettleMs;
    while (!watcher_.settled() && now() < patience) {
      if (auto done = step(kWaitMs); !done) return done;
    }
    if (auto done = read_table(); !done) return done;
    watcher_.finish();
    save();
    return {};
  }
  // What was seen is in the file, too.
  [[nodiscard]] bool is_kept() const { return kept_; }

 private:
  static std::uint64_t now() { return conntrack::now_ms(); }

  Status read_engines() {
    const std::uint64_t before = now();
    auto snapshot = read_host(session_, source_);
    if (!snapshot) return std::unexpected(snapshot.error());
    session_.snapshot = *std::move(snapshot);
    const Moment when{before, now()};
    owners_.take(*session_.snapshot, when, start_of_process, book_);
    watcher_.read(when);
    return {};
  }

  // What was told until the table was read comes before it.
  Status read_table() {
    const std::uint64_t before = now();
    std::optional<collect::Broker>& broker = session_.broker;
    if (!broker) return fail(ErrorCode::kInternal, "there is no broker to read the table by");
    const auto bytes = broker->read_flows(inode());
    if (!bytes) return std::unexpected(bytes.error());
    const Moment when{before, now()};
    while (listener_.heard_until() < when.until && now() < when.until + kCatchUpMs) {
      if (auto heard = hear(1); !heard) return heard;
    }
    if (auto heard = hear(0); !heard) return heard;
    const conntrack::Decoded decoded = conntrack::decode_flows(*bytes);
    book_.losses.dropped += decoded.broken;
    watcher_.table(decoded.connections, when);
    table_at_ = when.until;
    table_wanted_ = false;
    return {};
  }

  Status step(int wait_ms) {
    if (auto heard = hear(wait_ms); !heard) return heard;
    if (watcher_.wants_reading(now())) {
      if (auto done = read_engines(); !done) return done;
    }
    const bool due = now() >= table_at_ + kTableMs || (table_wanted_ && now() >= table_at_ + 1000);
    return due && watcher_.settled() ? read_table() : Status();
  }

  Status hear(int wait_ms) {
    auto all = listener_.take(wait_ms);
    if (!all) return std::unexpected(all.error());
    for (const conntrack::Heard& heard : *all) {
      if (heard.links_lost != 0 || heard.overrun) watcher_.links_lost(heard.when);
      book_.losses.overflows += heard.flows_lost;
      table_wanted_ = table_wanted_ || heard.flows_lost != 0 || heard.overrun;
      watcher_.links(conntrack::decode_links(heard.links), heard.when);
      const conntrack::Decoded decoded = conntrack::decode_flows(heard.flows);
      book_.losses.dropped += decoded.broken;
      watcher_.hear(decoded.connections, heard.when);
    }
    return {};
  }

  // A disk that is full now may not be so in a minute: what is heard meanwhile is not given up.
  void save() {
    if (book_.since_ms == 0) book_.since_ms = began_;
    book_.until_ms = now();
    const Status saved = state_.save(book_);
    if (!saved && kept_) complain(saved.error());
    kept_ = saved.has_value();
  }

  [[nodiscard]] std::uint64_t inode() const {
    return session_.snapshot->namespaces[session_.snapshot->host.value].inode;
  }

  Session& session_;
  const SourceOptions& source_;
  const StateFile& state_;
  flows::Book& book_;
  conntrack::Listener listener_;
  std::uint64_t began_;
  flows::Owners owners_;
  flows::Watcher watcher_;
  std::uint64_t table_at_ = 0;
  bool table_wanted_ = false;
  bool kept_ = true;
};

// Whether what was seen is kept in the file as well.
Result<bool> listen(Session& session, const LearnOptions& options, const StateFile& state,
                    flows::Book& book, std::optional<std::uint64_t> duration_ms) {
  if (sysctl("events") == 0U)
    return fail(ErrorCode::kUnavailable,
                "the kernel tells of no connections here; switch it on: sysctl -w "
                "net.netfilter.nf_conntrack_events=1");
  const std::uint64_t inode = session.snapshot->namespaces[session.snapshot->host.value].inode;
  std::optional<collect::Broker>& broker = session.broker;
  if (!broker) return fail(ErrorCode::kInternal, "there is no broker to hear events by");
  const auto events = broker->open_flow_events(inode, options.buffer);
  if (!events) {
    Error error = events.error();
    if (error.code == ErrorCode::kDenied) error.message += "; this takes root";
    return std::unexpected(std::move(error));
  }
  auto listener = conntrack::Listener::start(*events);
  if (!listener) return std::unexpected(listener.error());
  ++book.runs;
  Learner learner(session, options.source, state, book, *std::move(listener));
  if (auto done = learner.run(duration_ms); !done) return std::unexpected(done.error());
  return learner.is_kept();
}

// Without a file the whole policy is proposed.
Result<policy::Config> policy_for(const Session& session, const flows::Book& book,
                                  std::string& text) {
  if (!session.config.file.empty()) {
    text = session.config_text;
    return session.config;
  }
  text = learn::draft(book);
  return policy::parse_config(text, "bulkhead.yaml");
}

// `counted`: ways of mode audit that are in the book.
Exit tell(Session& session, const LearnOptions& options, const flows::Book& book,
          std::optional<std::size_t> counted, bool all_there) {
  std::string text;
  const auto config = policy_for(session, book, text);
  if (!config) return complain(config.error());
  session.zones = policy::resolve_zones(*config, *session.snapshot);
  const learn::Proposal proposal =
      learn::propose(book, *config, text, session.zones, session.snapshot->taken_at_ms);
  const bool is_new = session.config.file.empty();
  std::vector<std::string> gaps = learn::gaps_of(*session.snapshot);
  const std::vector<std::string> unread = learn::unread_of(*session.snapshot);
  gaps.insert(gaps.end(), unread.begin(), unread.end());
  const report::Learnt learnt{
      book,
      proposal,
      config->file,
      is_new ? learn::diff_of_new(proposal.text, config->file) : proposal.diff,
      std::move(gaps),
      counted};
  const Exit told =
      deliver(options.json ? report::learn_json(learnt) : report::learn_text(learnt), options.file);
  if (told != Exit::kDone) return told;
  return all_there && proposal.unwritten.empty() && unread.empty() ? Exit::kDone
                                                                   : Exit::kIncomplete;
}

// A diff is no policy: it may not take the place of one, or of what it was made from.
Status check_output(const LearnOptions& options, const Session& session) {
  if (options.file == "-") return {};
  std::error_code ignored;
  const auto real = [&ignored](const std::string& path) {
    return std::filesystem::weakly_canonical(path, ignored);
  };
  const bool policy =
      !session.config.file.empty() && real(options.file) == real(session.config.file);
  if (!policy && real(options.file) != real(options.state)) return {};
  const std::string shown = escape_text(options.file);
  return fail(ErrorCode::kInvalidInput,
              "-o " + shown + ": a diff would take the place of " +
                  (policy ? "the policy; write it to another file and: patch " + shown + " FILE"
                          : "what was seen; give another file"));
}

}  // namespace

Exit run_learn(const LearnOptions& options) {
  const auto duration = read_duration_ms(options.duration);
  if (!duration) return complain(duration.error());
  std::optional<enforce::Record> audited;
  if (options.from_audit) {
    auto applied = audited_record();
    if (!applied) return complain(applied.error());
    audited = *std::move(applied);
  }
  StateFile state(options.state);
  auto book = state.open();
  if (!book) return complain(book.error());
  const console::Interrupts interrupts;
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  if (auto good = check_output(options, *session); !good) return complain(good.error());
  const flows::Losses before = book->losses;
  bool kept = true;
  const bool watches = session->broker && !(audited && options.duration.empty());
  if (watches) {
    const auto done = listen(*session, options, state, *book, *duration);
    if (!done) return complain(done.error());
    kept = *done;
  }
  plan::cut_at_zones(*session->snapshot, session->zones);
  std::optional<std::size_t> counted;
  if (audited) {
    // Not kept: the kernel goes on counting, and would be added each time.
    const auto added = add_counted(*audited, *session, *book);
    if (!added) return complain(added.error());
    counted = *added;
  }
  const bool lost =
      book->losses.overflows != before.overflows || book->losses.dropped != before.dropped;
  return tell(*session, options, *book, counted, kept && !lost);
}

}  // namespace bulkhead::cli
