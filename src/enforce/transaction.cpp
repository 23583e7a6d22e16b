#include "enforce/transaction.h"

#include <set>

#include "base/text.h"
#include "enforce/tables.h"

namespace bulkhead::enforce {
namespace {

constexpr std::size_t kMostDepth = 8;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// Reads words and braces; comments are passed over, quoted text is one word.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Status run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\0') return refuse("a zero byte");
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"') {
        if (auto read = quoted(); !read) return read;
      } else if (is_word(c)) {
        if (auto read = word(); !read) return read;
      } else {
        if (auto read = sign(c); !read) return read;
        ++at_;
      }
    }
    if (depth_ != 0) return refuse("a table that does not end");
    if (auto ended = end_statement(); !ended) return ended;
    if (deleted_.size() != kTables.size())
      return refuse("tables of ours that are left as they are");
    // Those that enforce do it together.
    const std::size_t enforcing = defined_.size() - (defined_.contains(kTables.back()) ? 1 : 0);
    if (enforcing != 0 && enforcing != kTables.size() - 1) return refuse("not all of our tables");
    if (defined_.empty()) return refuse("none of our tables");
    return {};
  }

 private:
  Status quoted() {
    const std::size_t end = text_.find_first_of("\"\n", at_ + 1);
    if (depth_ == 0 || end == std::string_view::npos || text_[end] != '"')
      return refuse("quoted text that does not end or stands alone");
    at_ = end + 1;
    return {};
  }

  Status word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    const std::string_view read = text_.substr(begin, at_ - begin);
    for (const std::string_view never : {"include", "define", "redefine", "undefine"}) {
      if (read == never) return refuse("'" + std::string(never) + "'");
    }
    if (depth_ != 0) return {};
    statement_ += (statement_.empty() ? "" : " ") + std::string(read);
    if (statement_.size() > kMostStatement) return refuse("'" + escape_text(statement_, 40) + "'");
    return {};
  }

  Status sign(char c) {
    if (c == '{') return open();
    if (c == '}') {
      if (depth_ == 0) return refuse("'}' alone");
      --depth_;
      return {};
    }
    if (depth_ != 0 || c == ' ' || c == '\t') return {};
    if (c == '\n' || c == ';') return end_statement();
    return refuse("'" + escape_text(std::string_view(&c, 1)) + "' outside of a table");
  }

  Status open() {
    if (depth_ == 0) {
      bool ours = false;
      for (const std::string_view table : kTables) {
        if (statement_ != "table " + std::string(table)) continue;
        ours = true;
        if (!deleted_.contains(table)) return refuse("a table that is not taken away first");
        defined_.insert(table);
      }
      if (!ours) return refuse("'" + escape_text(statement_, 60) + "'");
      statement_.clear();
    }
    if (++depth_ > kMostDepth) return refuse("too many braces in each other");
    return {};
  }

  Status end_statement() {
    if (statement_.empty()) return {};
    for (const std::string_view table : kTables) {
      for (const char* verb : {"add table ", "delete table "}) {
        if (statement_ != verb + std::string(table)) continue;
        if (defined_.contains(table)) return refuse("a table of ours that is taken away again");
        if (statement_.starts_with("delete")) deleted_.insert(table);
        statement_.clear();
        return {};
      }
    }
    return refuse("'" + escape_text(statement_, 60) + "'");
  }

  [[nodiscard]] static std::unexpected<Error> refuse(const std::string& what) {
    return fail(ErrorCode::kInvalidInput, "the rules hold what is none of ours to load: " + what);
  }

  static constexpr std::size_t kMostStatement = 256;
  std::string_view text_;
  std::size_t at_ = 0, depth_ = 0;
  std::string statement_;
  std::set<std::string_view> defined_, deleted_;
};

}  // namespace

Status check_transaction(std::string_view text) {
  return Scanner(text).run();
}

std::string removal() {
  std::string out;
  for (const std::string_view table : kTables) {
    // nft 1.0.6 has no `destroy`.
    out += "add table " + std::string(table) + "\ndelete table " + std::string(table) + "\n";
  }
  return out;
}

}  // namespace bulkhead::enforce
