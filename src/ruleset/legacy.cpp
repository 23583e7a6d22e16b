// iptables-legacy tables: the blob of IPT_SO_GET_ENTRIES as chains and rules.
//
// The blob is a row of entries. Built-in chains begin at hook_entry[] and end with the entry at
// underflow[], which is their policy. Every other chain begins behind an ERROR entry that holds its
// name and ends with a RETURN of its own. Jumps name the byte at which their chain begins
// (net/ipv4/netfilter/ip_tables.c; struct ipt_replace).
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "ruleset/decode.h"
#include "ruleset/netlink.h"
#include "ruleset/xt.h"
#include "ruleset/xt_values.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

constexpr std::uint32_t kHooks = NF_INET_NUMHOOKS;
constexpr std::int32_t kVerdictDrop = -NF_DROP - 1, kVerdictAccept = -NF_ACCEPT - 1,
                       kVerdictQueue = -NF_QUEUE - 1, kVerdictReturn = XT_RETURN;
constexpr std::string_view kErrorTarget = XT_ERROR_TARGET;

std::unexpected<Error> bad(std::string_view what, std::size_t at) {
  return fail(ErrorCode::kInvalidInput,
              "iptables table: " + std::string(what) + " at byte " + std::to_string(at));
}

struct Target {
  std::string name;
  std::uint8_t revision = 0;
  ByteView info;
};

// One entry, not yet interpreted.
struct Entry {
  std::size_t offset = 0, next = 0;  // bytes from the start of the blob
  XtHeader header;
  bool jump_is_goto = false;
  std::vector<Target> matches;
  Target target;

  // The verdict of a standard target.
  [[nodiscard]] std::optional<std::int32_t> verdict() const {
    if (!target.name.empty()) return std::nullopt;
    const auto raw = Cursor(target.info).native<std::uint32_t>();
    if (!raw) return std::nullopt;
    return static_cast<std::int32_t>(*raw);
  }
};

std::optional<IpAddress> if_any(IpAddress value, bool present) {
  return present ? std::optional<IpAddress>(value) : std::nullopt;
}

// A mask of zeros stands for any interface, inverted for none.
template <class Mask>
std::string interface_name(const char (&name)[IFNAMSIZ], const Mask (&mask)[IFNAMSIZ],
                           bool inverted) {
  std::string out = masked_name(name, mask);
  return out == "+" && !inverted ? std::string() : out;
}

// What struct ipt_ip and ip6t_ip6 have in common; the bits of invflags are the same.
template <class Raw>
void fill_header(XtHeader& out, const Raw& raw, IpAddress source, IpAddress source_mask,
                 IpAddress destination, IpAddress destination_mask) {
  const auto inverted = [&](std::uint8_t bit) { return (raw.invflags & bit) != 0; };
  out.source_inverted = inverted(IPT_INV_SRCIP);
  out.destination_inverted = inverted(IPT_INV_DSTIP);
  const bool has_source = out.source_inverted || !source_mask.is_unspecified();
  const bool has_destination = out.destination_inverted || !destination_mask.is_unspecified();
  out.source = if_any(source, has_source);
  out.source_mask = if_any(source_mask, has_source);
  out.destination = if_any(destination, has_destination);
  out.destination_mask = if_any(destination_mask, has_destination);
  out.in_inverted = inverted(IPT_INV_VIA_IN);
  out.out_inverted = inverted(IPT_INV_VIA_OUT);
  out.in_interface = interface_name(raw.iniface, raw.iniface_mask, out.in_inverted);
  out.out_interface = interface_name(raw.outiface, raw.outiface_mask, out.out_inverted);
  out.protocol_inverted = inverted(XT_INV_PROTO);
  out.fragment_inverted = inverted(IPT_INV_FRAG);
}

XtHeader decode_header(const ipt_ip& raw) {
  XtHeader out;
  fill_header(out, raw, to_address(raw.src.s_addr), to_address(raw.smsk.s_addr),
              to_address(raw.dst.s_addr), to_address(raw.dmsk.s_addr));
  if (raw.proto != 0) out.protocol = static_cast<IpProtocol>(raw.proto);
  out.fragment = (raw.flags & IPT_F_FRAG) != 0 || out.fragment_inverted;
  return out;
}

IpAddress v6(const in6_addr& raw) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), &raw, octets.size());
  return IpAddress::v6(octets);
}

XtHeader decode_header(const ip6t_ip6& raw) {
  XtHeader out;
  fill_header(out, raw, v6(raw.src), v6(raw.smsk), v6(raw.dst), v6(raw.dmsk));
  if ((raw.flags & IP6T_F_PROTO) != 0 && raw.proto <= 0xff) {
    out.protocol = static_cast<IpProtocol>(raw.proto);
  }
  return out;
}

// struct xt_entry_match and xt_entry_target have the same layout: size, name, revision, data.
std::optional<Target> take_part(Cursor& cursor) {
  static_assert(sizeof(xt_entry_match) == 32 && sizeof(xt_entry_target) == 32);
  const auto size = cursor.native<std::uint16_t>();
  const auto name = cursor.take(XT_EXTENSION_MAXNAMELEN);
  const auto revision = cursor.native<std::uint8_t>();
  if (!size || !name || !revision || *size < sizeof(xt_entry_match)) return std::nullopt;
  const auto info = cursor.take(*size - sizeof(xt_entry_match));
  if (!info) return std::nullopt;
  return Target{c_string(*name), *revision, *info};
}

template <class RawEntry>
Result<Entry> take_entry(ByteView blob, std::size_t at) {
  if (blob.size() - at < sizeof(RawEntry)) return bad("an entry that is cut short", at);
  RawEntry raw;  // ends with a flexible array, so it cannot stand in an optional
  std::memcpy(&raw, blob.data() + at, sizeof raw);
  if (raw.target_offset < sizeof(RawEntry) || raw.next_offset < raw.target_offset ||
      raw.next_offset > blob.size() - at) {
    return bad("an entry whose parts lie outside of it", at);
  }
  Entry out;
  out.offset = at;
  out.next = at + raw.next_offset;
  if constexpr (std::is_same_v<RawEntry, ipt_entry>) {
    out.header = decode_header(raw.ip);
    out.jump_is_goto = (raw.ip.flags & IPT_F_GOTO) != 0;
  } else {
    out.header = decode_header(raw.ipv6);
    out.jump_is_goto = (raw.ipv6.flags & IP6T_F_GOTO) != 0;
  }
  Cursor matches(blob.subspan(at + sizeof(RawEntry), raw.target_offset - sizeof(RawEntry)));
  while (!matches.done()) {
    auto match = take_part(matches);
    if (!match) return bad("a match that does not fit", at);
    out.matches.push_back(std::move(*match));
  }
  Cursor target(blob.subspan(at + raw.target_offset, raw.next_offset - raw.target_offset));
  auto part = take_part(target);
  if (!part) return bad("a target that does not fit", at);
  out.target = std::move(*part);
  return out;
}

Result<std::vector<Entry>> take_entries(IpFamily family, ByteView blob) {
  std::vector<Entry> out;
  for (std::size_t at = 0; at < blob.size();) {
    auto entry = family == IpFamily::kV4 ? take_entry<ipt_entry>(blob, at)
                                         : take_entry<ip6t_entry>(blob, at);
    if (!entry) return std::unexpected(entry.error());
    at = entry->next;
    out.push_back(std::move(*entry));
  }
  return out;
}

// iptable_*.c and netfilter_ipv4.h; nat differs by hook.
struct TableKind {
  std::string_view name;
  ChainType type;
  std::int32_t priority;
};
constexpr auto kTableKinds = std::to_array<TableKind>({
    {"raw", ChainType::kFilter, -300},
    {"mangle", ChainType::kFilter, -150},
    {"nat", ChainType::kNat, 0},
    {"filter", ChainType::kFilter, 0},
    {"security", ChainType::kFilter, 50},
});
constexpr std::array<std::string_view, kHooks> kHookNames = {"PREROUTING", "INPUT", "FORWARD",
                                                             "OUTPUT", "POSTROUTING"};
constexpr std::array<Hook, kHooks> kHookValues = {Hook::kPrerouting, Hook::kInput, Hook::kForward,
                                                  Hook::kOutput, Hook::kPostrouting};

BaseChain base_chain(const TableKind& kind, std::uint32_t hook, VerdictKind policy) {
  BaseChain base;
  base.hook = kHookValues[hook];
  base.type = kind.type;
  base.priority = kind.priority;
  base.policy = policy;
  if (kind.type == ChainType::kNat) {
    const bool before = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT;
    base.priority = before ? -100 : 100;
  }
  // iptable_mangle.c routes anew when a rule of OUTPUT changed mark, addresses or TOS.
  if (kind.name == "mangle" && hook == NF_INET_LOCAL_OUT) base.type = ChainType::kRoute;
  return base;
}

// Cuts the row of entries into chains.
class Assembly {
 public:
  Assembly(IpFamily family, const TableKind& kind, const ipt_getinfo& info,
           std::vector<Entry> entries)
      : family_(family == IpFamily::kV4 ? NfFamily::kIp : NfFamily::kIp6),
        kind_(kind),
        info_(info),
        entries_(std::move(entries)) {}

  Result<Table> build();

 private:
  struct Section {
    std::string name;
    std::optional<std::uint32_t> hook;
    std::size_t first = 0, last = 0;  // entries [first, last): its rules
    std::size_t offset = 0;           // where jumps to it lead
  };
  Status find_sections();
  std::optional<std::uint32_t> hook_at(std::size_t offset) const;
  std::optional<std::size_t> entry_at(std::size_t offset, std::size_t from) const;
  Status add_built_in(std::uint32_t hook, std::size_t& at);
  Result<Chain> make_chain(const Section& section) const;
  Result<Rule> make_rule(const Entry& entry) const;
  Result<std::optional<Statement>> make_target(const Entry& entry) const;

  NfFamily family_;
  TableKind kind_;
  ipt_getinfo info_;
  std::vector<Entry> entries_;
  std::vector<Section> sections_;
  std::map<std::size_t, std::string> chain_at_;  // by offset
};

std::optional<std::uint32_t> Assembly::hook_at(std::size_t offset) const {
  for (std::uint32_t hook = 0; hook < kHooks; ++hook) {
    if ((info_.valid_hooks >> hook & 1) != 0 && info_.hook_entry[hook] == offset) return hook;
  }
  return std::nullopt;
}

std::optional<std::size_t> Assembly::entry_at(std::size_t offset, std::size_t from) const {
  for (std::size_t i = from; i < entries_.size(); ++i) {
    if (entries_[i].offset == offset) return i;
  }
  return std::nullopt;
}

Status Assembly::add_built_in(std::uint32_t hook, std::size_t& at) {
  const auto end = entry_at(info_.underflow[hook], at);
  if (!end) return bad("a built-in chain without its policy", entries_[at].offset);
  sections_.push_back({std::string(kHookNames[hook]), hook, at, *end, entries_[at].offset});
  at = *end + 1;
  return {};
}

Status Assembly::find_sections() {
  std::size_t at = 0;
  while (at < entries_.size()) {
    const Entry& entry = entries_[at];
    if (const auto hook = hook_at(entry.offset)) {
      if (auto status = add_built_in(*hook, at); !status) return status;
      continue;
    }
    if (entry.target.name != kErrorTarget) return bad("a rule outside of any chain", entry.offset);
    if (at + 1 == entries_.size()) return {};  // the mark of the end
    std::size_t end = at + 1;
    while (end < entries_.size() && entries_[end].target.name != kErrorTarget &&
           !hook_at(entries_[end].offset)) {
      ++end;
    }
    if (end == at + 1) return bad("a chain without its end", entry.offset);
    sections_.push_back({c_string(entry.target.info), std::nullopt, at + 1, end - 1, entry.next});
    at = end;
  }
  return bad("no mark of the end", entries_.empty() ? 0 : entries_.back().offset);
}

Result<std::optional<Statement>> Assembly::make_target(const Entry& entry) const {
  if (!entry.target.name.empty()) {
    return make_xt_target(entry.target.name, entry.target.revision, family_, entry.target.info);
  }
  const auto verdict = entry.verdict();
  if (!verdict) return bad("a verdict that is cut short", entry.offset);
  xt::Standard standard;
  switch (*verdict) {
    case kVerdictAccept: standard.verdict = xt::StandardVerdict::kAccept; break;
    case kVerdictDrop: standard.verdict = xt::StandardVerdict::kDrop; break;
    case kVerdictQueue: standard.verdict = xt::StandardVerdict::kQueue; break;
    case kVerdictReturn: standard.verdict = xt::StandardVerdict::kReturn; break;
    default: {
      if (*verdict < 0) return bad("a verdict that does not exist", entry.offset);
      // A rule without a target jumps to the one behind it.
      if (static_cast<std::size_t>(*verdict) == entry.next && !entry.jump_is_goto) {
        return std::optional<Statement>();
      }
      const auto chain = chain_at_.find(static_cast<std::size_t>(*verdict));
      if (chain == chain_at_.end()) return bad("a jump to no chain", entry.offset);
      standard.verdict =
          entry.jump_is_goto ? xt::StandardVerdict::kGoto : xt::StandardVerdict::kJump;
      standard.chain = chain->second;
    }
  }
  XtTarget out;
  out.name = "standard";
  out.info = std::move(standard);
  return out;
}

Result<Rule> Assembly::make_rule(const Entry& entry) const {
  Rule rule;
  if (entry.header != XtHeader{}) rule.statements.push_back(entry.header);
  for (const Target& match : entry.matches) {
    rule.statements.push_back(make_xt_match(match.name, match.revision, family_, match.info));
  }
  auto target = make_target(entry);
  if (!target) return std::unexpected(target.error());
  if (std::optional<Statement>& made = *target) rule.statements.push_back(*std::move(made));
  rule.comment = xt_comment(rule);
  return rule;
}

Result<Chain> Assembly::make_chain(const Section& section) const {
  Chain chain;
  chain.name = section.name;
  const Entry& end = entries_[section.last];
  const auto verdict = end.verdict();
  if (!verdict) return bad("a chain that does not end with a verdict", end.offset);
  if (section.hook) {
    if (*verdict != kVerdictAccept && *verdict != kVerdictDrop) {
      return bad("a policy that is neither accept nor drop", end.offset);
    }
    chain.base = base_chain(kind_, *section.hook,
                            *verdict == kVerdictDrop ? VerdictKind::kDrop : VerdictKind::kAccept);
  } else if (*verdict != kVerdictReturn) {
    return bad("a chain that does not end with RETURN", end.offset);
  }
  for (std::size_t i = section.first; i < section.last; ++i) {
    auto rule = make_rule(entries_[i]);
    if (!rule) return std::unexpected(rule.error());
    rule->handle = i - section.first + 1;
    chain.rules.push_back(std::move(*rule));
  }
  return chain;
}

Result<Table> Assembly::build() {
  if (auto status = find_sections(); !status) return std::unexpected(status.error());
  std::set<std::string_view> names;
  for (const Section& section : sections_) {
    if (!names.insert(section.name).second) return bad("two chains of one name", section.offset);
    if (!section.hook) chain_at_.emplace(section.offset, section.name);
  }
  Table table;
  table.backend = TableBackend::kLegacy;
  table.family = family_;
  for (const Section& section : sections_) {
    auto chain = make_chain(section);
    if (!chain) return within("chain \"" + escape_text(section.name) + "\"", chain.error());
    table.chains.push_back(std::move(*chain));
  }
  return table;
}

}  // namespace

Result<Table> decode_legacy_table(IpFamily family, std::string_view name, ByteView info,
                                  ByteView entries) {
  const auto* kind = std::find_if(kTableKinds.begin(), kTableKinds.end(),
                                  [&](const TableKind& k) { return k.name == name; });
  if (kind == kTableKinds.end()) {
    return fail(ErrorCode::kUnsupported,
                "iptables table \"" + escape_text(name) + "\" is not known");
  }
  const auto raw = Cursor(info).structure<ipt_getinfo>();
  if (!raw || info.size() != sizeof(ipt_getinfo)) return bad("no struct ipt_getinfo", 0);
  if (raw->size != entries.size()) {
    return fail(ErrorCode::kInterrupted,
                "iptables table \"" + escape_text(name) + "\" changed its size while it was read");
  }
  auto list = take_entries(family, entries);
  if (!list) return within(name, list.error());
  auto table = Assembly(family, *kind, *raw, std::move(*list)).build();
  if (!table) return within(name, table.error());
  table->name = std::string(name);
  return table;
}

}  // namespace bulkhead::ruleset
