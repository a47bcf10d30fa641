// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/scenario_source.h"

#include <filesystem>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/nearest.h"

namespace ktape {

namespace fs = std::filesystem;

Result<std::string> find_scenario(const std::string& asked) {
  std::error_code ignored;
  // A file in the current folder comes before a shipped scenario of that name.
  if (asked.find('/') != std::string::npos || fs::exists(asked, ignored)) return asked;
  KTAPE_ASSIGN(std::string data, data_folder());
  std::string shipped = data + "/scenarios/" + asked;
  if (!shipped.ends_with(".scenario")) shipped += ".scenario";
  if (fs::exists(shipped, ignored)) return shipped;
  std::vector<std::string> shipping;
  for (const auto& entry : fs::directory_iterator(data + "/scenarios", ignored)) {
    shipping.push_back(entry.path().stem());
  }
  // Not taken by itself: it could hide a shipped scenario of that name.
  const bool is_here = fs::exists(asked + ".scenario", ignored);
  const std::string meant =
      is_here ? "did you mean '" + asked + ".scenario'?" : did_you_mean(asked, shipping);
  return Error{
      ErrorCode::kUsage,
      "cannot find scenario '" + asked + "': no such file, and no shipped scenario of that name",
      meant.empty() ? "the shipped scenarios are in '" + data + "/scenarios'" : meant};
}

}  // namespace ktape
