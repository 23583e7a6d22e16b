#include "notify/spool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <optional>
#include <ranges>

#include "base/text.h"
#include "console/files.h"

namespace bulkhead::notify {
namespace {

constexpr std::size_t kLargestMessage = 80UL * 1024 * 1024;
constexpr std::uint64_t kFirstWaitMs = 5'000, kLongestWaitMs = 3'600'000;
constexpr std::string_view kEnding = ".message";

// Parts with their lengths before them, so that no byte of one is taken for another.
void append_part(std::string& out, std::string_view part) {
  out += std::to_string(part.size()) + "\n";
  out += part;
  out += "\n";
}

std::optional<std::string> take_part(std::string_view& text) {
  const std::size_t line = text.find('\n');
  std::size_t size = 0;
  if (line == std::string_view::npos) return std::nullopt;
  const std::string number(text.substr(0, line));
  const char* last = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), last, size);
  if (error != std::errc() || end != last || size >= text.size() - line - 1) return std::nullopt;
  std::string out(text.substr(line + 1, size));
  text.remove_prefix(line + size + 2);
  return out;
}

std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || std::string_view(end, name.data() + name.size()) != kEnding)
    return std::nullopt;
  return number;
}

}  // namespace

Result<Spool> Spool::open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(ErrorCode::kDenied, escape_text(folder) + ": cannot be made: " + error.message());
  if (::chmod(folder.c_str(), S_IRWXU) != 0 || ::access(folder.c_str(), W_OK) != 0)
    return fail(ErrorCode::kDenied, escape_text(folder) + ": cannot be written to");
  Spool out(folder);
  if (auto loaded = out.load(); !loaded) return std::unexpected(loaded.error());
  return out;
}

Status Spool::load() {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder_, error)) {
    const auto number = number_of(file.path().filename().string());
    if (!number) continue;
    auto text = console::read_file(file.path().string(), kLargestMessage);
    if (!text) return std::unexpected(text.error());
    std::string_view rest = *text;
    Entry entry;
    const auto urls = take_part(rest), subject = take_part(rest), body = take_part(rest),
               json = take_part(rest);
    if (!urls || !subject || !body || !json) continue;  // not ours, or cut off: left where it is
    for (std::size_t at = 0; at < urls->size();) {
      const std::size_t end = std::min(urls->find('\n', at), urls->size());
      entry.urls.push_back(urls->substr(at, end - at));
      at = end + 1;
    }
    entry.message = {*subject, *body, *json};
    next_ = std::max(next_, *number + 1);
    entries_.emplace(*number, std::move(entry));
  }
  if (error) return fail(ErrorCode::kUnavailable, escape_text(folder_) + ": " + error.message());
  return {};
}

std::string Spool::path(std::uint64_t number) const {
  return folder_ + "/" + std::to_string(number) + std::string(kEnding);
}

Status Spool::write(std::uint64_t number, const Entry& entry) const {
  std::string urls, out;
  for (const std::string& url : entry.urls) urls += url + "\n";
  append_part(out, urls);
  append_part(out, entry.message.subject);
  append_part(out, entry.message.text);
  append_part(out, entry.message.json);
  return console::write_file(path(number), out);
}

Status Spool::add(const Message& message, const std::vector<Receiver>& receivers) {
  Entry entry{{}, message};
  for (const Receiver& receiver : receivers) entry.urls.push_back(receiver.url);
  if (entry.urls.empty()) return {};
  if (auto written = write(next_, entry); !written) return written;
  entries_.emplace(next_++, std::move(entry));
  while (entries_.size() > kMostWaiting) {
    ::unlink(path(entries_.begin()->first).c_str());
    entries_.erase(entries_.begin());
    ++dropped_;
  }
  return {};
}

bool Spool::try_one(std::uint64_t number, const Receiver& receiver, std::uint64_t now_ms,
                    const std::function<Status(const Receiver&, const Message&)>& deliver,
                    const std::function<void(const Error&)>& said) {
  Entry& entry = entries_.at(number);
  const auto at = std::ranges::find(entry.urls, receiver.url);
  if (at == entry.urls.end()) return true;
  Patience& patience = patience_[receiver.url];
  if (auto told = deliver(receiver, entry.message); !told) {
    patience.wait_ms = std::clamp(patience.wait_ms * 2, kFirstWaitMs, kLongestWaitMs);
    patience.next_ms = now_ms + patience.wait_ms;
    said(told.error());
    return false;
  }
  patience = {};
  entry.urls.erase(at);
  // Told and not crossed out would be told twice, which is better than never.
  if (auto written = write(number, entry); !written) said(written.error());
  return true;
}

void Spool::send(const std::vector<Receiver>& receivers, std::uint64_t now_ms,
                 const std::function<Status(const Receiver&, const Message&)>& deliver,
                 const std::function<void(const Error&)>& said) {
  const auto keys = std::views::keys(entries_);
  const std::vector<std::uint64_t> numbers(keys.begin(), keys.end());
  for (const Receiver& receiver : receivers) {
    if (patience_[receiver.url].next_ms > now_ms) continue;
    for (const std::uint64_t number : numbers) {
      if (!try_one(number, receiver, now_ms, deliver, said)) break;
    }
  }
  for (const std::uint64_t number : numbers) {
    if (!entries_.at(number).urls.empty()) continue;
    ::unlink(path(number).c_str());
    entries_.erase(number);
  }
}

std::uint64_t Spool::next_ms() const {
  std::uint64_t out = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [number, entry] : entries_) {
    for (const std::string& url : entry.urls) {
      const auto at = patience_.find(url);
      if (at != patience_.end() && at->second.next_ms > 0) out = std::min(out, at->second.next_ms);
    }
  }
  return out;
}

}  // namespace bulkhead::notify
