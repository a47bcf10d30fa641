// SPDX-License-Identifier: Apache-2.0
#include "schema/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

namespace ktape {

namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

// Files in /proc and /sys have no size, so this reads until the end.
template <typename Bytes>
Result<Bytes> read_whole(const std::string& path, size_t limit_bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kHost;
    return system_error(code, "cannot open '" + path + "'");
  }
  Bytes bytes;
  size_t filled = 0;
  for (;;) {
    // Doubles up to a chunk: most files are small, and one that only claims to be large costs
    // nothing.
    bytes.resize(std::max(bytes.size(), filled + std::min(kChunkBytes, filled + 4096)));
    ssize_t n = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(ErrorCode::kHost, "cannot read '" + path + "'");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
    if (filled > limit_bytes) {
      return Error{ErrorCode::kBadInput,
                   "'" + path + "' is larger than " + std::to_string(limit_bytes) + " bytes", ""};
    }
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

void UniqueFd::reset() {
  // Errors of close() matter only after writing; writers sync and check before they get here.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<std::vector<std::byte>> read_file(const std::string& path, size_t limit_bytes) {
  return read_whole<std::vector<std::byte>>(path, limit_bytes);
}

Result<PageBuffer> read_file_to_pages(const std::string& path, size_t limit_bytes) {
  return read_whole<PageBuffer>(path, limit_bytes);
}

Result<std::string> read_text_file(const std::string& path, size_t limit_bytes) {
  return read_whole<std::string>(path, limit_bytes);
}

std::vector<std::string> path_folders() {
  std::vector<std::string> folders;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    size_t colon = std::min(rest.find(':'), rest.size());
    if (colon > 0) folders.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return folders;
}

Result<std::string> executable_folder() {
  char path[PATH_MAX];
  ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || static_cast<size_t>(n) >= sizeof path) {
    return system_error(ErrorCode::kHost, "cannot resolve '/proc/self/exe'");
  }
  std::string text(path, static_cast<size_t>(n));
  // "(deleted)" is appended if the executable was replaced while running; only the folder is used.
  return text.substr(0, text.rfind('/'));
}

std::string data_folder_of(std::string_view executable_folder) {
  constexpr std::string_view kLibexec = "/libexec/ktape";
  // Installed verbs are in libexec, the launcher is in bin.
  const size_t behind_prefix = executable_folder.ends_with(kLibexec)
                                   ? executable_folder.size() - kLibexec.size()
                                   : executable_folder.rfind('/');
  return std::string(executable_folder.substr(0, behind_prefix)) + "/share/ktape";
}

Result<std::string> data_folder() {
  KTAPE_ASSIGN(const std::string programs, executable_folder());
  return data_folder_of(programs);
}

}  // namespace ktape
