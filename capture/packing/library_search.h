// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/packing/guest_files.h"
#include "schema/base/result.h"

namespace ktape {

// Parses an /etc/ld.so.cache: path by name, for x86-64, without libraries for specific hardware.
// Empty if the text is not such a cache (glibc, sysdeps/generic/dl-cache.h).
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_library_cache(
    std::string_view cache);

// Where to look for shared libraries: in what the guest was already given, and on this host.
struct LibraryPlaces {
  const GuestFiles* given = nullptr;  // outlives this; takes precedence over the host
  std::map<std::string, std::string, std::less<>> cache;
  std::vector<std::string> folders;  // searched last

  // Of this host: /etc/ld.so.cache and the default folders of its dynamic linker.
  [[nodiscard]] static LibraryPlaces of_host();
  // Of a guest that was given `files`: if they contain a cache, its dynamic linker reads that one.
  [[nodiscard]] static LibraryPlaces of_guest(const GuestFiles& files);
};

// The dynamic linker and all libraries that an ELF program needs, directly or indirectly, as the
// dynamic linker would find them: RPATH, RUNPATH, $ORIGIN, cache and default folders (ld.so(8)).
// LD_LIBRARY_PATH is ignored; the guest has none. The result is paths in the guest; libraries that
// the guest was not given have the same path on the host. Empty for a static program. kNotFound
// names the missing library and what needs it. Nothing is run.
[[nodiscard]] Result<std::vector<std::string>> needed_libraries(const std::string& program,
                                                                const LibraryPlaces& places);

}  // namespace ktape
