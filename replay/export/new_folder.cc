// SPDX-License-Identifier: Apache-2.0
#include "replay/export/new_folder.h"

#include <sys/stat.h>

#include <cerrno>

#include "schema/base/text.h"

namespace ktape {

Result<void> make_new_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return {};
  if (errno == EEXIST) {
    return Error{ErrorCode::kUsage, in_quotes(path) + " already exists",
                 "give another name, or move the folder away"};
  }
  return system_error(ErrorCode::kHost, "cannot create the folder " + in_quotes(path));
}

}  // namespace ktape
