#include "report/map_text.h"

#include "base/text.h"
#include "report/layout.h"
#include "report/map_words.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::LeadsTo;

class TreeWriter {
 public:
  TreeWriter(const audit::Map& map, const Style& style) : map_(map), style_(style) {}

  std::string write() {
    out_ +=
        inked(tell(Label::kMapTitle, {{"host", safe(map_.host_name)}}), Ink::kBold, style_) + "\n";
    for (const audit::MapInterface& i : map_.interfaces) interface(i);
    if (!map_.host_listeners.empty()) {
      branch("|-- ", "|   ", tell(Label::kMapHostListeners) + " " + ports(map_.host_listeners));
    }
    group(Label::kMapHostMode, map_.in_host_namespace);
    group(Label::kMapNoNetwork, map_.without_network);
    if (!map_.namespaces.empty()) {
      branch("|-- ", "|   ", tell(Label::kMapNamespaces) + ": " + names(map_.namespaces));
    }
    if (map_.unjoined > 0) {
      branch("|-- ", "|   ", tell(Label::kMapUnjoined, {{"count", std::to_string(map_.unjoined)}}));
    }
    branch("`-- ", "    ", tell(Label::kMapStopped, {{"count", std::to_string(map_.stopped)}}));
    return std::move(out_);
  }

 private:
  std::string tell(Label label,
                   const std::vector<std::pair<std::string_view, std::string>>& values = {}) const {
    return say(label, style_, values);
  }

  // One node: its lines wrapped under its own branch.
  void branch(std::string_view first, std::string_view rest, std::string_view text) {
    bool begun = false;
    for (const std::string& line : wrap(text, style_.width - first.size())) {
      out_ += begun ? rest : first;
      out_ += (begun ? "  " : "") + line + "\n";
      begun = true;
    }
  }

  void interface(const audit::MapInterface& i) {
    std::string text = safe(i.name) + " (" + safe(i.kind) + ")";
    for (const std::string& a : i.addresses) text += " " + a;
    text += ": " + leads_text(i, style_);
    if (i.internal) text += ", " + tell(Label::kMapInternal);
    if (!i.up) text += ", " + tell(Label::kMapDown);
    if (!i.made_by.empty() && i.leads != LeadsTo::kItself)
      text += ", " + tell(Label::kMapMadeBy, {{"author", safe(i.made_by)}});
    branch("|-- ", "|   ", text);
    const bool empty = i.containers.empty() && i.ports.empty();
    if (empty && i.leads == LeadsTo::kNetwork)
      branch("|   `-- ", "|       ", tell(Label::kMapEmpty));
    for (std::size_t n = 0; n < i.containers.size(); ++n) {
      const bool last = n + 1 == i.containers.size() && i.ports.empty();
      container(i.containers[n], last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ");
    }
    for (std::size_t n = 0; n < i.ports.size(); ++n) {
      const bool last = n + 1 == i.ports.size();
      branch(last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ",
             tell(Label::kMapPort, {{"name", safe(i.ports[n])}}));
    }
  }

  void container(const audit::MapContainer& c, std::string_view first, std::string_view rest,
                 const std::string& network = "") {
    std::string text = safe(c.name);
    if (!c.project.empty()) text += " [" + safe(c.tenant) + "]";
    if (!c.image.empty()) text += " " + safe(c.image);
    for (const std::string& a : c.addresses) text += " " + a;
    if (!network.empty()) text += ", " + network;
    if (!c.listeners.empty())
      text += ", " + tell(Label::kMapListens, {{"ports", ports(c.listeners)}});
    std::string published;
    for (const std::string& p : published_texts(c)) published += (published.empty() ? "" : " ") + p;
    if (!published.empty()) text += ", " + tell(Label::kMapPublished, {{"ports", published}});
    if (c.state != "running") text += ", " + safe(c.state);
    branch(first, rest, text);
  }

  static std::string names(const std::vector<std::string>& all) {
    constexpr std::size_t kMost = 12;
    std::string out;
    for (std::size_t i = 0; i < all.size() && i < kMost; ++i) {
      out += (out.empty() ? "" : ", ") + safe(all[i]);
    }
    return all.size() > kMost ? out + ", ..." : out;
  }

  static std::string ports(const std::vector<audit::MapListener>& listeners) {
    constexpr std::size_t kMost = 24;
    std::string out;
    for (std::size_t i = 0; i < listeners.size() && i < kMost; ++i) {
      out += (out.empty() ? "" : " ") + listener_text(listeners[i]);
    }
    return listeners.size() > kMost ? out + " ..." : out;
  }

  // Of one that is in no network of the host: its own engine's, and where that is.
  static std::string network_of(const audit::MapContainer& c) {
    const bool own =
        c.mode.empty() || c.mode == "none" || c.mode == "host" || c.mode.starts_with("container:");
    return own ? "" : safe(c.engine) + "/" + safe(c.mode);
  }

  void group(Label title, const std::vector<audit::MapContainer>& containers) {
    if (containers.empty()) return;
    branch("|-- ", "|   ", tell(title));
    for (std::size_t n = 0; n < containers.size(); ++n) {
      const bool last = n + 1 == containers.size();
      container(containers[n], last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ",
                network_of(containers[n]));
    }
  }

  const audit::Map& map_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string map_text(const audit::Map& map, const Style& style) {
  return TreeWriter(map, style).write();
}

}  // namespace bulkhead::report
