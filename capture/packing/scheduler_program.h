// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// A scheduler brought by the user and found on the host.
struct SchedulerProgram {
  std::string path;                 // absolute
  Digest digest{};                  // of its content
  std::vector<std::byte> build_id;  // GNU build-id; empty for a script or if there is none
  std::string note;                 // other programs of that name that were not used; empty: none
};

// Where to look up a scheduler by name, in order: `folders`, given by the user; `beside`; each
// folder of `search_path` (in the format of PATH). A name with a '/' is a path, relative to
// `beside`.
struct SchedulerPlaces {
  std::string beside;
  std::vector<std::string> folders;
  std::string search_path;
};

// kUsage says where it looked. kBadInput says why the file is not an executable program or script.
[[nodiscard]] Result<SchedulerProgram> find_scheduler(const std::string& name,
                                                      const SchedulerPlaces& places);

}  // namespace ktape
