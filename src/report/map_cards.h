// The parts of a drawn map, each made where (0, 0) is its corner and then moved to its place.
#pragma once

#include "report/map_layout.h"

namespace bulkhead::report {

inline constexpr int kGap = 10;                // between cards
inline constexpr int kUnit = 248;              // a column of the host, gutter included
inline constexpr int kGutter = 16;             // between networks
inline constexpr int kRail = kUnit - kGutter;  // what stands beside the networks

void move_by(Shape& shape, int dx, int dy);

// How many characters of this pen fit between these many pixels.
[[nodiscard]] std::size_t columns(Pen pen, int width);

[[nodiscard]] Shape zone_shape(const DrawnZone& zone);
[[nodiscard]] Shape uplink_shape(const DrawnUplink& uplink);
// "the host listens on", and what is not joined to anything here.
[[nodiscard]] Shape panel_shape(std::string_view heading, const std::vector<std::string>& ports);
[[nodiscard]] Shape note_shape(std::string_view note);

// In `span` columns.
[[nodiscard]] Shape group_shape(const DrawnGroup& group, int span);

// Samples and their words, in rows of at most this width.
[[nodiscard]] Shape legend_shape(int width, const Style& style);

}  // namespace bulkhead::report
