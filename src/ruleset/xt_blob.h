// One blob of x_tables, and the table by name in which its reader is found. Of this module alone:
// matches and targets, decoded (xt_match.cpp, xt_target.cpp) or only shown (xt_may.cpp,
// xt_pass.cpp), are found in the same way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "model/ruleset.h"
#include "ruleset/netlink.h"

namespace bulkhead::ruleset {

struct XtBlob {
  std::uint32_t revision = 0;
  model::NfFamily family = model::NfFamily::kIp;
  ByteView info;

  // The blob as the structure T of one revision: at least as long, at most padded to 8 bytes
  // (XT_ALIGN). nullopt for another revision or size.
  template <class T>
  [[nodiscard]] std::optional<T> as(std::uint32_t wanted) const {
    if (revision != wanted || info.size() >= sizeof(T) + 8) return std::nullopt;
    return Cursor(info).structure<T>();
  }
  [[nodiscard]] bool v6() const { return family == model::NfFamily::kIp6; }
};

template <class Read>
struct XtReader {
  std::string_view name;
  Read (*read)(const XtBlob&);
};

template <class Read>
[[nodiscard]] const XtReader<Read>* find_xt(std::span<const XtReader<Read>> table,
                                            std::string_view name) {
  const auto found =
      std::ranges::find_if(table, [&](const XtReader<Read>& r) { return r.name == name; });
  return found == table.end() ? nullptr : &*found;
}

// The text of an extension of which only the text is known; nullopt when it is not in `table`.
[[nodiscard]] inline std::optional<std::string> xt_detail(
    std::span<const XtReader<std::string>> table, std::string_view name, const XtBlob& blob) {
  const auto* reader = find_xt(table, name);
  if (reader == nullptr) return std::nullopt;
  return reader->read(blob);
}
// For a table of those: the extension is known by name, its options are not shown.
[[nodiscard]] inline std::string xt_untold(const XtBlob&) {
  return {};
}

// What a *may* match asks, as iptables-save writes it; nullopt when `name` is not such a match.
[[nodiscard]] std::optional<std::string> xt_may_detail(std::string_view name, const XtBlob& blob);
// The options of a target that changes nothing of the packet's way; nullopt when `name` is another.
[[nodiscard]] std::optional<std::string> xt_pass_detail(std::string_view name, const XtBlob& blob);

// A match or target: as `table` decodes it, else as Shown when `detail` knows its text, else opaque
// with its bytes kept.
template <class Out, class Shown, class Info>
[[nodiscard]] Out make_xt(std::string name, const XtBlob& blob,
                          std::span<const XtReader<std::optional<Info>>> table,
                          decltype(xt_may_detail)* detail) {
  Out out;
  out.revision = blob.revision;
  if (const auto* reader = find_xt(table, name)) {
    if (auto decoded = reader->read(blob)) out.info = std::move(*decoded);
  } else if (auto text = detail(name, blob)) {
    out.info = Shown{std::move(*text)};
  }
  if (std::holds_alternative<model::xt::Opaque>(out.info)) {
    out.raw.assign(blob.info.begin(), blob.info.end());
  }
  out.name = std::move(name);
  return out;
}

// A text member of fixed size, up to its NUL.
template <std::size_t N>
[[nodiscard]] std::string text_member(const char (&text)[N]) {
  return c_string(as_bytes(std::string_view(text, N)));
}

}  // namespace bulkhead::ruleset
