// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/guest_ram.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace ktape {

namespace {

constexpr char kLessMemory[] =
    "give the guest less memory with --memory-mb, or raise this host's limit";

}  // namespace

Result<GuestRam> GuestRam::create(uint64_t bytes) {
  // CLOEXEC: only QEMU inherits it, by an explicit dup in the child.
  UniqueFd fd(::memfd_create("ktape-guest-ram", MFD_CLOEXEC));
  if (!fd.valid())
    return system_error(ErrorCode::kHost, "cannot create a memfd for the guest's RAM");
  const auto refused = [&] {
    Error error = system_error(
        ErrorCode::kHost, fmt::format("cannot allocate {} MiB for the guest's RAM", bytes >> 20));
    error.hint = kLessMemory;
    return error;
  };
  // Takes no memory yet. On a host that overcommits, a guest too large fails only when it touches
  // pages, by the OOM killer; `refused` covers limits and strict accounting.
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return refused();
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapped == MAP_FAILED) return refused();
  return GuestRam(std::move(fd), std::span(static_cast<std::byte*>(mapped), bytes));
}

GuestRam::~GuestRam() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<std::vector<FlatMemory::Extent>> GuestRam::data_extents() const {
  std::vector<FlatMemory::Extent> extents;
  off_t end = 0;
  for (;;) {
    off_t begin = ::lseek(fd_.get(), end, SEEK_DATA);
    // ENXIO: the rest of the file is a hole.
    if (begin < 0 && errno == ENXIO) return extents;
    if (begin >= 0) end = ::lseek(fd_.get(), begin, SEEK_HOLE);
    if (begin < 0 || end < 0) return system_error(ErrorCode::kHost, "cannot list the guest's RAM");
    extents.push_back({static_cast<uint64_t>(begin), static_cast<uint64_t>(end - begin)});
  }
}

}  // namespace ktape
