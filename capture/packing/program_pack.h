// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/packing/guest_files.h"
#include "schema/base/result.h"

namespace ktape {

// The folders of a search path in the form of PATH.
[[nodiscard]] std::vector<std::string> folders_of(std::string_view search_path);

// An executable regular file of this host.
[[nodiscard]] bool is_program(const std::string& path);

// Gives a guest what a program needs to run there, at the paths that it has on this host, unless
// `files` has it already: the program, its dynamic linker and libraries; for a script its
// interpreter, and that which
// "#!/usr/bin/env NAME" leads to in the guest. `search_path` is this host's PATH, for a NAME that
// is in no folder of the guest's. What people should know is appended to `notes`.
//
// Errors as those of needed_libraries. kBadInput for a script whose first line no kernel
// understands, or whose interpreter is a script (a shim: what it runs cannot be told), or Python
// without its standard library.
[[nodiscard]] Result<void> pack_program(const std::string& path, const std::string& search_path,
                                        GuestFiles& files, std::vector<std::string>& notes);

// The same for every ELF file and every executable script in `files`, e.g. of an overlay. What one
// of them needs and is nowhere is a note: it may never run.
[[nodiscard]] Result<void> pack_needs_of_all(const std::string& search_path, GuestFiles& files,
                                             std::vector<std::string>& notes);

}  // namespace ktape
