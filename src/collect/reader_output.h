// The reader's side of an answer: sections streamed through one bounded buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "collect/wire.h"

namespace bulkhead::collect {

// Not thread safe; the reader has one thread. When the other end is gone the process ends: there is
// nobody left to work for.
class ReaderOutput {
 public:
  explicit ReaderOutput(int channel);

  void begin(Section section);
  // At least `least` bytes (<= kMostFrame / 2) to be filled in place, then confirmed with filled().
  [[nodiscard]] std::span<std::uint8_t> space(std::size_t least);
  void filled(std::size_t count);
  void append(ByteView bytes);
  template <class T>
  void append_value(const T& value) {
    append({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void append_text(std::string_view text) { append(as_bytes(text)); }
  [[nodiscard]] std::size_t section_size() const { return section_size_; }
  void restart();
  void finish(int error);

  // A whole section at once.
  void section(Section section, ByteView bytes, int error = 0);
  void problem(std::string_view text) { section(Section::kProblem, as_bytes(text)); }
  void descriptor(int fd);  // sends it along; does not close it
  void end_answer();

 private:
  void close_frame(std::uint16_t flags, int error);
  void flush();

  int channel_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t used_ = 0;
  std::size_t frame_ = 0;  // where the open frame's header is
  std::size_t section_size_ = 0;
  bool sent_part_ = false;
  Section open_ = Section::kEnd;
};

}  // namespace bulkhead::collect
