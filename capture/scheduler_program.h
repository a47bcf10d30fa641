// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "capture/guest_files.h"
#include "capture/library_search.h"
#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// A scheduler that the user brings: what was asked for, found on the host.
struct SchedulerProgram {
  std::string path;  // absolute
  Digest digest{};   // of its content
};

// Where a scheduler is looked for by name, in order: `beside`, each of `folders`, then each folder of
// `search_path` (the form of PATH). A name with a '/' is a path, from `beside` where it is not absolute.
struct SchedulerPlaces {
  std::string beside;
  std::vector<std::string> folders;
  std::string search_path;
};

// kUsage says where was looked; kBadInput what the file is that cannot be executed, or is neither a program
// nor a script.
[[nodiscard]] Result<SchedulerProgram> find_scheduler(const std::string& name, const SchedulerPlaces& places);

// Gives the guest a program at the path that it has on the host, with the libraries that it needs; for a
// script, its interpreter, and that of "#!/usr/bin/env NAME". Errors as those of needed_libraries.
[[nodiscard]] Result<void> pack_scheduler(const SchedulerProgram& program, const LibraryPlaces& libraries,
                                          const std::string& search_path, GuestFiles& files);

}  // namespace ktape
