#include "packet/diagram.h"

#include <cstdlib>
#include <utility>

#include "packet/store.h"

namespace bulkhead::packet {

Diagram::Diagram(Store& store, std::uint32_t root) noexcept : store_(&store), root_(root) {
  store_->retain(root_);
}

Diagram::Diagram(const Diagram& other) noexcept : store_(other.store_), root_(other.root_) {
  if (store_ != nullptr) store_->retain(root_);
}

Diagram::Diagram(Diagram&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)), root_(other.root_) {}

Diagram& Diagram::operator=(const Diagram& other) noexcept {
  Diagram copy(other);
  std::swap(store_, copy.store_);
  std::swap(root_, copy.root_);
  return *this;
}

Diagram& Diagram::operator=(Diagram&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(root_, other.root_);
  return *this;
}

Diagram::~Diagram() {
  if (store_ != nullptr) store_->release(root_);
}

Store& Diagram::store() const {
  if (store_ == nullptr) std::abort();  // used after it was moved from
  return *store_;
}

std::uint32_t Diagram::root_of(const Diagram& other) const {
  if (&other.store() != &store()) std::abort();  // ids of another space mean other packets
  return other.root_;
}

Diagram::Size Diagram::size() const {
  return store().size(root_);
}

}  // namespace bulkhead::packet
