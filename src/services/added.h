// Services that a user adds (--services DIR), in the form of the compiled-in table.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "services/catalogue.h"
#include "services/entry.h"

namespace bulkhead::services {

class AddedServices {
 public:
  AddedServices() = default;
  // Those of `entries` that the compiled-in catalogue has not. Findings point into it: it must
  // outlive them.
  explicit AddedServices(std::span<const Entry> entries);
  AddedServices(const AddedServices&) = delete;
  AddedServices& operator=(const AddedServices&) = delete;
  AddedServices(AddedServices&&) noexcept = default;
  AddedServices& operator=(AddedServices&&) noexcept = default;

  [[nodiscard]] std::span<const Service> all() const { return services_; }

 private:
  std::vector<Entry> entries_;
  std::vector<std::vector<std::string_view>> names_;  // processes and images, two of each entry
  std::vector<Service> services_;
};

}  // namespace bulkhead::services
