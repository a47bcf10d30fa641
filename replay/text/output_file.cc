// SPDX-License-Identifier: Apache-2.0
#include "replay/text/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "schema/base/text.h"

namespace ktape {

Result<OutputFile> OutputFile::create(const std::string& path) {
  if (path == "-") return OutputFile(path, stdout);
  // x: fails if the file exists; e: is closed in child processes.
  std::FILE* file = std::fopen(path.c_str(), "wxe");
  if (file != nullptr) return OutputFile(path, file);
  if (errno == EEXIST)
    return Error{ErrorCode::kUsage, in_quotes(path) + " already exists",
                 "give another name, or move the file away"};
  return system_error(ErrorCode::kHost, "cannot create " + in_quotes(path));
}

OutputFile::~OutputFile() {
  if (file_ == nullptr || file_ == stdout) return;
  std::fclose(file_);
  ::unlink(path_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, nullptr)) {}

Result<void> OutputFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return {};
  return system_error(ErrorCode::kHost, "cannot write " + in_quotes(path_));
}

Result<void> OutputFile::finish() {
  std::FILE* file = std::exchange(file_, nullptr);
  bool flushed = std::fflush(file) == 0;
  // Before fclose(), which may overwrite it.
  int error = errno;
  bool closed = file == stdout || std::fclose(file) == 0;
  if (flushed && closed) return {};
  if (flushed) error = errno;
  if (file != stdout) ::unlink(path_.c_str());
  return system_error(ErrorCode::kHost, "cannot write " + in_quotes(path_), error);
}

}  // namespace ktape
