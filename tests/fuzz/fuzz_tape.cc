// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "schema/base/file.h"
#include "schema/journal/reader.h"
#include "schema/journal/verify.h"

// A stranger's file: opened, read to its end, verified; and read only.
namespace {

using namespace ktape;

// A file of the process's own, in memory where the system has such a folder.
class Scratch {
 public:
  Scratch()
      : path_(std::string(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/ktape-fuzz-XXXXXX") {
    fd_ = UniqueFd(::mkstemp(path_.data()));
  }
  ~Scratch() { ::unlink(path_.c_str()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool put(std::span<const std::byte> bytes) const {
    return ::ftruncate(fd_.get(), static_cast<off_t>(bytes.size())) == 0 &&
           ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  }
  [[nodiscard]] bool holds(std::span<const std::byte> bytes) const {
    const auto now = read_file(path_, bytes.size());
    return now.ok() && std::ranges::equal(*now, bytes);
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

void read_tape(const std::string& path) {
  const auto tape = JournalReader::open(path);
  if (!tape.ok()) return;
  (void)(*tape)->for_each([](const RecordView&) { return Result<void>(); }, ChainCheck::kRecords);
  const auto pages = (*tape)->freeze_pages(1);
  if (!pages.ok() || pages->empty() || !pages->front().hash) return;
  (void)(*tape)->page(*pages->front().hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Scratch scratch;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (!scratch.put(bytes)) return 0;
  read_tape(scratch.path());
  (void)verify(scratch.path(), std::nullopt);
  if (!scratch.holds(bytes)) std::abort();
  return 0;
}
