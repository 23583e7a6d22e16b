// The decoder's end of the channel to the reader: requests out, bounded answers in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "collect/broker.h"
#include "collect/wire.h"

namespace bulkhead::collect {

struct SectionData {
  Section section = Section::kEnd;
  int error = 0;  // errno of the reader; bytes hold what came before it
  Bytes bytes;
};

struct Answer {
  std::vector<SectionData> sections;
  int descriptor = -1;  // owned by the receiver of the answer
  [[nodiscard]] const SectionData* find(Section section) const;  // the last one
  // The bytes of a section that came whole; empty when it is absent.
  [[nodiscard]] ByteView bytes(Section section) const;
};

// Owns the socket and the child.
class Broker::Channel {
 public:
  Channel(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  [[nodiscard]] Status send(Op op, ByteView payload);
  // The next answer in the order of the requests. kUnavailable when the reader died, fell silent or
  // broke the protocol; the channel is then closed for good.
  [[nodiscard]] Result<Answer> receive();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  [[nodiscard]] Status fill();
  [[nodiscard]] Status take(void* into, std::size_t count);
  [[nodiscard]] Status take_frame(const FrameHeader& header, Answer& answer, bool& open,
                                  std::size_t& total);
  [[nodiscard]] std::unexpected<Error> give_up(std::string reason);

  int fd_;
  pid_t pid_;
  Bytes buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::vector<int> descriptors_;  // received, not yet claimed by a frame
};

struct BrokerAccess {
  // On a channel that somebody else serves: tests play a lying reader.
  [[nodiscard]] static Broker adopt(int channel, pid_t pid);
  [[nodiscard]] static Broker::Channel& channel(Broker& broker) { return *broker.channel_; }
  [[nodiscard]] static Result<Answer> ask(Broker& broker, Op op, ByteView payload);
};

template <class T>
void append_value(Bytes& bytes, const T& value) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}
inline void append_text(Bytes& bytes, std::string_view text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.push_back(0);
}

// "permission denied" and so on, for a person.
[[nodiscard]] std::string errno_text(int error);
[[nodiscard]] ErrorCode errno_code(int error);

}  // namespace bulkhead::collect
