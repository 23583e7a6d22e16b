// Where everything of a drawing of the map stands: zones on the left, the host with its interfaces
// and networks on the right, containers in their networks, a legend below.
//
// Laws, which tests hold against random maps: whole numbers only; every shape lies in the one that
// it is in; shapes in the same one do not overlap; each container has one card for each of its
// places. Unit: pixels at 96 dpi.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/map_drawing.h"

namespace bulkhead::report {

struct Box {
  int x = 0, y = 0, width = 0, height = 0;  // x to the right, y down
  [[nodiscard]] int right() const { return x + width; }
  [[nodiscard]] int bottom() const { return y + height; }
};

// What a shape stands for; also its class in a style sheet.
enum class Look : std::uint8_t {
  kText,  // words without a frame
  kInternet,
  kLan,
  kDmz,
  kManagement,
  kHost,
  kUplink,
  kPanel,  // what the host itself listens on
  kNetwork,
  kHostMode,
  kApart,
  kLink,
  kCard,    // a container
  kSwatch,  // of the legend
};
[[nodiscard]] std::string_view to_string(Look look);

enum class Pen : std::uint8_t {
  kTitle,
  kHeading,
  kName,
  kPlain,
  kDim,
  kMark,
  kListening,
  kPublished
};
[[nodiscard]] std::string_view to_string(Pen pen);
[[nodiscard]] int line_height(Pen pen);

struct Line {
  Pen pen = Pen::kPlain;
  std::string text;  // fits the shape
};

inline constexpr int kPadding = 8;  // between a frame and its lines

struct Shape {
  Box box;
  Look look = Look::kText;
  bool internal = false, shared = false;  // of a network
  std::vector<Line> lines;                // from the top
  std::string whole;                      // all of its text, nothing cut
  std::optional<std::size_t> tenant;      // of a card: the number of its colour
  std::size_t number = 0;  // of a card: the same wherever this container stands; 0: only here
  std::vector<Shape> inside;
};

struct Wire {
  enum class Kind : std::uint8_t { kZone, kSame };
  Kind kind = Kind::kZone;
  Box from, to;            // the shapes that it joins
  std::size_t number = 0;  // kSame: that of the cards
};

struct Layout {
  int width = 0, height = 0;
  std::vector<Shape> shapes;
  std::vector<Wire> wires;
};

// O(n) in the drawing's texts, O(g log g) in its groups.
[[nodiscard]] Layout lay_out(const Drawing& drawing, const Style& style);

}  // namespace bulkhead::report
