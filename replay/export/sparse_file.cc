// SPDX-License-Identifier: Apache-2.0
#include "replay/export/sparse_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "schema/base/text.h"

namespace ktape {

Result<SparseFile> SparseFile::create(const std::string& path) {
  // O_EXCL: nothing is overwritten, not even through a link.
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    return system_error(errno == EEXIST ? ErrorCode::kUsage : ErrorCode::kHost,
                        "cannot create " + in_quotes(path));
  }
  return SparseFile(path, std::move(fd));
}

SparseFile::~SparseFile() {
  if (fd_.valid()) ::unlink(path_.c_str());
}

Result<void> SparseFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(ErrorCode::kHost, "cannot write " + in_quotes(path_));
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return {};
}

Result<void> SparseFile::finish(uint64_t bytes) {
  // Trailing bytes that were never written are zero.
  if (::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) {
    return system_error(ErrorCode::kHost, "cannot write " + in_quotes(path_));
  }
  // close() may be the first to report that the disk is full.
  if (::close(fd_.release()) == 0) return {};
  Error error = system_error(ErrorCode::kHost, "cannot write " + in_quotes(path_));
  ::unlink(path_.c_str());
  return error;
}

}  // namespace ktape
