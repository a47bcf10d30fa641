// SPDX-License-Identifier: Apache-2.0
#include "capture/scenario_source.h"

#include <filesystem>

#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

Result<std::string> data_folder() {
  KTAPE_ASSIGN(std::string programs, executable_folder());
  return fs::path(programs).parent_path().string() + "/share/ktape";
}

Result<std::string> find_scenario(const std::string& asked) {
  std::error_code ignored;
  if (asked.find('/') != std::string::npos || fs::exists(asked, ignored)) return asked;
  KTAPE_ASSIGN(std::string data, data_folder());
  std::string shipped = data + "/scenarios/" + asked;
  if (!shipped.ends_with(".scenario")) shipped += ".scenario";
  if (fs::exists(shipped, ignored)) return shipped;
  return Error{ErrorCode::kUsage,
               "cannot find scenario '" + asked + "': no such file, and none of that name ships",
               "the scenarios that ship are in '" + data + "/scenarios'"};
}

}  // namespace ktape
