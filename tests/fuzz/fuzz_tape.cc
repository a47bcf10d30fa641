// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "schema/base/file.h"
#include "schema/journal/reader.h"
#include "schema/journal/verify.h"

// A stranger's file: opened, read to its end, verified; and read only.
namespace {

// In memory where the system has such a folder.
std::string scratch_path() {
  const char* folder = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  return std::string(folder) + "/ktape-fuzz-tape." + std::to_string(::getpid());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = [] {
    std::atexit([] { ::unlink(scratch_path().c_str()); });
    return scratch_path();
  }();
  const auto bytes = std::as_bytes(std::span(data, size));
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(data, 1, size, file);
    std::fclose(file);
  }
  {
    const auto tape = ktape::JournalReader::open(path);
    if (tape.ok()) {
      (void)(*tape)->for_each([](const ktape::RecordView&) { return ktape::Result<void>(); },
                              ktape::ChainCheck::kRecords);
      (void)(*tape)->freeze_pages(1);
    }
  }
  (void)ktape::verify(path, std::nullopt);
  const auto after = ktape::read_file(path, size + 1);
  if (!after.ok() || !std::equal(after->begin(), after->end(), bytes.begin(), bytes.end())) std::abort();
  return 0;
}
