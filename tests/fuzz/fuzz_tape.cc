// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "schema/base/file.h"
#include "schema/tape/copy/salvage.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/reading/table_reader.h"
#include "schema/tape/reading/tape_size.h"
#include "schema/tape/tape_file.h"
#include "schema/tape/verify/verify.h"

// An untrusted file: opened, read to its end, its tables read, measured, verified, salvaged; and
// not written to.
namespace {

using namespace ktape;

// A private file of the process, in memory if the system has such a folder.
class Scratch {
 public:
  Scratch()
      : path_(std::string(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") +
              "/ktape-fuzz-XXXXXX") {
    fd_ = UniqueFd(::mkstemp(path_.data()));
    if (::link(path_.c_str(), partial().c_str()) != 0) std::abort();
  }
  ~Scratch() {
    ::unlink(partial().c_str());
    ::unlink(path_.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // A second name of the file, that of a recording.
  [[nodiscard]] std::string partial() const { return partial_name(path_); }
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
  const auto tape = TapeReader::open(path);
  if (!tape.ok()) return;
  (void)(*tape)->for_each([](const RecordView&) { return Result<void>(); }, ChainCheck::kRecords);
  const auto pages = (*tape)->freeze_pages(1);
  if (!pages.ok() || pages->empty() || !pages->front().hash) return;
  (void)(*tape)->page(*pages->front().hash);
}

void read_tables(const std::string& path) {
  const auto tables = TableReader::open(path);
  if (!tables.ok()) return;
  for (const std::string& table : tables->tables()) {
    (void)tables->for_each(table, [](const TableReader::Cells&) { return Result<void>(); });
  }
}

// What salvage makes is a tape.
void salvage_tape(const std::string& partial) {
  const std::string out = partial + ".salvaged";
  const auto salvaged = salvage(partial, out);
  if (salvaged.ok() && salvaged->integrity == Integrity::kAltered) std::abort();
  ::unlink(out.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Scratch scratch;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (!scratch.put(bytes)) return 0;
  read_tape(scratch.path());
  read_tables(scratch.path());
  (void)measure_tape(scratch.path());
  (void)verify(scratch.path(), std::nullopt);
  salvage_tape(scratch.partial());
  if (!scratch.holds(bytes)) std::abort();
  return 0;
}
