#include "services/added.h"

#include <algorithm>
#include <iterator>

namespace bulkhead::services {

// Views into entries_ and names_: both are complete, and do not move, before the first is taken.
AddedServices::AddedServices(std::span<const Entry> entries) {
  std::ranges::copy_if(entries, std::back_inserter(entries_),
                       [](const Entry& e) { return find_service(e.id) == nullptr; });
  for (const Entry& entry : entries_) {
    names_.emplace_back(entry.processes.begin(), entry.processes.end());
    names_.emplace_back(entry.images.begin(), entry.images.end());
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    Service& out = services_.emplace_back();
    out.id = entry.id;
    out.name = entry.name;
    out.service_class = entry.service_class;
    out.tcp = entry.tcp, out.udp = entry.udp;
    out.ports = entry.ports, out.also = entry.also;
    out.processes = names_[2 * i], out.images = names_[2 * i + 1];
    out.anywhere = entry.anywhere, out.front = entry.front;
    out.impact = entry.impact;
    out.tls = entry.tls;
    out.confidence = entry.confidence;
    out.source = entry.source;
  }
}

}  // namespace bulkhead::services
