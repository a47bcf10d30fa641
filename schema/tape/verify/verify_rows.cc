// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify_parts.h"

// Rows as stored in the file. Queries do not show all of a row: not a value in place of a key
// that is stored elsewhere, not the bytes after the last column, not the width of a number. SQLite
// writes each row in exactly one way, so any other way is an edit.
// https://www.sqlite.org/fileformat.html, sections 1.5, 1.6 and 2.1.

namespace ktape {

namespace {

constexpr size_t kFileHeaderBytes = 100;
constexpr size_t kFreeTrunkAt = 32;
constexpr size_t kFreePagesAt = 36;
// As the reader's own limit (SQLITE_LIMIT_LENGTH), so no row that can be read is refused.
constexpr size_t kMaxRowBytes = kMaxBlobBytes + (1 << 16);
constexpr int kMaxDepth = 20;  // SQLite's BTCURSOR_MAX_DEPTH
constexpr uint32_t kInteriorIndex = 2, kInteriorTable = 5, kLeafIndex = 10, kLeafTable = 13;

using Page = std::array<std::byte, kTapePageBytes>;

// A table or an index.
struct Tree {
  std::string name;
  uint32_t root = 0;
  size_t columns = 0;
  std::optional<size_t> key;  // the column that is the row number, stored only there
  bool numbered = false;      // rows count from 1: their numbers are not in a column
};

// Reads consecutive big-endian numbers. Bytes beyond the end read as zero and make it not
// `sound`.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes, size_t at = 0) : bytes_(bytes), at_(at) {}

  uint64_t number(size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8 | next();
    return value;
  }

  // Seven bits a byte, and eight in the ninth; not `sound` if fewer bytes would do. SQLite reads
  // longer forms, but never writes them.
  uint64_t varint() {
    constexpr int kLast = 8;
    uint64_t value = 0;
    int length = 0;
    for (;; ++length) {
      const uint64_t byte = next();
      if (length == kLast) {
        value = value << 8 | byte;
        break;
      }
      value = value << 7 | (byte & 0x7f);
      if ((byte & 0x80) == 0) break;
    }
    // The length that SQLite would have used for this value.
    int needed = 1;
    for (uint64_t rest = value >> 7; rest != 0 && needed <= kLast; rest >>= 7) ++needed;
    sound_ = sound_ && length + 1 == needed;
    return value;
  }

  std::span<const std::byte> take(size_t count) {
    sound_ = sound_ && at_ <= bytes_.size() && count <= bytes_.size() - at_;
    if (!sound_) return {};
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  [[nodiscard]] size_t at() const { return at_; }
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  uint64_t next() {
    sound_ = sound_ && at_ < bytes_.size();
    return sound_ ? std::to_integer<uint64_t>(bytes_[at_++]) : 0;
  }

  std::span<const std::byte> bytes_;
  size_t at_;
  bool sound_ = true;
};

// The bytes of an integer of a type from 1 to 6.
size_t width_of(uint64_t type) { return type <= 4 ? type : type == 5 ? 6 : 8; }

// Whether an integer is of the narrowest type that holds it; 0 and 1 have types of their own.
bool is_narrow(uint64_t raw, uint64_t type) {
  const size_t bits = 8 * width_of(type);
  // Sign-extended to 64 bits.
  const auto value = static_cast<int64_t>(raw << (64 - bits)) >> (64 - bits);
  // 0 and 1 are types 8 and 9, without a byte.
  if (value == 0 || value == 1) return false;
  if (type == 1) return true;
  const size_t narrower = 8 * width_of(type - 1);
  // The upper bits of a narrower number would all be its sign.
  return value >> (narrower - 1) != 0 && value >> (narrower - 1) != -1;
}

// Reads one value from `body`. False if SQLite would write it differently.
bool value_is_sound(uint64_t type, Bytes& body) {
  constexpr uint64_t kNull = 0, kReal = 7, kZero = 8, kOne = 9, kText = 12;
  if (type == kNull || type == kZero || type == kOne) return true;
  if (type < kReal) return is_narrow(body.number(width_of(type)), type);
  // NaN reads as NULL.
  if (type == kReal) return !std::isnan(std::bit_cast<double>(body.number(sizeof(double))));
  // Types 10 and 11 are reserved.
  if (type < kText) return false;
  (void)body.take((type - kText) / 2);
  return true;
}

// A whole row: a header of types, then the values.
const char* fault_of(std::span<const std::byte> row, const Tree& tree, bool has_key) {
  Bytes types(row);
  const uint64_t header_bytes = types.varint();
  Bytes body(row, header_bytes);
  size_t columns = 0;
  for (; types.sound() && types.at() < header_bytes; ++columns) {
    const uint64_t type = types.varint();
    // An INTEGER PRIMARY KEY is stored as the row number; the column itself is NULL.
    if (has_key && tree.key == columns && type != 0) return "has a value in place of its key";
    if (!value_is_sound(type, body)) return "has a value in a form that SQLite does not write";
  }
  if (!types.sound() || !body.sound()) return "is cut short or wider than necessary";
  if (columns > tree.columns) return "has more columns than its table";
  if (columns < tree.columns) return "has fewer columns than its table";
  if (types.at() != header_bytes || body.at() != row.size())
    return "has bytes after its last column";
  return nullptr;
}

class RowTree {
 public:
  RowTree(UniqueFd file, uint64_t pages) : file_(std::move(file)), seen_(pages + 1) {}

  Result<void> check_free_pages() {
    KTAPE_ASSIGN(const std::unique_ptr<Page> first, read(1));
    auto trunk = static_cast<uint32_t>(Bytes(*first, kFreeTrunkAt).number(4));
    uint64_t left = Bytes(*first, kFreePagesAt).number(4);
    // The header counts free pages; the chain must not be longer, whatever it says.
    while (trunk != 0 && left > 0) {
      KTAPE_ASSIGN(const std::unique_ptr<Page> page, visit(trunk));
      Bytes list(*page);
      trunk = static_cast<uint32_t>(list.number(4));
      // Trunk pages are free pages, too.
      uint64_t entries = list.number(4);
      --left;
      for (; entries > 0 && left > 0 && list.sound(); --entries, --left) {
        // secure_delete=ON: the recorder overwrites what it frees with zeros.
        KTAPE_TRY(check_free_page(static_cast<uint32_t>(list.number(4))));
      }
      // After the list only its former entries may follow. Old entries are page numbers, or zero.
      while (list.at() < page->size()) {
        if (list.number(4) >= seen_.size()) return bad_input("a freelist page has other content");
      }
    }
    return {};
  }

  Result<void> check(const Tree& tree) {
    tree_ = &tree;
    row_ = 0;
    return check_page(tree.root, 0);
  }

 private:
  [[nodiscard]] Result<std::unique_ptr<Page>> read(uint32_t number) const {
    auto page = std::make_unique<Page>();
    const auto at = static_cast<off_t>(uint64_t{number - 1} * kTapePageBytes);
    const ssize_t got = ::pread(file_.get(), page->data(), page->size(), at);
    if (got < 0)
      return system_error(ErrorCode::kHost,
                          "cannot read page " + std::to_string(number) + " of the file");
    if (static_cast<size_t>(got) != page->size())
      return bad_input("page " + std::to_string(number) + " of the file is cut short");
    return page;
  }

  // Visits each page only once, so that no cycle traps us.
  Result<std::unique_ptr<Page>> visit(uint32_t number) {
    // A page of two trees would let one row appear in two tables.
    if (number == 0 || number >= seen_.size() || seen_[number])
      return bad_input("page " + std::to_string(number) +
                       " of the file does not exist or is used twice");
    seen_[number] = true;
    return read(number);
  }

  Result<void> check_free_page(uint32_t number) {
    KTAPE_ASSIGN(const std::unique_ptr<Page> page, visit(number));
    const bool clean =
        std::ranges::all_of(*page, [](std::byte byte) { return byte == std::byte{0}; });
    if (!clean)
      return bad_input("page " + std::to_string(number) + " of the file is free but not empty");
    return {};
  }

  Result<void> check_page(uint32_t number, int depth) {
    KTAPE_ASSIGN(const std::unique_ptr<Page> page, visit(number));
    // The database's header takes the first bytes of page 1.
    Bytes header(*page, number == 1 ? kFileHeaderBytes : 0);
    const auto type = static_cast<uint32_t>(header.number(1));
    (void)header.number(2);  // the first free space
    const uint64_t cells = header.number(2);
    (void)header.number(3);  // where cells begin; free bytes between them
    const bool interior = type == kInteriorIndex || type == kInteriorTable;
    if ((!interior && type != kLeafIndex && type != kLeafTable) || depth > kMaxDepth)
      return fault(number, "is not a page of a table");
    // The right-most child is in the header, not in a cell.
    const auto last_child = static_cast<uint32_t>(interior ? header.number(4) : 0);
    for (uint64_t i = 0; i < cells && header.sound(); ++i) {
      Bytes cell(*page, header.number(2));
      // Sibling pages are visited in the order of their keys, depth first.
      KTAPE_TRY(check_cell(number, type, cell, depth));
    }
    if (!header.sound()) return fault(number, "has more rows than fit");
    return interior ? check_page(last_child, depth + 1) : Result<void>();
  }

  Result<void> check_cell(uint32_t number, uint32_t type, Bytes& cell, int depth) {
    if (type == kInteriorIndex || type == kInteriorTable)
      KTAPE_TRY(check_page(static_cast<uint32_t>(cell.number(4)), depth + 1));
    if (type == kInteriorTable) {
      // Tapes only grow: the interior key between two pages is the last row number of the first.
      // Rows were only ever appended, so no split has left another key there.
      if (cell.varint() != row_ || !cell.sound())
        return fault(number, "has an interior key that matches no row");
      return {};
    }
    const uint64_t bytes = cell.varint();
    if (type == kLeafTable) {
      const uint64_t row = cell.varint();
      // event counts from 1 without a gap; a row that was removed leaves one.
      if (tree_->numbered && row != row_ + 1)
        return fault(number, "has rows that do not count from 1");
      row_ = row;
    }
    if (!cell.sound() || bytes > kMaxRowBytes) return fault(number, "has a row without a size");
    KTAPE_ASSIGN(const std::vector<std::byte> row, row_of(number, cell, bytes, type == kLeafTable));
    const char* const wrong = fault_of(row, *tree_, type == kLeafTable);
    return wrong == nullptr ? Result<void>()
                            : fault(number, std::string("has a row that ") + wrong);
  }

  // The cell holds only a part of a long row, a chain of pages the rest.
  Result<std::vector<std::byte>> row_of(uint32_t number, Bytes& cell, size_t bytes, bool table) {
    // The file format's own formula (1.6, "Cell Payload Overflow Pages").
    constexpr size_t kUsable = kTapePageBytes, kRest = kUsable - 4;
    constexpr size_t kLeast = (kUsable - 12) * 32 / 255 - 23;
    const size_t most = table ? kUsable - 35 : (kUsable - 12) * 64 / 255 - 23;
    size_t local = bytes;
    if (bytes > most) {
      local = kLeast + (bytes - kLeast) % kRest;
      if (local > most) local = kLeast;
    }
    const auto part = cell.take(local);
    std::vector<std::byte> row(part.begin(), part.end());
    auto next = static_cast<uint32_t>(local < bytes ? cell.number(4) : 0);
    if (!cell.sound()) return fault(number, "has a row that is cut short");
    while (row.size() < bytes) {
      // visit() refuses a page that was seen, so a chain cannot be a cycle.
      KTAPE_ASSIGN(const std::unique_ptr<Page> page, visit(next));
      Bytes rest(*page);
      next = static_cast<uint32_t>(rest.number(4));
      const auto more = rest.take(std::min(kRest, bytes - row.size()));
      row.insert(row.end(), more.begin(), more.end());
    }
    // Overflow pages behind the row's end would hold bytes that no query shows.
    if (next != 0) return fault(number, "has a row that continues after its end");
    return row;
  }

  [[nodiscard]] Error fault(uint32_t number, const std::string& what) const {
    return bad_input("page " + std::to_string(number) + " of the file, of " +
                     in_quotes(tree_->name) + ", " + what);
  }

  UniqueFd file_;
  std::vector<bool> seen_;
  const Tree* tree_ = nullptr;
  uint64_t row_ = 0;  // number of the row before
};

Result<std::vector<Tree>> trees_of(const Database& tape) {
  // sqlite_schema itself is a table, at page 1.
  std::vector<Tree> trees = {{.name = "sqlite_schema", .root = 1, .columns = 5, .numbered = true}};
  // An index has its key columns and the row number (index_xinfo counts both).
  KTAPE_ASSIGN(
      Statement rows,
      tape.prepare(
          "SELECT name, rootpage, CASE s.type WHEN 'table' THEN (SELECT count(*) FROM "
          "pragma_table_info(s.name)) "
          "ELSE (SELECT count(*) FROM pragma_index_xinfo(s.name)) END, "
          "(SELECT max(cid) FROM pragma_table_info(s.name) WHERE pk = 1 AND type = 'INTEGER') "
          "FROM sqlite_schema AS s"));
  for (;;) {
    KTAPE_ASSIGN(const bool more, rows.step());
    if (!more) return trees;
    Tree tree{.name = rows.text(0), .root = static_cast<uint32_t>(rows.integer(1))};
    tree.columns = static_cast<size_t>(rows.integer(2));
    if (!rows.text(3).empty()) tree.key = static_cast<size_t>(rows.integer(3));
    tree.numbered = !tree.key;
    trees.push_back(tree);
  }
}

}  // namespace

Result<void> check_rows(const Database& tape, const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error(ErrorCode::kHost, "cannot open '" + path + "'");
  KTAPE_ASSIGN(const std::string pages, tape.ask("PRAGMA page_count"));
  RowTree rows(std::move(file), std::stoull(pages));
  // Free pages first: a page that a tree uses as well is then found.
  KTAPE_TRY(rows.check_free_pages());
  KTAPE_ASSIGN(const std::vector<Tree> trees, trees_of(tape));
  for (const Tree& tree : trees) KTAPE_TRY(rows.check(tree));
  return {};
}

}  // namespace ktape
