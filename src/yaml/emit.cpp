#include "yaml/emit.h"

#include "yaml/write.h"

namespace bulkhead::yaml {

Tree Tree::text(std::string_view value) {
  Tree out;
  out.scalar_ = word(value);
  return out;
}

Tree Tree::number(std::uint64_t value) {
  Tree out;
  out.scalar_ = std::to_string(value);
  return out;
}

Tree Tree::truth(bool value) {
  Tree out;
  out.scalar_ = value ? "true" : "false";
  return out;
}

Tree Tree::null() {
  Tree out;
  out.scalar_ = "null";
  return out;
}

Tree Tree::list(std::vector<Tree> items) {
  Tree out;
  out.kind_ = Kind::kList;
  out.items_ = std::move(items);
  return out;
}

Tree Tree::map(Entries entries) {
  Tree out;
  out.kind_ = Kind::kMap;
  out.entries_ = std::move(entries);
  return out;
}

Tree Tree::tagged(std::string_view tag) && {
  tag_ = tag;
  return std::move(*this);
}

void Tree::add(std::string_view key, Tree value) {
  entries_.emplace_back(key, std::move(value));
}

bool Tree::is_short() const {
  return kind_ == Kind::kScalar || (items_.empty() && entries_.empty());
}

std::string Tree::head() const {
  std::string out = tag_;
  if (!is_short()) return out;
  if (!out.empty()) out += ' ';
  switch (kind_) {
    case Kind::kScalar: return out + scalar_;
    case Kind::kList: return out + "[]";
    case Kind::kMap: return out + "{}";
  }
  return out;
}

// The cursor stands where the first line of it begins, already indented.
void Tree::emit_into(std::string& out, std::size_t indent) const {
  const std::string margin(indent, ' ');
  bool first = true;
  for (const Tree& item : items_) {
    if (!first) out += margin;
    first = false;
    const std::string head = item.head();
    out += "- " + head;
    if (!head.empty()) out += "\n";
    if (!item.is_short()) {
      if (!head.empty()) out += std::string(indent + 2, ' ');
      item.emit_into(out, indent + 2);
    }
  }
  for (const auto& [key, value] : entries_) {
    if (!first) out += margin;
    first = false;
    const std::string head = value.head();
    out += word(key) + ":" + (head.empty() ? "" : " " + head) + "\n";
    if (value.is_short()) continue;
    out += std::string(indent + 2, ' ');
    value.emit_into(out, indent + 2);
  }
}

std::string Tree::emit() const {
  if (is_short()) return head() + "\n";
  std::string out;
  emit_into(out, 0);
  return out;
}

}  // namespace bulkhead::yaml
