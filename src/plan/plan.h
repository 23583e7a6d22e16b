// What a policy would do to a host, before anything is touched: its rules are put beside those of
// all others in a copy of the model, and everything is computed anew.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audit/finding.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "base/workers.h"
#include "compile/compile.h"
#include "plan/trials.h"

namespace bulkhead::plan {

// From a seat to a service, ordinary connections. There may be hundreds of thousands, so that what
// they share stands once.
struct Way {
  SharedText from;
  std::shared_ptr<const audit::Subject> to;  // never null
  SharedText reason;                         // what closes it; escaped, one line
};

struct Plan {
  compile::Compiled compiled;
  Trials trials;  // with the rules
  // Of those, what does not hold while something is in mode audit, and does once that is enforced.
  std::vector<std::string> awaits;  // Trial::text
  std::vector<Way> closes;          // open now, closed with the rules
  std::vector<Way> reopens;         // closed now, by an earlier policy of ours; open with the rules
  std::vector<Way> opens;  // closed without any rules of ours, open with these: they only narrow
  std::vector<Way> leaks;  // open with the rules though the policy holds it and no line permits it
  std::vector<Way> blocked;  // a line permits it, something else closes it
  std::vector<Way> unknown;  // with the rules, of what the policy holds
  // Nothing is broken, void, unknown, opened or leaking, but for what awaits enforcement.
  [[nodiscard]] bool fit() const;
};

// Cost: views::Survey::row() for each seat, before and after; then plan::try_policy(), for which
// those of the host, of containers and of whole zones are known already unless it is as attacker;
// and once more when something in mode audit keeps a never or a test from holding.
[[nodiscard]] Result<Plan> make_plan(const compile::Input& input, bool as_attacker,
                                     const Workers& workers = alone());

}  // namespace bulkhead::plan
