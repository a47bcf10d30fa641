// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// A scheduler that the user brings: what was asked for, found on the host.
struct SchedulerProgram {
  std::string path;                 // absolute
  Digest digest{};                  // of its content
  std::vector<std::byte> build_id;  // GNU build-id; empty for a script, and where there is none
  std::string note;  // that others of its name were passed over; empty: there are none
};

// Where a scheduler is looked for by name, in order: each of `folders`, which somebody named for
// it, then `beside`, then each folder of `search_path` (the form of PATH). A name with a '/' is a
// path, from `beside` where it is not absolute.
struct SchedulerPlaces {
  std::string beside;
  std::vector<std::string> folders;
  std::string search_path;
};

// kUsage says where was looked; kBadInput what the file is that cannot be executed, or is neither a
// program nor a script.
[[nodiscard]] Result<SchedulerProgram> find_scheduler(const std::string& name,
                                                      const SchedulerPlaces& places);

}  // namespace ktape
