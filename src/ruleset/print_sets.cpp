// Elements of sets and maps in nft's syntax.
#include <linux/netfilter/nf_tables.h>

#include "ruleset/print_nft.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

std::string print_fields(const SetDef& set, std::span<const Datatype> types, Order integers,
                         ByteView first, ByteView last) {
  const bool interval = (set.flags & NFT_SET_INTERVAL) != 0;
  const auto order = [&](Datatype t) {
    if (interval) return Order::kBig;
    return t == Datatype::kInteger ? integers : datatype_facts(t).order;
  };
  if (types.size() < 2) {
    const Datatype type = types.empty() ? Datatype::kInteger : types.front();
    return print_range(type, first, last, order(type));
  }
  std::string out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::size_t length = datatype_facts(types[i]).length;
    if (i < set.field_lengths.size()) length = set.field_lengths[i];
    if (length == 0) length = 4;
    if (at > first.size() || length > first.size() - at || last.size() != first.size()) break;
    out += (out.empty() ? "" : " . ") + print_range(types[i], first.subspan(at, length),
                                                    last.subspan(at, length), order(types[i]));
    at += (length + 3) / 4 * 4;
  }
  return out;
}

std::string print_data(const SetDef& set, const Bytes& data) {
  const std::vector<Datatype> types = split_types(set.data_type);
  const Datatype type = types.empty() ? Datatype::kInteger : types.front();
  // A range of addresses: dnat prefix.
  if (types.size() == 1 && data.size() == std::size_t{2} * datatype_facts(type).length) {
    const ByteView view(data);
    return print_range(type, view.first(data.size() / 2), view.last(data.size() / 2), Order::kBig);
  }
  SetDef plain;
  return print_fields(plain, types, Order::kBig, data, data);
}

}  // namespace

std::string print_elements(const SetDef& set, std::span<const Datatype> types, std::size_t limit,
                           Order integers) {
  std::string out;
  std::size_t written = 0;
  for (const SetElement& element : set.elements) {
    if (written == limit) {
      out += ", ... " + std::to_string(set.elements.size() - limit) + " more";
      break;
    }
    out += written++ == 0 ? "" : ", ";
    out +=
        element.catch_all ? "*" : print_fields(set, types, integers, element.first, element.last);
    if (!element.comment.empty()) out += " comment " + quoted(element.comment);
    if (element.verdict) out += " : " + print_verdict(*element.verdict);
    if (element.data) out += " : " + print_data(set, *element.data);
  }
  return out.empty() ? "{ }" : "{ " + out + " }";
}

}  // namespace bulkhead::ruleset
