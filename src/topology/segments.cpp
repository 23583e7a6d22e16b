// Which devices frames can get between without a route: whatever links join, whether they are up,
// and whatever rules or port flags stop on the way. All that leads out of the model is taken as
// joined out there.
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "topology/topology.h"

namespace bulkhead::topology {
namespace {

class Sets {  // of devices that were joined
 public:
  Device* first(Device* d) {
    Device* top = d;
    for (auto at = above_.find(top); at != above_.end(); at = above_.find(top)) top = at->second;
    while (d != top) d = std::exchange(above_[d], top);
    return top;
  }
  void join(Device* a, Device* b) {
    if (a == nullptr || b == nullptr) return;
    a = first(a);
    b = first(b);
    if (a != b) above_[a] = b;
  }

 private:
  std::unordered_map<Device*, Device*> above_;
};

}  // namespace

void Topology::number_segments() {
  Sets sets;
  Device* outside = nullptr;
  for (auto& m : machines_) {
    for (auto& d : m->devices) {
      sets.join(d.get(), d->peer);
      sets.join(d.get(), d->bridge);
      sets.join(d.get(), d->parent);
      for (Device* end : d->far_ends) sets.join(d.get(), end);
      if (!d->leads_outside && !d->unmodelled_master) continue;
      if (outside == nullptr) outside = d.get();
      sets.join(d.get(), outside);
    }
  }
  std::unordered_map<const Device*, std::uint32_t> numbers;
  for (auto& m : machines_) {
    for (auto& d : m->devices) {
      const auto next = static_cast<std::uint32_t>(numbers.size());
      d->segment = numbers.try_emplace(sets.first(d.get()), next).first->second;
    }
  }
}

}  // namespace bulkhead::topology
