// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/page_keeper.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "guest/memory/flat_memory.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

constexpr uint64_t kFrame = RecordingMemory::kFrameBytes;

// A row as text: "5+3" is a run of zeros, "5:page" a page.
std::vector<std::string> texts(const std::vector<FreezePage>& rows) {
  std::vector<std::string> texts;
  for (const FreezePage& row : rows) {
    texts.push_back(std::to_string(row.frame) +
                    (row.hash ? ":page" : "+" + std::to_string(row.frames)));
  }
  return texts;
}

FreezePage zeros(uint64_t frame, uint64_t frames) { return {0, frame, frames, std::nullopt}; }

// A keeper on a machine of eight frames, of which all but frames 2 and 3 were ever touched, and a
// tape.
class KeeperFixture {
 public:
  explicit KeeperFixture(schema::MemoryMode mode = schema::MemoryMode::TOUCHED)
      : writer(must(TapeWriter::create(path))), recorder(*writer), keeper(mode, recorder) {
    put(1, "one");
    put(5, "five");
  }

  void put(uint64_t frame, std::string_view text) {
    must(ram.write(GuestPhysical(frame * kFrame), as_bytes(text)));
  }

  // A freeze that does `work`.
  void freeze(uint64_t id, const std::function<void(WritableGuestMemory&)>& work) {
    work(keeper.watch(ram));
    auto kept = must(keeper.keep(id));
    must(recorder.record([&](schema::Record::Builder record) {
      auto thawed = record.initThawed();
      thawed.setFreeze(id);
      if (!kept) return;
      thawed.setPages(kept->pages);
      thawed.setPagesDigest(as_data(std::span<const std::byte>(kept->digest)));
    }));
    must(recorder.commit());
  }
  static void touch(WritableGuestMemory& memory, uint64_t frame) {
    std::vector<std::byte> out(1);
    must(memory.read(GuestPhysical(frame * kFrame), out));
  }

  std::unique_ptr<TapeReader> seal() {
    must(recorder.seal(schema::Outcome::COMPLETED, 0, ""));
    CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
    return must(TapeReader::open(path));
  }
  static std::string text(TapeReader& tape, const FreezePage& row) {
    auto page = must(tape.page(*row.hash));
    return reinterpret_cast<const char*>(page.data());
  }

  TempDir dir;
  std::string path = dir.file("run.ktape");
  std::vector<std::byte> bytes = std::vector<std::byte>(8 * kFrame);
  FlatMemory ram{
      bytes, 6 * kFrame, []() -> Result<std::vector<FlatMemory::Extent>> {
        return std::vector<FlatMemory::Extent>{{0, 2 * kFrame}, {4 * kFrame, 4 * kFrame}};
      }};
  std::unique_ptr<TapeWriter> writer;
  Recorder recorder;
  PageKeeper keeper;
};

class FullFixture : public KeeperFixture {
 public:
  FullFixture() : KeeperFixture(schema::MemoryMode::FULL) {}
};

class NoneFixture : public KeeperFixture {
 public:
  NoneFixture() : KeeperFixture(schema::MemoryMode::NONE) {}
};

}  // namespace

TEST_CASE("neighbouring zero frames are one row, and pages stand between them") {
  const Digest page{};
  std::vector<FrameContent> contents = {{1, {}}, {2, page}, {3, {}}, {9, {}}, {12, page}, {20, {}}};
  std::vector<FreezePage> runs = {zeros(4, 2), zeros(7, 10)};
  CHECK(texts(rows_of(contents, {})) ==
        std::vector<std::string>{"1+1", "2:page", "3+1", "9+1", "12:page", "20+1"});
  CHECK(texts(rows_of(contents, runs)) ==
        std::vector<std::string>{"1+1", "2:page", "3+3", "7+5", "12:page", "13+4", "20+1"});
  CHECK(texts(rows_of({}, runs)) == std::vector<std::string>{"4+2", "7+10"});
}

TEST_CASE("a page at either end of a run of zeros takes its place") {
  const Digest page{};
  std::vector<FrameContent> contents = {{4, page}, {6, page}};
  CHECK(texts(rows_of(contents, std::vector{zeros(4, 3)})) ==
        std::vector<std::string>{"4:page", "5+1", "6:page"});
}

TEST_CASE_METHOD(KeeperFixture,
                 "touched keeps the pages that were touched, and knows which of them are zero") {
  freeze(1, [](WritableGuestMemory& memory) {
    touch(memory, 1);
    touch(memory, 4);
  });
  auto tape = seal();
  auto rows = must(tape->freeze_pages(1));
  CHECK(texts(rows) == std::vector<std::string>{"1:page", "4+1"});
  CHECK(text(*tape, rows[0]) == "one");
}

TEST_CASE_METHOD(KeeperFixture, "a freeze that touches nothing keeps nothing") {
  freeze(1, [](WritableGuestMemory&) {});
  CHECK(must(seal()->freeze_pages(1)).empty());
}

TEST_CASE_METHOD(
    KeeperFixture,
    "a page is kept as it was before the freeze wrote, and the next freeze sees what was written") {
  auto write = [](WritableGuestMemory& memory) {
    must(memory.write(GuestPhysical(kFrame), as_bytes("two")));
  };
  freeze(1, write);
  freeze(2, [](WritableGuestMemory& memory) { touch(memory, 1); });
  auto tape = seal();
  CHECK(text(*tape, must(tape->freeze_pages(1))[0]) == "one");
  CHECK(text(*tape, must(tape->freeze_pages(2))[0]) == "two");
}

TEST_CASE_METHOD(KeeperFixture, "a page that goes and comes back is recorded correctly each time") {
  for (uint64_t id : {1, 2, 3}) {
    if (id != 1) put(1, id == 2 ? std::string_view("\0\0\0", 3) : "one");
    freeze(id, [](WritableGuestMemory& memory) { touch(memory, 1); });
  }
  auto tape = seal();
  CHECK(texts(must(tape->freeze_pages(1))) == std::vector<std::string>{"1:page"});
  CHECK(texts(must(tape->freeze_pages(2))) == std::vector<std::string>{"1+1"});
  CHECK(must(tape->freeze_pages(3))[0].hash == must(tape->freeze_pages(1))[0].hash);
}

TEST_CASE_METHOD(FullFixture, "full keeps every page, and all other RAM is known to be zero") {
  freeze(1, [](WritableGuestMemory&) {});
  auto tape = seal();
  auto rows = must(tape->freeze_pages(1));
  // Eight frames, two of them above the PCI hole.
  const std::string high = std::to_string(FlatMemory::kHighStart / kFrame);
  CHECK(texts(rows) == std::vector<std::string>{"0+1", "1:page", "2+3", "5:page", high + "+2"});
  CHECK(text(*tape, rows[3]) == "five");
}

TEST_CASE_METHOD(FullFixture,
                 "full keeps a frame that was a hole until a freeze wrote to it as zero") {
  auto write = [](WritableGuestMemory& memory) {
    must(memory.write(GuestPhysical(2 * kFrame), as_bytes("x")));
  };
  freeze(1, write);
  CHECK(texts(must(seal()->freeze_pages(1)))[2] == "2+3");
}

TEST_CASE_METHOD(NoneFixture, "none keeps nothing, and reads go to the machine's memory") {
  freeze(1, [&](WritableGuestMemory& memory) {
    CHECK(&memory == &ram);
    touch(memory, 1);
  });
  CHECK(must(seal()->freeze_pages(1)).empty());
}

}  // namespace ktape::test
