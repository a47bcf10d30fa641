// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/packing/guest_files.h"
#include "schema/base/result.h"

namespace ktape {

// The libraries in the contents of an /etc/ld.so.cache: path by name, for x86-64, without those for
// special hardware. Empty for anything else than such a file (glibc, sysdeps/generic/dl-cache.h).
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_library_cache(
    std::string_view cache);

// Where shared libraries are: in what the guest was given already, and where this host keeps its
// own.
struct LibraryPlaces {
  const GuestFiles* given = nullptr;  // outlives the places; stands before the host's
  std::map<std::string, std::string, std::less<>> cache;
  std::vector<std::string> folders;  // searched last

  // This host's: /etc/ld.so.cache and the folders that its dynamic linker knows.
  [[nodiscard]] static LibraryPlaces of_host();
  // A guest's that was given `files`: a cache among them is the one that its dynamic linker reads.
  [[nodiscard]] static LibraryPlaces of_guest(const GuestFiles& files);
};

// The dynamic linker and every library that an ELF program needs, directly or through others: paths
// in the guest, which are those on the host where it was not given them, as the dynamic linker
// would find them by RPATH, RUNPATH, $ORIGIN, cache and folders (ld.so(8); LD_LIBRARY_PATH is not
// looked at, the guest has none). Empty for a static program. kNotFound names the library that is
// missing, and what needs it. Nothing is run.
[[nodiscard]] Result<std::vector<std::string>> needed_libraries(const std::string& program,
                                                                const LibraryPlaces& places);

}  // namespace ktape
