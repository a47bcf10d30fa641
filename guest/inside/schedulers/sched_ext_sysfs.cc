// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/sched_ext_sysfs.h"

#include <filesystem>

#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

constexpr size_t kSysfsLimitBytes = 4096;
// Depth of nested sub-schedulers that are looked at; a symbolic link could lead in circles.
constexpr int kMaxLevels = 8;
constexpr size_t kMaxSchedulers = 64;

std::string attribute(const std::string& path) {
  Result<std::string> text = read_text_file(path, kSysfsLimitBytes);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

// A scheduler's folder has a file `ops` with its name; the folders of its sub-schedulers are below
// it.
void add_schedulers(const fs::path& folder, int levels, std::vector<std::string>& names) {
  if (levels == 0 || names.size() >= kMaxSchedulers) return;
  std::error_code error;
  // A scheduler may go away between any two of these calls: every error means "not there any more".
  if (fs::exists(folder / "ops", error)) names.push_back(attribute(folder / "ops"));
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    if (at->is_directory(error) && !at->is_symlink(error))
      add_schedulers(at->path(), levels - 1, names);
  }
}

}  // namespace

SchedExtView read_sched_ext(const std::string& folder) {
  SchedExtView view{attribute(folder + "/state"), attribute(folder + "/enable_seq"), {}};
  add_schedulers(folder + "/root", kMaxLevels, view.names);
  return view;
}

}  // namespace ktape
