// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/tape/hostile_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "schema/base/file.h"
#include "schema/tape/page_list.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_editor.h"
#include "tests/support/tape/tape_map.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

constexpr size_t kMaxTapeBytes = size_t{1} << 24;

// A freeze with a page and a run of zeroes.
void add_freeze(TapeBuilder& tape) {
  const std::vector<std::byte> page(4096, std::byte{7});
  const std::vector<FreezePage> rows = {{9, 100, 1, must(tape.writer().add_page(page))},
                                        {9, 101, 20, std::nullopt}};
  const PagesKept kept = must(tape.writer().add_freeze_pages(9, rows));
  tape.add([&](schema::Record::Builder record) {
    auto thawed = record.initThawed();
    thawed.setFreeze(9);
    thawed.setPages(kept.pages);
    thawed.setPagesDigest(as_data(std::span<const std::byte>(kept.digest)));
  });
}

class SmallTape {
 public:
  SmallTape() : path_(dir_.file("run.ktape")) {
    TapeBuilder tape(path_);
    record_reference(tape);
    add_freeze(tape);
    head_ = tape.seal().head;
    bytes_ = must(read_file(path_, kMaxTapeBytes));
    content_ = content_of(path_);
    file_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  }

  [[nodiscard]] size_t size() const { return bytes_.size(); }

  // The offsets of the bytes in use, or of the others.
  [[nodiscard]] std::vector<size_t> bytes(bool in_use) const {
    std::vector<unsigned> roots;
    for (const std::string& root : sql_rows(path_, "SELECT rootpage FROM sqlite_schema"))
      roots.push_back(static_cast<unsigned>(std::stoul(root)));
    const std::vector<bool> used = bytes_in_use(bytes_, roots);
    std::vector<size_t> found;
    for (size_t at = 0; at < used.size(); ++at) {
      if (used[at] == in_use) found.push_back(at);
    }
    return found;
  }

  void turn(size_t at, std::byte bits, bool in_use, BytesTried& tried) {
    const std::byte other = bytes_[at] ^ bits;
    write(at, other);
    std::vector<std::byte> now = bytes_;
    now[at] = other;
    look(now, "byte " + std::to_string(at) + " with other bits " + to_hex(std::span(&bits, 1)),
         in_use, tried);
    write(at, bytes_[at]);
  }

  void cut(size_t length, BytesTried& tried) {
    std::filesystem::resize_file(path_, length);
    look(std::span(bytes_).first(length), "cut after " + std::to_string(length) + " bytes", true,
         tried);
    if (::pwrite(file_.get(), bytes_.data(), bytes_.size(), 0) !=
        static_cast<ssize_t>(bytes_.size())) {
      throw std::runtime_error("cannot restore the tape");
    }
  }

 private:
  void write(size_t at, std::byte byte) {
    if (::pwrite(file_.get(), &byte, 1, static_cast<off_t>(at)) != 1)
      throw std::runtime_error("cannot write");
  }

  // The result of verify must be right, and reading must end; neither may change the file or leave
  // one beside it.
  void look(std::span<const std::byte> now, const std::string& what, bool in_use,
            BytesTried& tried) {
    ++tried.tried;
    const auto found = verify(path_, std::nullopt);
    const auto tape = TapeReader::open(path_);
    if (tape.ok()) {
      (void)(*tape)->for_each([](const RecordView&) { return Result<void>(); });
      (void)(*tape)->freeze_pages(9);
    }
    std::string wrong;
    if (!found.ok()) {
      ++tried.refused;
      if (found.error().code != ErrorCode::kBadInput) wrong = found.error().message;
    } else if (found->integrity == Integrity::kAltered) {
      ++tried.altered;
    } else {
      ++tried.same;
      const bool same = !in_use && found->integrity == Integrity::kIntact && found->head == head_ &&
                        content_of(path_) == content_;
      if (!same) wrong = "verify does not see that it is another tape";
    }
    if (!std::ranges::equal(must(read_file(path_, kMaxTapeBytes)), now))
      wrong = "the file was written to";
    if (std::distance(std::filesystem::directory_iterator(dir_.path()), {}) != 1)
      wrong = "a file stands beside it";
    if (!wrong.empty()) tried.wrong += what + ": " + wrong + "\n";
  }

  TempDir dir_;
  std::string path_;
  UniqueFd file_;
  Digest head_{};
  std::vector<std::byte> bytes_;
  std::string content_;
};

}  // namespace

BytesTried turn_bits_in_use(size_t first, size_t stride) {
  SmallTape tape;
  BytesTried tried;
  const std::vector<size_t> bytes = tape.bytes(true);
  for (size_t bit = first; bit < 8 * bytes.size(); bit += stride) {
    tape.turn(bytes[bit / 8], std::byte{1} << (bit % 8), true, tried);
  }
  return tried;
}

BytesTried turn_unused_bytes(size_t stride) {
  SmallTape tape;
  BytesTried tried;
  const std::vector<size_t> bytes = tape.bytes(false);
  for (size_t i = 0; i < bytes.size(); i += stride)
    tape.turn(bytes[i], std::byte{0xff}, false, tried);
  return tried;
}

BytesTried cut_short(size_t stride) {
  SmallTape tape;
  BytesTried tried;
  for (size_t length = 0; length < tape.size(); length += stride) tape.cut(length, tried);
  return tried;
}

void print(const char* what, const BytesTried& tried) {
  std::printf(
      "%s: %llu tried, %llu altered, %llu no tape, %llu the same content\n", what,
      static_cast<unsigned long long>(tried.tried), static_cast<unsigned long long>(tried.altered),
      static_cast<unsigned long long>(tried.refused), static_cast<unsigned long long>(tried.same));
}

}  // namespace ktape::test
