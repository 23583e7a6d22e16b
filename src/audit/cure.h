// What to do about a finding, as lines to paste, and what the model says once they are applied.
#pragma once

#include <cstddef>

#include "audit/cure_change.h"
#include "audit/evidence.h"
#include "audit/known_answers.h"

namespace bulkhead::audit {

class CureFinder {
 public:
  // A cure is tried on the model and asked again until one is found that makes the finding go away.
  // At most `budget` are tried; what is beyond stays uncomputed, and says so. What is given must
  // outlive it.
  CureFinder(const Scene& scene, const MakeOracle& make, std::size_t budget)
      : scene_(scene),
        make_(make),
        bridges_(bridges_by_container(scene)),
        known_(scene.reach),
        budget_(budget) {}

  // Fills Finding::cures; the one that makes the finding go away comes first.
  void find(Draft& draft);

 private:
  const Scene& scene_;
  const MakeOracle& make_;
  ContainerBridges bridges_;
  KnownAnswers known_;
  std::size_t budget_;
};

}  // namespace bulkhead::audit
