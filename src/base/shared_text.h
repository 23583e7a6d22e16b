// A text that many hold and nobody changes.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <utility>

namespace bulkhead {

// Copied by its reference. Reads as a std::string.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): it is one
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}  // NOLINT: the same

  [[nodiscard]] const std::string& get() const {
    static const std::string kNone;
    return text_ == nullptr ? kNone : *text_;
  }
  operator const std::string&() const { return get(); }  // NOLINT: the same
  [[nodiscard]] bool empty() const { return text_ == nullptr; }
  void clear() { text_ = nullptr; }
  // One is a copy of the other: then they are equal, though others may be, too.
  [[nodiscard]] bool is_same(const SharedText& other) const { return text_ == other.text_; }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.is_same(b) || a.get() == b.get();
  }
  friend auto operator<=>(const SharedText& a, const SharedText& b) { return a.get() <=> b.get(); }
  friend std::ostream& operator<<(std::ostream& out, const SharedText& t) { return out << t.get(); }

 private:
  std::shared_ptr<const std::string> text_;  // null: empty
};

}  // namespace bulkhead
