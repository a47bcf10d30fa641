// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tape/tape_map.h"

#include <algorithm>
#include <cstdint>

// https://www.sqlite.org/fileformat.html, sections 1.3, 1.5 and 1.6.

namespace ktape::test {

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHeader = 96;  // of the file's 100 bytes: the rest is the version of SQLite

class Map {
 public:
  explicit Map(std::span<const std::byte> tape) : tape_(tape), used_(tape.size()) {
    mark(0, kHeader);
  }

  void tree(size_t page) {
    const size_t from = (page - 1) * kPage, header = from + (page == 1 ? 100 : 0);
    const uint64_t type = number(header, 1), cells = number(header + 3, 2);
    const bool interior = type == 2 || type == 5;
    const size_t pointers = header + (interior ? 12 : 8);
    mark(header, 1);
    mark(header + 3, 2);
    mark(pointers, 2 * cells);
    for (size_t i = 0; i < cells; ++i) cell(from + number(pointers + 2 * i, 2), type);
    if (!interior) return;
    mark(header + 8, 4);
    tree(number(header + 8, 4));
  }

  [[nodiscard]] const std::vector<bool>& used() const { return used_; }

 private:
  [[nodiscard]] uint64_t number(size_t at, size_t width) const {
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i)
      value = value << 8 | std::to_integer<uint64_t>(tape_[at + i]);
    return value;
  }

  // Of fewer than nine bytes.
  uint64_t varint(size_t& at) const {
    uint64_t value = 0;
    for (;; ++at) {
      value = value << 7 | (number(at, 1) & 0x7f);
      if ((number(at, 1) & 0x80) == 0) break;
    }
    ++at;
    return value;
  }

  void mark(size_t at, size_t bytes) {
    std::fill_n(used_.begin() + static_cast<std::ptrdiff_t>(at), bytes, true);
  }

  void cell(size_t at, uint64_t type) {
    const size_t begin = at;
    if (type == 2 || type == 5) {
      tree(number(at, 4));
      at += 4;
    }
    const uint64_t bytes = varint(at);
    if (type == 13) (void)varint(at);
    if (type != 5) at = row(at, bytes, type == 13);
    mark(begin, at - begin);
  }

  // Returns the end of the part that is in its cell.
  size_t row(size_t at, uint64_t bytes, bool table) {
    const size_t most = table ? kPage - 35 : (kPage - 12) * 64 / 255 - 23;
    if (bytes <= most) return at + bytes;
    const size_t least = (kPage - 12) * 32 / 255 - 23;
    size_t local = least + (bytes - least) % (kPage - 4);
    if (local > most) local = least;
    size_t next = number(at + local, 4);
    for (uint64_t left = bytes - local; left > 0;) {
      const size_t here = std::min<uint64_t>(left, kPage - 4), page = (next - 1) * kPage;
      mark(page, 4 + here);
      next = number(page, 4);
      left -= here;
    }
    return at + local + 4;
  }

  std::span<const std::byte> tape_;
  std::vector<bool> used_;
};

}  // namespace

std::vector<bool> bytes_in_use(std::span<const std::byte> tape, std::span<const unsigned> roots) {
  Map map(tape);
  map.tree(1);
  for (const unsigned root : roots) map.tree(root);
  return map.used();
}

}  // namespace ktape::test
