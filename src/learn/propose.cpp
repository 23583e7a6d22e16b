#include "learn/propose.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "learn/edit.h"
#include "yaml/write.h"

namespace bulkhead::learn {
namespace {

using flows::Counts;
using flows::Flow;
using flows::PeerKind;
using policy::LineKind;
using policy::PortSpec;

using Words = std::set<std::string>;
using Ports = std::set<PortSpec>;
using Addresses = std::set<IpAddress>;

std::string list(const Words& words) {
  std::string out;
  for (const std::string& one : words) out += (out.empty() ? "" : ", ") + yaml::word(one);
  return words.size() == 1 ? out : "[" + out + "]";
}

std::string list(const Ports& ports) {
  std::string out;
  for (const PortSpec& one : ports) out += (out.empty() ? "" : ", ") + to_string(one);
  return ports.size() == 1 ? out : "[" + out + "]";
}

std::string list(const Addresses& addresses) {
  std::string out;
  for (const IpAddress& one : addresses)
    out += (out.empty() ? "\"" : ", \"") + one.to_string() + "\"";
  return addresses.size() == 1 ? out : "[" + out + "]";
}

// A day and a minute, UTC: proleptic Gregorian (Howard Hinnant's days_from_civil, turned round).
std::string minute_text(std::uint64_t ms) {
  const auto minutes = static_cast<std::int64_t>(ms / 60'000);
  const std::int64_t z = minutes / 1440 + 719468, era = z / 146097, doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const std::int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return std::to_string(year) + "-" + two(month) + "-" + two(day) + " " + two(minutes / 60 % 24) +
         ":" + two(minutes % 60);
}

std::string why(const Counts& counts) {
  const std::string first = minute_text(counts.first_ms), last = minute_text(counts.last_ms);
  std::string out = "seen " + std::to_string(counts.answered) +
                    (counts.answered == 1 ? " time, " : " times, ") + first;
  if (last != first) out += " to " + last;
  // It counts packets, of which the last has an instant.
  if (counts.audited != 0)
    out = std::to_string(counts.audited) + (counts.audited == 1 ? " packet" : " packets") +
          " that mode audit counted, last " + last;
  return ", why: " + yaml::quoted(out + " UTC") + "}";
}

// Joins what differs in one part alone: all that the joined one says was said before.
template <class Rest, class Part>
struct Joined {
  Rest rest;
  std::set<Part> parts;
  Counts counts;
};
template <class Rest, class Part>
std::vector<Joined<Rest, Part>> join(const std::map<std::pair<Rest, Part>, Counts>& all) {
  std::map<Rest, Joined<Rest, Part>> out;
  for (const auto& [key, counts] : all) {
    Joined<Rest, Part>& one = out[key.first];
    one.rest = key.first;
    one.parts.insert(key.second);
    one.counts.add(counts);
  }
  std::vector<Joined<Rest, Part>> list_of;
  list_of.reserve(out.size());
  for (auto& [rest, one] : out) list_of.push_back(std::move(one));
  return list_of;
}

class Proposer {
 public:
  Proposer(const flows::Book& book, const policy::Config& config,
           std::span<const policy::Zone> zones, std::uint64_t now_ms)
      : book_(book),
        config_(config),
        zones_(zones),
        now_ms_(now_ms),
        judge_(book, config, zones, now_ms) {}

  Proposal run(std::string_view text) {
    sort_out();
    leave_what_is_too_many();
    leave_what_proxies_send();
    allow();
    egress();
    ingress();
    host();
    out_.text = std::string(text);
    if (!out_.lines.empty()) write(text);
    return std::move(out_);
  }

 private:
  struct Wanted {
    const Flow* flow;
    const Counts* counts;
    Judged judged;
  };

  void decline(const Wanted& one, Refusal refusal, std::string reason) {
    Judged why_not = one.judged;
    why_not.ruling = Ruling::kRefused;
    why_not.refusal = refusal;
    why_not.reason = std::move(reason);
    out_.declined.push_back({*one.flow, *one.counts, std::move(why_not)});
  }

  void sort_out() {
    for (const auto& [flow, counts] : book_.flows()) {
      Judged judged = judge_.judge(flow, counts);
      switch (judged.ruling) {
        case Ruling::kCovered: ++out_.covered; break;
        case Ruling::kUngoverned: ++out_.ungoverned; break;
        case Ruling::kRefused: out_.declined.push_back({flow, counts, std::move(judged)}); break;
        case Ruling::kWanted: wanted_.push_back({&flow, &counts, std::move(judged)}); break;
      }
    }
  }

  // The service and port, and from which side it is: "" for the host's own.
  using Door = std::tuple<LineKind, std::string, PortSpec>;
  static Door door(const Wanted& one) {
    const auto& place = one.judged.section == LineKind::kEgress ? one.judged.from : one.judged.to;
    return {one.judged.section, place ? full(*place) : "", port_of(one)};
  }
  // As rules see it: those of published ports look at what was dialled, all others at packets that
  // were translated.
  static PortSpec port_of(const Wanted& one) {
    const bool published = one.judged.section == LineKind::kIngress;
    return {published ? one.flow->dialled : one.flow->served, one.flow->protocol};
  }
  static const IpAddress* stranger(const Wanted& one) {
    for (const flows::Peer* peer : {&one.flow->from, &one.flow->to}) {
      if (peer->kind == PeerKind::kOutside && peer->address) return &*peer->address;
    }
    return nullptr;
  }

  void leave_what_is_too_many() {
    std::map<Door, Addresses> all;
    for (const Wanted& one : wanted_) {
      if (const IpAddress* address = stranger(one)) all[door(one)].insert(*address);
    }
    std::erase_if(wanted_, [&](const Wanted& one) {
      if (stranger(one) == nullptr || all[door(one)].size() <= kMostListed) return false;
      decline(one, Refusal::kOthers,
              "more than " + std::to_string(kMostListed) +
                  " addresses: name a zone or a prefix yourself");
      return true;
    });
  }

  // A line for who dials the published port lets the proxy in, too.
  void leave_what_proxies_send() {
    std::set<std::pair<std::uint32_t, PortSpec>> published;
    for (const Wanted& one : wanted_) {
      if (one.judged.section == LineKind::kIngress)
        published.insert({one.flow->to.who, {one.flow->dialled, one.flow->protocol}});
    }
    out_.covered += std::erase_if(wanted_, [&](const Wanted& one) {
      return std::ranges::any_of(published, [&](const auto& door) {
        return door.first == one.flow->to.who && judge_.is_proxied(*one.flow, door.second);
      });
    });
  }

  // ------------------------------------------------------------------------------------- words

  static std::string full(const Place& place) { return place.tenant->name + "/" + place.service; }
  // In its own tenant a service is its name alone, where that cannot be anything else.
  [[nodiscard]] std::string word(const Place& place, const policy::Tenant* in) const {
    const bool taken =
        place.service.find('.') != std::string::npos || place.service == "host" ||
        place.service == "internet" || place.service == "lan" || place.service == "dmz" ||
        place.service == "management" || config_.group(place.service) != nullptr ||
        std::ranges::any_of(config_.zones,
                            [&](const policy::ZoneRule& z) { return z.name == place.service; });
    return place.tenant == in && !taken ? place.service : full(place);
  }

  void add(LineKind section, const std::string& tenant, std::string text, const Counts& counts) {
    out_.lines.push_back({section, tenant, std::move(text), counts});
  }

  // -------------------------------------------------------------------------------------- lines

  void allow() {
    // In which tenant, to, from, port; joined from the right.
    using Pair = std::tuple<std::string, std::string, std::string>;
    std::map<std::pair<Pair, PortSpec>, Counts> seen;
    for (const Wanted& one : wanted_) {
      const auto& to = one.judged.to;
      if (one.judged.section != LineKind::kAllow || !to) continue;
      const policy::Tenant* in = to->tenant;
      const std::string from = one.judged.from ? word(*one.judged.from, in) : "host";
      seen[{{in->name, word(*to, in), from}, port_of(one)}].add(*one.counts);
    }
    std::map<std::pair<std::tuple<std::string, std::string, Ports>, std::string>, Counts> by_from;
    for (const auto& one : join(seen)) {
      const auto& [tenant, to, from] = one.rest;
      by_from[{{tenant, to, one.parts}, from}].add(one.counts);
    }
    std::map<std::pair<std::tuple<std::string, Words, Ports>, std::string>, Counts> by_to;
    for (const auto& one : join(by_from)) {
      const auto& [tenant, to, ports] = one.rest;
      by_to[{{tenant, one.parts, ports}, to}].add(one.counts);
    }
    for (const auto& one : join(by_to)) {
      const auto& [tenant, from, ports] = one.rest;
      add(LineKind::kAllow, tenant,
          "{from: " + list(from) + ", to: " + list(one.parts) + ", port: " + list(ports) +
              why(one.counts),
          one.counts);
    }
  }

  void egress() {
    using Pair = std::tuple<std::string, std::string, IpAddress>;
    std::map<std::pair<Pair, PortSpec>, Counts> seen;
    for (const Wanted& one : wanted_) {
      const std::optional<Place>& from = one.judged.from;
      const std::optional<IpAddress>& to = one.flow->to.address;
      if (one.judged.section != LineKind::kEgress || !from || !to) continue;
      seen[{{from->tenant->name, word(*from, from->tenant), *to}, port_of(one)}].add(*one.counts);
    }
    std::map<std::pair<std::tuple<std::string, std::string, Ports>, IpAddress>, Counts> by_to;
    for (const auto& one : join(seen)) {
      const auto& [tenant, from, to] = one.rest;
      by_to[{{tenant, from, one.parts}, to}].add(one.counts);
    }
    std::map<std::pair<std::tuple<std::string, Addresses, Ports>, std::string>, Counts> by_from;
    for (const auto& one : join(by_to)) {
      const auto& [tenant, from, ports] = one.rest;
      by_from[{{tenant, one.parts, ports}, from}].add(one.counts);
    }
    for (const auto& one : join(by_from)) {
      const auto& [tenant, to, ports] = one.rest;
      add(LineKind::kEgress, tenant,
          "{from: " + list(one.parts) + ", to: " + list(to) + ", port: " + list(ports) +
              why(one.counts),
          one.counts);
    }
  }

  void ingress() {
    using Pair = std::tuple<std::string, std::string, PortSpec>;
    std::map<std::pair<Pair, IpAddress>, Counts> seen;
    for (const Wanted& one : wanted_) {
      const std::optional<Place>& to = one.judged.to;
      const std::optional<IpAddress>& from = one.flow->from.address;
      if (one.judged.section != LineKind::kIngress || !to || !from) continue;
      seen[{{to->tenant->name, word(*to, to->tenant), port_of(one)}, *from}].add(*one.counts);
    }
    std::map<std::pair<std::tuple<std::string, std::string, Addresses>, PortSpec>, Counts> by_port;
    for (const auto& one : join(seen)) {
      const auto& [tenant, to, port] = one.rest;
      by_port[{{tenant, to, one.parts}, port}].add(one.counts);
    }
    for (const auto& one : join(by_port)) {
      const auto& [tenant, to, from] = one.rest;
      const std::string group = group_of(from, tenant + "-" + to);
      add(LineKind::kIngress, tenant,
          "{to: " + yaml::word(to) + ", publish: " + list(one.parts) +
              ", from: " + yaml::word(group) + why(one.counts),
          one.counts);
    }
  }

  void host() {
    std::map<PortSpec, std::pair<Words, Addresses>> from;
    std::map<PortSpec, Counts> seen;
    for (const Wanted& one : wanted_) {
      if (one.judged.section != LineKind::kHost) continue;
      const PortSpec port = port_of(one);
      seen[port].add(*one.counts);
      const std::optional<Place>& place = one.judged.from;
      const std::optional<IpAddress>& address = one.flow->from.address;
      if (place)
        from[port].first.insert(full(*place));
      else if (address)
        from[port].second.insert(*address);
    }
    for (auto& [port, who] : from) {
      const std::string name =
          "seen-" + std::to_string(port.port.number) + "-" + to_string(port.protocol);
      if (!who.second.empty()) who.first.insert(group_of(who.second, "host"));
      add(LineKind::kHost, "",
          unique(name,
                 [&](const std::string& n) {
                   return std::ranges::any_of(
                       config_.host, [&](const policy::HostRule& h) { return h.name == n; });
                 }) +
              ": {port: " + to_string(port) + ", from: " + list(who.first) + why(seen[port]),
          seen[port]);
    }
  }

  // ------------------------------------------------------------------------------------- groups

  template <class Taken>
  static std::string unique(const std::string& name, Taken taken) {
    std::string out = name;
    for (int n = 2; taken(out); ++n) out = name + "-" + std::to_string(n);
    return out;
  }

  // One that holds exactly these, or a new one.
  std::string group_of(const Addresses& addresses, const std::string& wish) {
    for (const policy::TrustGroup& group : config_.trust) {
      std::set<Prefix> all(group.prefixes.begin(), group.prefixes.end()), wanted;
      for (const IpAddress& a : addresses) wanted.insert(Prefix::single(a));
      if (all == wanted) return group.name;
    }
    const std::vector<IpAddress> sorted(addresses.begin(), addresses.end());
    for (const Group& group : out_.groups) {
      if (group.addresses == sorted) return group.name;
    }
    std::string plain = "seen-" + wish;
    std::ranges::replace_if(plain, [](char c) { return c == '/' || c == '.'; }, '-');
    const std::string name = unique(plain, [&](const std::string& n) {
      return config_.group(n) != nullptr ||
             std::ranges::any_of(out_.groups, [&](const Group& g) { return g.name == n; }) ||
             std::ranges::any_of(config_.zones,
                                 [&](const policy::ZoneRule& z) { return z.name == n; });
    });
    out_.groups.push_back({name, sorted});
    return name;
  }

  // ------------------------------------------------------------------------------------- writing

  [[nodiscard]] std::vector<Addition> additions() const {
    std::vector<Addition> out;
    Addition trust{{"trust"}, false, {}};
    for (const Group& group : out_.groups) {
      const Addresses all(group.addresses.begin(), group.addresses.end());
      trust.items.push_back(yaml::word(group.name) + ": " + (all.size() == 1 ? "[" : "") +
                            list(all) + (all.size() == 1 ? "]" : ""));
    }
    if (!trust.items.empty()) out.push_back(std::move(trust));
    std::map<std::vector<std::string>, std::vector<std::string>> sections;
    for (const NewLine& line : out_.lines) {
      if (line.section == LineKind::kHost)
        sections[{"host"}].push_back(line.text);
      else
        sections[{"tenants", line.tenant, std::string(to_string(line.section))}].push_back(
            line.text);
    }
    for (auto& [path, items] : sections) out.push_back({path, path.size() == 3, std::move(items)});
    return out;
  }

  void write(std::string_view text) {
    for (const bool behind : {true, false}) {
      auto edited = add_to_yaml(text, config_.file, additions(), behind);
      out_.unwritten = edited ? check(edited->text) : edited.error().message;
      if (!out_.unwritten.empty()) continue;
      out_.text = std::move(edited->text);
      out_.diff = std::move(edited->diff);
      return;
    }
  }

  // Why it may not stand as it is; "" when it may.
  [[nodiscard]] std::string check(const std::string& text) const {
    const auto config = policy::parse_config(text, config_.file);
    if (!config) return "what was written does not read again: " + config.error().message;
    const bool same =
        config->zones.size() == config_.zones.size() &&
        config->never.size() == config_.never.size() &&
        config->tests.size() == config_.tests.size() &&
        config->tenants.size() == config_.tenants.size() &&
        config->trust.size() == config_.trust.size() + out_.groups.size() &&
        policy::all_lines(*config).size() >= policy::all_lines(config_).size() + out_.lines.size();
    if (!same) return "what was written does not mean what it should";
    const Judge judge(book_, *config, zones_, now_ms_);
    for (const Wanted& one : wanted_) {
      if (!judge.covered(*one.flow))
        return "what was written does not permit " + describe(*one.flow, book_);
    }
    return "";
  }

  const flows::Book& book_;
  const policy::Config& config_;
  std::span<const policy::Zone> zones_;
  std::uint64_t now_ms_;
  Judge judge_;
  std::vector<Wanted> wanted_;
  Proposal out_;
};

}  // namespace

Proposal propose(const flows::Book& book, const policy::Config& config, std::string_view text,
                 std::span<const policy::Zone> zones, std::uint64_t now_ms) {
  return Proposer(book, config, zones, now_ms).run(text);
}

}  // namespace bulkhead::learn
