// A whitelist as other programs' files: Compose overrides and Kubernetes network policies. Text
// out, nothing applied. Both say less than the kernel's rules (compile.h); what they cannot say
// stands at the head of each file, and is never left open or closed in silence.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compile/compile.h"
#include "policy/meaning.h"
#include "yaml/yaml.h"

namespace bulkhead::manifest {

struct Unsaid {              // something that the policy says, or means, and the file cannot
  yaml::Place place;         // of the line; line 0: of the policy as a whole
  std::string_view section;  // "egress"; "": of the policy as a whole
  std::string what;          // escaped, one line
  friend bool operator==(const Unsaid&, const Unsaid&) = default;
};

struct File {
  std::string name;  // the Compose project; "" for Kubernetes
  std::string text;  // YAML
};

struct Manifest {
  std::vector<File> files;            // by name
  std::vector<std::string> networks;  // Compose: to be made first, of several projects
  std::vector<Unsaid> unsaid;         // in the order of the file, what is of all first
};

// The comments at the head of a file: `made` first, then each of `unsaid` with its place in
// `config`.
[[nodiscard]] std::string head(std::string_view made, const policy::Config& config,
                               const std::vector<Unsaid>& unsaid);

// What cannot be said, gathered: each once, in order.
class Notes {
 public:
  void of_all(std::string what);
  void of(const policy::Line& line, std::string what);
  void of_end(const policy::Line& line);  // on which day, if there is one
  [[nodiscard]] std::vector<Unsaid> take() &&;

 private:
  std::vector<Unsaid> all_;
};

}  // namespace bulkhead::manifest
