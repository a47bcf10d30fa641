// SPDX-License-Identifier: Apache-2.0
#include "schema/base/page_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "schema/base/result.h"

namespace ktape {

namespace {

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t up(size_t bytes) { return (bytes + page_bytes() - 1) / page_bytes() * page_bytes(); }
size_t down(size_t bytes) { return bytes / page_bytes() * page_bytes(); }

bool is_zero(const std::byte* page) {
  // Each byte equals the one before it, and the first is 0.
  return page[0] == std::byte{0} && std::memcmp(page, page + 1, page_bytes() - 1) == 0;
}

}  // namespace

PageBuffer::PageBuffer(std::span<const std::byte> bytes) : PageBuffer(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

void PageBuffer::resize(size_t bytes) {
  const size_t before = up(size_);
  const size_t after = up(bytes);
  size_ = bytes;
  if (before == after) return;
  if (after == 0) {
    ::munmap(std::exchange(data_, nullptr), before);
    return;
  }
  // Without a reservation: a size may come from a damaged file, and bytes that are never written
  // cost nothing.
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const pages = before == 0 ? ::mmap(nullptr, after, PROT_READ | PROT_WRITE, kFlags, -1, 0)
                                  : ::mremap(data_, before, after, MREMAP_MAYMOVE);
  KTAPE_CHECK(pages != MAP_FAILED);
  data_ = static_cast<std::byte*>(pages);
}

void PageBuffer::release(size_t offset, size_t bytes) {
  KTAPE_CHECK(offset <= size_ && bytes <= size_ - offset);
  const size_t first = up(offset);
  // Only whole pages inside the range: those at its ends hold other bytes.
  const size_t end = down(offset + bytes);
  if (first < end) ::madvise(data_ + first, end - first, MADV_DONTNEED);
}

void PageBuffer::release_zeros(size_t offset, size_t bytes) {
  KTAPE_CHECK(offset <= size_ && bytes <= size_ - offset);
  // An incomplete last page is left alone; it goes with the buffer.
  const size_t end = down(offset + bytes);
  for (size_t page = up(offset); page < end;) {
    size_t zeros = 0;
    while (page + zeros < end && is_zero(data_ + page + zeros)) zeros += page_bytes();
    if (zeros > 0) release(page, zeros);
    page += zeros + page_bytes();
  }
}

}  // namespace ktape
