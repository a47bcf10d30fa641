// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/trace_rings.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "schema/tape/trace_chunk.h"
#include "schema/wire/data.h"
#include "tests/schema/trace/format_text.h"
#include "tests/schema/trace/page_builder.h"
#include "tests/schema/trace/recorded_ring.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {
namespace {

using Texts = std::vector<std::string>;

// A sub-buffer with one event at that time.
std::vector<std::byte> page(uint64_t time_ns) {
  return PageBuilder(time_ns).event(0, "aaaabbbb").finish();
}

std::vector<std::byte> pages(std::initializer_list<uint64_t> times) {
  std::vector<std::byte> all;
  for (const uint64_t time_ns : times) {
    const auto one = page(time_ns);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

// A chunk of an instance.
struct Chunk {
  uint32_t cpu = 0;
  uint64_t generation = 1;
  bool open = false;
  std::string instance = "ktape";
  uint32_t read_bytes = 0;
};

class TraceTape {
 public:
  void add(const Chunk& chunk, const std::vector<std::byte>& bytes) {
    tape_.add([&](schema::Record::Builder record) {
      auto to = record.initTraceChunk();
      to.setCpu(chunk.cpu);
      to.setGeneration(chunk.generation);
      to.setOpen(chunk.open);
      to.setInstance(as_data(std::string_view(chunk.instance)));
      to.setReadBytes(chunk.read_bytes);
      must(write_sub_buffers(bytes, 4096, to));
    });
  }
  TapeBuilder& builder() { return tape_; }

  // Seals it.
  const TapeReader& reader() {
    if (!reader_) reader_ = must(TapeReader::open(tape_.seal().path));
    return *reader_;
  }

  // The times of the events of a ring, and what is wrong with it.
  Texts times(size_t ring = 0) {
    const TraceRings rings = must(TraceRings::read(reader()));
    std::vector<EventMerge::Stream> one;
    one.push_back({CpuId(0), sub_buffers_of(reader(), rings.rings().at(ring))});
    EventMerge merged(std::move(one));
    Texts found;
    for (;;) {
      const auto more = merged.next();
      if (!more.ok()) {
        found.push_back(more.error().message);
        return found;
      }
      if (!*more) return found;
      found.push_back(std::to_string(merged.event().time_ns));
    }
  }

 private:
  TempDir folder_;
  TapeBuilder tape_{folder_.path() + "/run.ktape"};
  std::unique_ptr<TapeReader> reader_;
};

TEST_CASE("A tape without trace chunks has no rings") {
  TraceTape tape;
  CHECK(must(TraceRings::read(tape.reader())).rings().empty());
}

TEST_CASE("The chunks of a ring follow each other") {
  TraceTape tape;
  tape.add({.generation = 1}, pages({1, 2}));
  tape.add({.generation = 3}, pages({3}));
  tape.add({.generation = 4}, {});
  tape.add({.generation = 4}, pages({4}));
  CHECK(tape.times() == Texts{"1", "2", "3", "4"});
}

TEST_CASE("Rings are apart by instance and CPU") {
  TraceTape tape;
  tape.add({.cpu = 1}, pages({1}));
  tape.add({.cpu = 0}, pages({2}));
  tape.add({.cpu = 0, .instance = ""}, pages({3}));
  const TraceRings rings = must(TraceRings::read(tape.reader()));
  REQUIRE(rings.rings().size() == 3);
  CHECK(rings.rings()[0].instance.empty());
  CHECK(rings.rings()[1].instance == "ktape");
  CHECK(rings.rings()[1].cpu == CpuId(0));
  CHECK(rings.rings()[2].cpu == CpuId(1));
  CHECK(tape.times(0) == Texts{"3"});
  CHECK(tape.times(1) == Texts{"2"});
  CHECK(tape.times(2) == Texts{"1"});
}

TEST_CASE("A sub-buffer that was still being written is replaced by its later copy") {
  TraceTape tape;
  tape.add({.generation = 7, .open = true}, pages({1, 2}));
  tape.add({.generation = 8, .open = true}, pages({20}));
  tape.add({.generation = 8}, pages({200, 3}));
  CHECK(tape.times() == Texts{"1", "200", "3"});
}

TEST_CASE("A chunk without sub-buffers replaces nothing") {
  for (const uint64_t generation : {8, 0}) {
    TraceTape tape;
    tape.add({.generation = 7, .open = true}, pages({1, 2}));
    tape.add({.generation = generation}, {});
    CHECK(tape.times() == Texts{"1", "2"});
  }
}

TEST_CASE("A later copy replaces also with chunks without sub-buffers in between") {
  for (const uint64_t generation : {8, 0}) {
    TraceTape tape;
    tape.add({.generation = 7, .open = true}, pages({1, 2}));
    tape.add({.generation = generation, .open = true}, {});
    tape.add({.generation = 8}, pages({20, 3}));
    CHECK(tape.times() == Texts{"1", "20", "3"});
  }
}

TEST_CASE("A sub-buffer whose later copy is behind a damaged chunk is kept") {
  TraceTape tape;
  tape.add({.generation = 7, .open = true}, pages({1, 2}));
  tape.builder().add([](schema::Record::Builder record) {
    auto chunk = record.initTraceChunk();
    chunk.setInstance(as_data(std::string_view("ktape")));
    chunk.setCodec(9);
  });
  tape.add({.generation = 8}, pages({20, 3}));
  CHECK(tape.times() == Texts{"1", "2", "record 2: its codec 9 does not exist"});
}

TEST_CASE("A sub-buffer that was still being written at the end is kept") {
  TraceTape tape;
  tape.add({.generation = 7, .open = true}, pages({1, 2}));
  CHECK(tape.times() == Texts{"1", "2"});
}

TEST_CASE("A sub-buffer whose later copy was lost is kept") {
  TraceTape tape;
  tape.add({.generation = 7, .open = true}, pages({1, 2}));
  tape.add({.generation = 9}, pages({3}));
  CHECK(tape.times() == Texts{"1", "2", "3"});
}

TEST_CASE("What was read in the guest is left out of a tape's events") {
  TraceTape tape;
  tape.add({.read_bytes = 12}, pages({1, 2}));
  CHECK(tape.times() == Texts{"2"});
}

TEST_CASE("A chunk that holds no sub-buffers is an error with its record") {
  TraceTape tape;
  tape.add({}, pages({1}));
  tape.builder().add([](schema::Record::Builder record) {
    auto chunk = record.initTraceChunk();
    chunk.setInstance(as_data(std::string_view("ktape")));
    chunk.setPages(as_data(std::string_view("raw")));
  });
  CHECK(tape.times() == Texts{"1",
                              "record 2: not the sub-buffers of a trace ring: 3 bytes is not a "
                              "multiple of 4096"});
}

TEST_CASE("Formats are collected, and those that cannot be used are told") {
  TraceTape tape;
  for (const std::string& text : {format_text("a", 7, ""), std::string("nonsense")}) {
    tape.builder().add([&](schema::Record::Builder record) {
      record.initTraceChunk().initFormats(1)[0].setText(as_data(std::string_view(text)));
    });
  }
  const TraceRings rings = must(TraceRings::read(tape.reader()));
  REQUIRE(rings.formats().find(uint16_t{7}) != nullptr);
  CHECK(rings.formats().find(uint16_t{7})->name == "a");
  CHECK(rings.problems() == Texts{"record 2: format, line 1: it is not part of a format"});
}

TEST_CASE("More rings than a machine can have are refused") {
  TraceTape tape;
  for (uint32_t cpu = 0; cpu <= TraceRings::kMaxRings; ++cpu)
    tape.builder().add(
        [&](schema::Record::Builder record) { record.initTraceChunk().setCpu(cpu); });
  const auto rings = TraceRings::read(tape.reader());
  REQUIRE(!rings.ok());
  CHECK(rings.error().message == "record 1025: the tape has more than 1024 trace rings");
}

TEST_CASE("A chunk that a ring has no room for is read in parts") {
  for (const size_t room : {1, 4096, 8192, 12288}) {
    TraceTape tape;
    tape.add({.read_bytes = 12}, pages({1, 2, 3, 4, 5}));
    tape.add({.generation = 6}, pages({6}));
    TraceRing ring = must(TraceRings::read(tape.reader())).rings().at(0);
    ring.room_bytes = room;
    const auto found = sub_buffers_of(tape.reader(), ring);
    std::vector<std::pair<uint64_t, uint32_t>> times;
    while (const auto next = must(found->next()))
      times.emplace_back(must(RingPage::open(next->bytes)).time_ns(), next->read_bytes);
    CHECK(times == std::vector<std::pair<uint64_t, uint32_t>>{
                       {1, 12}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}});
  }
}

void add_large_rings(TraceTape& tape, uint32_t rings) {
  constexpr uint32_t kLargest = 4u << 20;
  const std::vector<std::byte> zeros(kLargest);
  for (uint32_t cpu = 0; cpu < rings; ++cpu)
    tape.builder().add([&](schema::Record::Builder record) {
      auto chunk = record.initTraceChunk();
      chunk.setCpu(cpu);
      must(write_sub_buffers(zeros, kLargest, chunk));
    });
}

TEST_CASE("All rings together have a bounded room") {
  TraceTape tape;
  add_large_rings(tape, 3);
  tape.add({.cpu = 3}, pages({1}));
  size_t room = 0;
  const TraceRings rings = must(TraceRings::read(tape.reader()));
  for (const TraceRing& ring : rings.rings()) room += ring.room_bytes;
  CHECK(room <= TraceRings::kMaxHeldBytes);
  CHECK(room > TraceRings::kMaxHeldBytes - rings.rings().size());
}

TEST_CASE("Rings of which one sub-buffer each is too much are refused") {
  TraceTape tape;
  add_large_rings(tape, 65);
  const auto rings = TraceRings::read(tape.reader());
  REQUIRE(!rings.ok());
  CHECK(rings.error().message ==
        "one sub-buffer of each trace ring takes 272629760 bytes, over the limit of 268435456");
}

TEST_CASE("Missing generations are told with CPU and times") {
  TraceTape tape;
  tape.add({.cpu = 3, .generation = 7, .open = true}, pages({1, 2}));
  tape.add({.cpu = 3, .generation = 0}, {});
  tape.add({.cpu = 3, .generation = 8}, pages({20, 30}));
  tape.add({.cpu = 3, .generation = 12}, pages({70, 80}));
  tape.add({.cpu = 3, .generation = 14}, pages({90}));
  tape.add({.cpu = 3, .generation = 1}, pages({95}));
  tape.add({.cpu = 3, .generation = ~uint64_t{0}}, pages({99}));
  const TraceRings rings = must(TraceRings::read(tape.reader()));
  CHECK(must(gaps_of(tape.reader(), rings.rings().at(0))) ==
        std::vector<TraceGap>{{CpuId(3), 30, 70, 2}, {CpuId(3), 95, 99, ~uint64_t{0} - 2}});
}

TEST_CASE("A real kernel's events come back from a tape as they went in") {
  const RecordedRing ring = recorded_ring("7.3.4");
  TraceTape tape;
  for (uint32_t cpu = 0; cpu < ring.cpus.size(); ++cpu) {
    for (size_t i = 0; i < ring.cpus[cpu].size(); ++i)
      tape.add({.cpu = cpu, .generation = i}, ring.cpus[cpu][i]);
  }
  const TraceRings rings = must(TraceRings::read(tape.reader()));
  std::vector<EventMerge::Stream> streams;
  for (const TraceRing& one : rings.rings())
    streams.push_back({one.cpu, sub_buffers_of(tape.reader(), one)});
  EventMerge ours(std::move(streams)), theirs = ring.merged();
  size_t events = 0;
  for (; must(theirs.next()); ++events) {
    REQUIRE(must(ours.next()));
    REQUIRE(ours.event().time_ns == theirs.event().time_ns);
    REQUIRE(std::equal(ours.event().data.begin(), ours.event().data.end(),
                       theirs.event().data.begin(), theirs.event().data.end()));
  }
  CHECK(!must(ours.next()));
  CHECK(events == 340);
}

}  // namespace
}  // namespace ktape::test
