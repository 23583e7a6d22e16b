#include "policy/read_scan.h"

#include <algorithm>
#include <array>

#include "base/machine.h"
#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

constexpr std::array<std::string_view, 2> kScanKeys{"targets", "zones"};
constexpr std::array<std::string_view, 4> kTargetKeys{"at", "ports", "is", "why"};
constexpr std::array<std::string_view, 2> kClasses{"management", "traditional"};

class ScanReader {
 public:
  ScanReader(const Names& names, Reader& reader, Config& config)
      : names_(names), reader_(reader), config_(config) {}

  void read(const yaml::Node& node) {
    reader_.each(node, "scan", [&](const yaml::Entry& field) {
      if (field.key == "targets")
        reader_.each(field.value, "targets", [&](const yaml::Entry& e) { target(e); });
      else if (field.key == "zones")
        zones(field.value);
      else
        reader_.unknown_key(field, "scan", kScanKeys);
    });
  }

 private:
  void zones(const yaml::Node& node) {
    auto& out = config_.scan.zones.emplace();
    for (const Word& word : reader_.words(node, "zones")) {
      if (is_zone(word)) out.push_back(word.text);
    }
  }

  bool is_zone(const Word& word) {
    if (names_.zones.contains(word.text)) return true;
    const std::vector<std::string_view> known(names_.zones.begin(), names_.zones.end());
    reader_.complain(word.place, quoted(word.text) + " is no name in zones:" +
                                     (known.empty() ? "" : suggestion(word.text, known)));
    return false;
  }

  void target(const yaml::Entry& entry) {
    if (!reader_.is(entry.value, yaml::NodeKind::kMap, "a target")) return;
    ScanTarget out;
    out.name = entry.key;
    out.place = entry.key_place;
    bool somewhere = false;
    for (const yaml::Entry& field : entry.value.entries) {
      if (field.key == "at") {
        somewhere = true;
        for (const Word& word : reader_.words(field.value, "at")) place(word, out);
      } else if (field.key == "ports") {
        out.ports = reader_.ports(field.value, "ports");
      } else if (field.key == "is") {
        read_class(field.value, out);
      } else if (field.key == "why") {
        out.why = reader_.text(field.value, "why");
      } else {
        reader_.unknown_key(field, "a target", kTargetKeys);
      }
    }
    if (!somewhere)
      reader_.complain(entry.key_place, "target " + quoted(entry.key) +
                                            " is nowhere; write at: [192.0.2.7], with addresses, "
                                            "prefixes and names of zones and trust groups");
    if (names_.zones.contains(entry.key))
      reader_.complain(entry.key_place,
                       quoted(entry.key) + " is a zone already; give the target another name");
    config_.scan.targets.push_back(std::move(out));
  }

  void read_class(const yaml::Node& node, ScanTarget& out) {
    const std::string word = reader_.text(node, "is");
    if (word == kClasses[0])
      out.is = services::ServiceClass::kManagement;
    else if (word == kClasses[1])
      out.is = services::ServiceClass::kTraditional;
    else
      reader_.complain(node.place, quoted(word) + " is no class of services" +
                                       suggestion(word, kClasses) +
                                       "; without it, it goes by what answers");
  }

  // An address, a prefix, a zone or a trust group: names are looked up first, as no name can be
  // written like an address and be one.
  void place(const Word& word, ScanTarget& out) {
    if (names_.zones.contains(word.text)) {
      out.zones.push_back(word.text);
      return;
    }
    if (names_.trust.contains(word.text)) {
      for (const TrustGroup& group : config_.trust) {
        if (group.name != word.text) continue;
        for (const Prefix& prefix : group.prefixes) add(word, prefix, out);
      }
      return;
    }
    const auto prefix = Prefix::parse(word.text);
    if (!prefix)
      reader_.complain(word.place, quoted(word.text) +
                                       " is neither an address nor a prefix nor a name in zones: "
                                       "or trust:");
    else
      add(word, *prefix, out);
  }

  void add(const Word& word, const Prefix& prefix, ScanTarget& out) {
    if (is_too_wide(prefix)) {
      reader_.complain(word.place, quoted(prefix.to_string()) + " holds more than " +
                                       std::to_string(kMostOfPrefix) +
                                       " addresses; name those that matter");
      return;
    }
    const std::string_view wrong = prefix.first().is_loopback()
                                       ? "is this host itself, which is scanned anyway"
                                       : not_a_machine(prefix.first());
    if (!wrong.empty())
      reader_.complain(word.place, quoted(prefix.to_string()) + " " + std::string(wrong));
    else
      out.at.push_back(prefix);
  }

  const Names& names_;
  Reader& reader_;
  Config& config_;
};

}  // namespace

void read_scan(const yaml::Node& node, const Names& names, Reader& reader, Config& config) {
  ScanReader(names, reader, config).read(node);
}

}  // namespace bulkhead::policy
