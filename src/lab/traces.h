// What a lab leaves in the system while it runs, and how all of it is removed.
//
// Everything is found by name: namespaces by prefix, processes by the namespace, control group or
// folder they belong to. So it can be removed by a process that did not make it, at any moment, and
// nothing that belongs to another engine on the machine is touched.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bulkhead::lab {

struct Traces {
  std::string prefix;     // of the names of network namespaces and of the control group
  std::string directory;  // holds all files
};

// The traces of the lab that process `maker` makes: "bulkhead-demo-<pid>-" and a folder of that
// name below `temporary` (which must exist).
Traces traces_of(pid_t maker, const std::string& temporary);

// Ends the processes, removes namespaces, mounts, control groups and files. Returns what is still
// there, in words; empty when nothing is. Takes at most some ten seconds.
std::vector<std::string> remove_traces(const Traces& traces);

// Labs whose maker and guardian both died: removes what they left. Returns what could not be
// removed.
std::vector<std::string> sweep(const std::string& temporary);

}  // namespace bulkhead::lab
