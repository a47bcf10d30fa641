// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "guest/memory/flat_memory.h"
#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// Guest RAM in a memfd, mapped shared. The emulator inherits the descriptor and maps the same
// pages, so reading guest memory needs no system call and no emulator. Owns both; the bytes stay
// readable after the emulator has exited.
class GuestRam {
 public:
  // Makes a memfd of `bytes`, all zero, of which the host allocates only what is touched. kHost if
  // the host does not have enough memory.
  [[nodiscard]] static Result<GuestRam> create(uint64_t bytes);
  ~GuestRam();
  GuestRam(GuestRam&& other) noexcept
      : fd_(std::move(other.fd_)), bytes_(std::exchange(other.bytes_, std::span<std::byte>())) {}
  GuestRam& operator=(GuestRam&&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Valid as long as this object; a running guest changes them at any time.
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  // The parts that were ever touched, ascending, as offsets into the memfd. Reading the others
  // through the mapping would allocate them. kHost if the file system cannot tell (SEEK_DATA).
  [[nodiscard]] Result<std::vector<FlatMemory::Extent>> data_extents() const;

 private:
  GuestRam(UniqueFd fd, std::span<std::byte> bytes) : fd_(std::move(fd)), bytes_(bytes) {}

  UniqueFd fd_;
  std::span<std::byte> bytes_;
};

}  // namespace ktape
