// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "schema/tape/facts/trace_rings.h"
#include "schema/tape/trace_chunk.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// Chunks of a tape's trace rings. Of each, four bytes: bits (1 CPU 1, 2 open, 4 bytes as they come,
// 8 room for one sub-buffer), generation, codec of bytes as they come, and their number in units of
// 16, or the number of sub-buffers. Then the bytes.
namespace {

using namespace ktape;

using Bytes = std::span<const std::byte>;

constexpr size_t kMaxChunks = 16, kMaxSubBuffers = 7, kEachBytes = 4096;
enum Bits : uint8_t { kOtherCpu = 1, kOpen = 2, kAsTheyCome = 4, kSmallRoom = 8 };

uint8_t take(Bytes& from) {
  const auto byte = std::to_integer<uint8_t>(from[0]);
  from = from.subspan(1);
  return byte;
}

// True if its ring is to have little room.
bool add_chunk(Bytes& input, test::TapeBuilder& tape) {
  const uint8_t bits = take(input), generation = take(input), codec = take(input);
  const uint8_t number = take(input);
  const Bytes bytes = input.first(std::min(input.size(), size_t{16} * number));
  if ((bits & kAsTheyCome) != 0) input = input.subspan(bytes.size());
  tape.add([&](schema::Record::Builder record) {
    auto chunk = record.initTraceChunk();
    chunk.setCpu(bits & kOtherCpu);
    chunk.setOpen((bits & kOpen) != 0);
    chunk.setGeneration(generation);
    if ((bits & kAsTheyCome) == 0) {
      std::vector<std::byte> content(number % (kMaxSubBuffers + 1) * kEachBytes);
      for (size_t at = 0; at < content.size(); at += kEachBytes)
        content[at] = std::byte(at / kEachBytes);
      test::must(write_sub_buffers(content, kEachBytes, chunk));
      return;
    }
    chunk.setCodec(codec);
    chunk.setPages(as_data(bytes));
  });
  return (bits & kSmallRoom) != 0;
}

// All of a chunk.
Result<SubBuffers> whole(const TapeReader& tape, Seq seq) {
  SubBuffers found{{}, 1};
  KTAPE_TRY(tape.at(seq, [&](const RecordView& view) -> Result<void> {
    KTAPE_ASSIGN(found, read_sub_buffers(view.record.getTraceChunk()));
    return {};
  }));
  return found;
}

// What comes out is what the chunks hold, without what was replaced.
void read_ring(const TapeReader& tape, const TraceRing& ring) {
  (void)gaps_of(tape, ring);
  const auto pages = sub_buffers_of(tape, ring);
  for (const TraceRing::Chunk& chunk : ring.chunks) {
    const auto expected = whole(tape, chunk.seq);
    if (expected.ok()) KTAPE_CHECK(expected->count() == chunk.sub_buffers);
    KTAPE_CHECK(!chunk.replaced || (chunk.open && chunk.sub_buffers > 0));
    for (uint32_t i = 0; i < chunk.kept(); ++i) {
      const auto next = pages->next();
      KTAPE_CHECK(next.ok() == expected.ok());
      if (!next.ok()) return;
      KTAPE_CHECK(*next && std::ranges::equal((*next)->bytes, expected->at(i)));
    }
    if (chunk.sub_buffer_bytes != 0) continue;
    KTAPE_CHECK(!expected.ok() && !pages->next().ok());
    return;
  }
  const auto end = pages->next();
  KTAPE_CHECK(end.ok() && !*end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes input = std::as_bytes(std::span(data, size));
  const test::TempDir folder;
  test::TapeBuilder tape(folder.file("tape"));
  bool small_room = false;
  for (size_t i = 0; i < kMaxChunks && input.size() >= 4; ++i)
    small_room = add_chunk(input, tape) || small_room;
  const auto reader = test::must(TapeReader::open(tape.seal().path));
  const auto rings = TraceRings::read(*reader);
  if (!rings.ok()) return 0;
  for (TraceRing ring : rings->rings()) {
    if (small_room) ring.room_bytes = kEachBytes;
    read_ring(*reader, ring);
  }
  return 0;
}
