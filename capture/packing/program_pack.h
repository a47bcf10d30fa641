// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/packing/guest_files.h"
#include "schema/base/result.h"

namespace ktape {

// The largest program or library that is packed.
inline constexpr size_t kMaxProgramBytes = size_t{1} << 30;

// The folders of a search path in the format of PATH.
[[nodiscard]] std::vector<std::string> folders_of(std::string_view search_path);

// Whether the path is an executable regular file on this host.
[[nodiscard]] bool is_program(const std::string& path);

// Gives a guest what a program needs to run, at the same paths as on this host, unless `files`
// already has it: the program, its dynamic linker and libraries; for a script, its interpreter, and
// the program that "#!/usr/bin/env NAME" finds in the guest. `search_path` is this host's PATH; it
// is used if NAME is in no folder of the guest. Appends messages for the user to `notes`.
//
// Errors are those of needed_libraries. kBadInput for a script whose first line no kernel accepts,
// whose interpreter is itself a script (ktape cannot know what that runs), or whose Python lacks
// its standard library.
[[nodiscard]] Result<void> pack_program(const std::string& path, const std::string& search_path,
                                        GuestFiles& files, std::vector<std::string>& notes);

// Does the same for every ELF file and executable script in `files`, e.g. from an overlay. A
// missing dependency becomes a note, because the program may never run.
[[nodiscard]] Result<void> pack_needs_of_all(const std::string& search_path, GuestFiles& files,
                                             std::vector<std::string>& notes);

}  // namespace ktape
