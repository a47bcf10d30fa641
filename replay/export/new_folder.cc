// SPDX-License-Identifier: Apache-2.0
#include "replay/export/new_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "schema/base/text.h"
#include "schema/tape/tape_file.h"

namespace ktape {

namespace {

Error in_the_way(const std::string& path) {
  return Error{ErrorCode::kUsage, in_quotes(path) + " already exists",
               "give another name, or move the folder away"};
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// mkdtemp() lets only the owner in.
bool open_to_others(const std::string& folder) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return ::chmod(folder.c_str(), 0777 & ~mask) == 0;
}

}  // namespace

Result<NewFolder> NewFolder::create(const std::string& given) {
  const std::string path = without_slashes(given);
  if (exists(path)) return in_the_way(path);
  std::string partial = path + ".partial.XXXXXX";
  if (::mkdtemp(partial.data()) == nullptr)
    return system_error(ErrorCode::kHost, "cannot create the folder " + in_quotes(path));
  NewFolder folder(path, partial);
  if (!open_to_others(partial))
    return system_error(ErrorCode::kHost, "cannot create the folder " + in_quotes(path));
  return folder;
}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : path_(std::move(other.path_)), partial_(std::exchange(other.partial_, "")) {}

NewFolder::~NewFolder() {
  if (partial_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(partial_, ignored);
}

Result<void> NewFolder::finish() {
  // RENAME_NOREPLACE: an empty folder of that name that appeared meanwhile is kept.
  int failed = ::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  // What file systems say that do not know the flag.
  if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
    if (exists(path_)) return in_the_way(path_);
    failed = ::rename(partial_.c_str(), path_.c_str());
  }
  if (failed != 0 && errno == EEXIST) return in_the_way(path_);
  if (failed != 0) {
    return system_error(ErrorCode::kHost,
                        "cannot rename " + in_quotes(partial_) + " to " + in_quotes(path_));
  }
  partial_.clear();
  return {};
}

}  // namespace ktape
