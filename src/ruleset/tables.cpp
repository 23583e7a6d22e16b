// A whole nf_tables dump put together: tables, their chains, sets and rules.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "ruleset/decode.h"
#include "ruleset/expressions.h"
#include "ruleset/netlink.h"
#include "ruleset/sets.h"
#include "ruleset/xt.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

constexpr std::uint8_t kComment = 0;  // NFTNL_UDATA_{TABLE,CHAIN,RULE}_COMMENT

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kInvalidInput, "nf_tables: " + std::string(what));
}

std::unexpected<Error> moved(std::string_view what, std::string_view name) {
  return fail(ErrorCode::kInterrupted, "nf_tables moved while it was read: " + std::string(what) +
                                           " \"" + escape_text(name) + "\" is not in the dump");
}

std::optional<NfFamily> known_family(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET: return NfFamily::kInet;
    case NFPROTO_IPV4: return NfFamily::kIp;
    case NFPROTO_ARP: return NfFamily::kArp;
    case NFPROTO_NETDEV: return NfFamily::kNetdev;
    case NFPROTO_BRIDGE: return NfFamily::kBridge;
    case NFPROTO_IPV6: return NfFamily::kIp6;
  }
  return std::nullopt;
}

// The numbers of hooks differ by family (netfilter.h, netfilter_arp.h, netfilter_netdev.h).
std::optional<Hook> known_hook(NfFamily family, std::uint32_t number) {
  if (family == NfFamily::kNetdev) {
    if (number == NF_NETDEV_INGRESS) return Hook::kIngress;
    if (number == NF_NETDEV_INGRESS + 1) return Hook::kEgress;
    return std::nullopt;
  }
  if (family == NfFamily::kArp) {
    static constexpr Hook kArpHooks[] = {Hook::kInput, Hook::kOutput, Hook::kForward};
    if (number < std::size(kArpHooks)) return kArpHooks[number];
    return std::nullopt;
  }
  switch (number) {
    case NF_INET_PRE_ROUTING: return Hook::kPrerouting;
    case NF_INET_LOCAL_IN: return Hook::kInput;
    case NF_INET_FORWARD: return Hook::kForward;
    case NF_INET_LOCAL_OUT: return Hook::kOutput;
    case NF_INET_POST_ROUTING: return Hook::kPostrouting;
    case NF_INET_INGRESS: return Hook::kIngress;
  }
  return std::nullopt;
}

std::optional<ChainType> known_type(std::string_view name) {
  if (name == "filter") return ChainType::kFilter;
  if (name == "nat") return ChainType::kNat;
  if (name == "route") return ChainType::kRoute;
  return std::nullopt;
}

// The list holds the single device too. A device is given by name, or (NFTA_DEVICE_PREFIX = 2,
// Linux 6.16) by the start of a name: "veth*".
std::vector<std::string> hook_devices(const Attributes& hook) {
  std::vector<std::string> out;
  const auto view = hook.view(NFTA_HOOK_DEVS);
  const auto list = view ? list_attributes(*view) : std::nullopt;
  if (!list) {
    if (auto single = hook.string(NFTA_HOOK_DEV)) out.push_back(std::move(*single));
    return out;
  }
  for (const Attribute& device : *list) {
    out.push_back(c_string(device.value) + (device.type == 2 ? "*" : ""));
  }
  return out;
}

Result<BaseChain> decode_base(NfFamily family, const Attributes& chain) {
  const auto hook = chain.nested(NFTA_CHAIN_HOOK);
  const auto number = hook ? hook->be32(NFTA_HOOK_HOOKNUM) : std::nullopt;
  const auto priority = hook ? hook->be32(NFTA_HOOK_PRIORITY) : std::nullopt;
  if (!number || !priority) return malformed("a hook without number or priority");
  const auto known = known_hook(family, *number);
  const auto type = known_type(chain.string(NFTA_CHAIN_TYPE).value_or("filter"));
  if (!known || !type) {
    return fail(ErrorCode::kUnsupported,
                "nf_tables: hook " + std::to_string(*number) + " of type \"" +
                    escape_text(chain.string(NFTA_CHAIN_TYPE).value_or("")) + "\" is not known");
  }
  BaseChain base;
  base.hook = *known;
  base.type = *type;
  base.priority = static_cast<std::int32_t>(*priority);
  const auto policy = chain.be32(NFTA_CHAIN_POLICY).value_or(NF_ACCEPT);
  if (policy > NF_ACCEPT) return malformed("a policy that is neither accept nor drop");
  base.policy = policy == NF_DROP ? VerdictKind::kDrop : VerdictKind::kAccept;
  base.devices = hook_devices(*hook);
  return base;
}

// Collects the parts of a dump under their tables.
class Assembly {
 public:
  Status add_tables(const std::vector<Message>& messages);
  Status add_chains(const std::vector<Message>& messages);
  Status add_sets(const std::vector<Message>& messages);
  Status add_elements(const std::vector<Message>& messages);
  Status add_rules(const std::vector<Message>& messages);
  std::vector<Table> take() { return std::move(tables_); }

 private:
  struct Place {
    std::size_t table = 0;
    std::map<std::string, std::size_t, std::less<>> chains, sets;
    SetIndex facts;
  };
  Status add_chain(const Message& message);
  Status add_rule(const Message& message);
  Status finish_set(SetDef& set, std::vector<RawElement> raw);
  Place* place(std::uint8_t family, const std::string& table);

  std::vector<Table> tables_;
  std::map<std::pair<std::uint8_t, std::string>, Place> places_;
};

Assembly::Place* Assembly::place(std::uint8_t family, const std::string& table) {
  const auto found = places_.find({family, table});
  return found == places_.end() ? nullptr : &found->second;
}

Status Assembly::add_tables(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    const auto a = Attributes::parse(message.attributes);
    auto name = a ? a->string(NFTA_TABLE_NAME) : std::nullopt;
    const auto family = known_family(message.family);
    if (!name) return malformed("a table without a name");
    if (!family) {
      return fail(ErrorCode::kUnsupported,
                  "nf_tables: family " + std::to_string(message.family) + " is not known");
    }
    const auto [entry, fresh] = places_.try_emplace({message.family, *name});
    if (!fresh) return malformed("table \"" + escape_text(*name) + "\" occurs twice");
    entry->second.table = tables_.size();
    const auto flags = a->be32(NFTA_TABLE_FLAGS).value_or(0);
    Table table;
    table.family = *family;
    table.name = std::move(*name);
    table.handle = a->be64(NFTA_TABLE_HANDLE).value_or(0);
    table.dormant = (flags & NFT_TABLE_F_DORMANT) != 0;
    table.owned = (flags & NFT_TABLE_F_OWNER) != 0;
    table.comment = userdata_comment(a->view(NFTA_TABLE_USERDATA), kComment);
    tables_.push_back(std::move(table));
  }
  return {};
}

Status Assembly::add_chain(const Message& message) {
  const auto a = Attributes::parse(message.attributes);
  const auto table = a ? a->string(NFTA_CHAIN_TABLE) : std::nullopt;
  auto name = a ? a->string(NFTA_CHAIN_NAME) : std::nullopt;
  if (!table || !name) return malformed("a chain without table or name");
  Place* at = place(message.family, *table);
  if (at == nullptr) return moved("table", *table);
  Table& to = tables_[at->table];
  if (!at->chains.try_emplace(*name, to.chains.size()).second) {
    return malformed("chain \"" + escape_text(*name) + "\" occurs twice");
  }
  Chain chain;
  chain.handle = a->be64(NFTA_CHAIN_HANDLE).value_or(0);
  if (a->has(NFTA_CHAIN_HOOK)) {
    auto base = decode_base(to.family, *a);
    if (!base) return within("chain \"" + escape_text(*name) + "\"", base.error());
    chain.base = std::move(*base);
  }
  chain.name = std::move(*name);
  to.chains.push_back(std::move(chain));
  return {};
}

Status Assembly::add_chains(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    if (auto status = add_chain(message); !status) return status;
  }
  return {};
}

Status Assembly::add_sets(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    auto decoded = decode_set(message);
    if (!decoded) return std::unexpected(decoded.error());
    Place* at = place(message.family, decoded->table);
    if (at == nullptr) return moved("table", decoded->table);
    Table& to = tables_[at->table];
    const std::string name = decoded->set.name;
    if (!at->sets.try_emplace(name, to.sets.size()).second) {
      return malformed("set \"" + escape_text(name) + "\" occurs twice");
    }
    at->facts.emplace(name, decoded->facts);
    to.sets.push_back(std::move(decoded->set));
  }
  return {};
}

Status Assembly::finish_set(SetDef& set, std::vector<RawElement> raw) {
  for (const RawElement& r : raw) {
    if (!r.element.catch_all && r.element.first.size() != set.key_length) {
      return malformed("an element of set \"" + escape_text(set.name) +
                       "\" has another length than its key");
    }
  }
  set.elements = close_intervals(set, std::move(raw));
  return {};
}

// The messages of one dump: all of one set.
Status Assembly::add_elements(const std::vector<Message>& messages) {
  SetDef* set = nullptr;
  SetFacts* facts = nullptr;
  std::vector<RawElement> raw;
  for (const Message& message : messages) {
    const auto a = Attributes::parse(message.attributes);
    const auto table = a ? a->string(NFTA_SET_ELEM_LIST_TABLE) : std::nullopt;
    const auto name = a ? a->string(NFTA_SET_ELEM_LIST_SET) : std::nullopt;
    if (!table || !name) return malformed("elements without table or set");
    Place* at = place(message.family, *table);
    if (at == nullptr) return moved("table", *table);
    const auto found = at->sets.find(*name);
    if (found == at->sets.end()) return moved("set", *name);
    SetDef* named = &tables_[at->table].sets[found->second];
    if (set != nullptr && set != named) return malformed("elements of two sets in one dump");
    set = named;
    facts = &at->facts[*name];
    if (auto status = decode_elements(message, raw); !status) {
      return within("set \"" + escape_text(*name) + "\"", status.error());
    }
  }
  if (set == nullptr) return {};
  if (!set->elements.empty())
    return malformed("two dumps of set \"" + escape_text(set->name) + "\"");
  const bool may = std::any_of(raw.begin(), raw.end(), [](const RawElement& r) { return r.may; });
  if (may) facts->may = true;
  return finish_set(*set, std::move(raw));
}

// The comment of a rule is nft's own or that of an x_tables comment match.
std::string rule_comment(const Attributes& a, const Rule& rule) {
  std::string comment = userdata_comment(a.view(NFTA_RULE_USERDATA), kComment);
  return comment.empty() ? xt_comment(rule) : comment;
}

Status Assembly::add_rule(const Message& message) {
  const auto a = Attributes::parse(message.attributes);
  const auto table = a ? a->string(NFTA_RULE_TABLE) : std::nullopt;
  const auto chain = a ? a->string(NFTA_RULE_CHAIN) : std::nullopt;
  if (!table || !chain) return malformed("a rule without table or chain");
  Place* at = place(message.family, *table);
  if (at == nullptr) return moved("table", *table);
  const auto found = at->chains.find(*chain);
  if (found == at->chains.end()) return moved("chain", *chain);
  Table& to = tables_[at->table];
  Rule rule;
  rule.handle = a->be64(NFTA_RULE_HANDLE).value_or(0);
  ExpressionDecoder decoder(to.family, at->facts);
  if (const auto list = a->view(NFTA_RULE_EXPRESSIONS)) rule.statements = decoder.decode(*list);
  rule.comment = rule_comment(*a, rule);
  to.chains[found->second].rules.push_back(std::move(rule));
  return {};
}

Status Assembly::add_rules(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    if (auto status = add_rule(message); !status) return status;
  }
  return {};
}

Status add(ByteView dump, std::uint8_t command, std::string_view what, Assembly& assembly,
           Status (Assembly::*step)(const std::vector<Message>&)) {
  const auto messages = read_messages(dump, NFNL_SUBSYS_NFTABLES, command);
  if (!messages) return within(what, messages.error());
  return (assembly.*step)(*messages);
}

}  // namespace

Result<std::vector<SetName>> list_sets(ByteView sets_dump) {
  const auto messages = read_messages(sets_dump, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWSET);
  if (!messages) return within("sets", messages.error());
  std::vector<SetName> names;
  for (const Message& message : *messages) {
    auto decoded = decode_set(message);
    if (!decoded) return std::unexpected(decoded.error());
    const auto family = known_family(message.family);
    if (!family) return malformed("a set of an unknown family");
    names.push_back({*family, std::move(decoded->table), std::move(decoded->set.name)});
  }
  return names;
}

Result<std::vector<Table>> decode_nftables(const NftDump& dump) {
  Assembly assembly;
  auto status = add(dump.tables, NFT_MSG_NEWTABLE, "tables", assembly, &Assembly::add_tables);
  if (status)
    status = add(dump.chains, NFT_MSG_NEWCHAIN, "chains", assembly, &Assembly::add_chains);
  if (status) status = add(dump.sets, NFT_MSG_NEWSET, "sets", assembly, &Assembly::add_sets);
  for (const Bytes& elements : dump.set_elements) {
    if (!status) break;
    status = add(elements, NFT_MSG_NEWSETELEM, "set elements", assembly, &Assembly::add_elements);
  }
  if (status) status = add(dump.rules, NFT_MSG_NEWRULE, "rules", assembly, &Assembly::add_rules);
  if (!status) return std::unexpected(status.error());
  return assembly.take();
}

Result<std::uint32_t> decode_generation(ByteView reply) {
  const auto messages = read_messages(reply, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN);
  if (!messages) return within("generation", messages.error());
  if (messages->size() != 1) return malformed("not one answer to the question for the generation");
  const auto a = Attributes::parse(messages->front().attributes);
  const auto id = a ? a->be32(NFTA_GEN_ID) : std::nullopt;
  if (!id) return malformed("an answer without a generation");
  return *id;
}

}  // namespace bulkhead::ruleset
