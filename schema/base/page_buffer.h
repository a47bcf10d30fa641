// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace ktape {

// Bytes in pages of their own, outside of the heap, so that parts can be returned to the system
// while the rest is in use. A page takes memory once it is written. Running out of address space
// ends the program.
class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(size_t bytes) { resize(bytes); }  // zeros
  explicit PageBuffer(std::span<const std::byte> bytes);
  ~PageBuffer() { resize(0); }
  PageBuffer(PageBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] std::byte* data() { return data_; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::byte* begin() { return data_; }
  [[nodiscard]] std::byte* end() { return data_ + size_; }
  [[nodiscard]] const std::byte* begin() const { return data_; }
  [[nodiscard]] const std::byte* end() const { return data_ + size_; }

  // May move the bytes. New bytes are zeros, unless they existed before.
  void resize(size_t bytes);
  // Returns the pages that lie within a range to the system; they read as zeros from then on.
  void release(size_t offset, size_t bytes);
  // The same for pages in the range that are all zeros: no byte changes.
  void release_zeros(size_t offset, size_t bytes);

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace ktape
