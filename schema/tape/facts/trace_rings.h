// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"
#include "schema/trace/event_decode.h"
#include "schema/trace/event_merge.h"

namespace ktape {

// The chunks of one trace ring on a tape.
struct TraceRing {
  struct Chunk {
    Seq seq;
    uint64_t generation = 0;  // of its first sub-buffer
    uint32_t sub_buffers = 0;
    uint32_t sub_buffer_bytes = 0;  // 0: the chunk is damaged
    bool open = false;              // the last one was still being written
    bool replaced = false;          // and the next chunk that has sub-buffers begins with it

    // The number of sub-buffers that count.
    [[nodiscard]] uint32_t kept() const { return sub_buffers - (replaced ? 1 : 0); }
    [[nodiscard]] uint64_t last_generation() const { return generation + sub_buffers - 1; }
  };

  std::string instance;  // as the kernel names it, not escaped; empty: the global ring
  CpuId cpu;
  std::vector<Chunk> chunks;
  size_t room_bytes = 0;  // for sub-buffers in memory, while they are read; at least the largest
};

// The trace rings of a tape, and the formats of their events. Keeps 32 bytes of each chunk. While
// all rings are read at once, each holds as many sub-buffers of its chunk as it has room for: if
// that is not all, the chunk is unpacked again for the others.
class TraceRings {
 public:
  static constexpr size_t kMaxRings = 1024;
  static constexpr size_t kMaxHeldBytes = size_t{256} << 20;  // room of all rings
  static constexpr size_t kMaxProblems = 64;

  // Reads every record. kBadInput for more than kMaxRings, for rings of which one sub-buffer each
  // takes more than kMaxHeldBytes, or as TapeReader::for_each().
  [[nodiscard]] static Result<TraceRings> read(const TapeReader& tape);

  // By instance and CPU.
  [[nodiscard]] const std::vector<TraceRing>& rings() const { return rings_; }
  [[nodiscard]] const EventFormats& formats() const { return formats_; }
  // Formats that cannot be used, each with its record and the cause; the first kMaxProblems. Their
  // events have no format.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  Result<void> add(Seq seq, schema::TraceChunk::Reader chunk);
  [[nodiscard]] Result<void> share_room();
  void add_formats(Seq seq, schema::TraceChunk::Reader chunk);

  std::vector<TraceRing> rings_;
  EventFormats formats_;
  std::vector<std::string> problems_;
};

// The sub-buffers of a ring; one that was lifted while it was still being written is left out if
// the next chunk that has sub-buffers begins with it. Tape and ring outlive it. kBadInput names the
// record.
[[nodiscard]] std::unique_ptr<RingPages> sub_buffers_of(const TapeReader& tape,
                                                        const TraceRing& ring);

// Sub-buffers of a CPU that no chunk has: their generations are missing between two chunks.
struct TraceGap {
  CpuId cpu;
  uint64_t after_ns = 0;   // time of the last event before it
  uint64_t before_ns = 0;  // of the first event after it
  uint64_t sub_buffers = 0;

  friend bool operator==(const TraceGap&, const TraceGap&) = default;
};

// In the order of the chunks. Generations that go back are no gap. kBadInput names the record.
[[nodiscard]] Result<std::vector<TraceGap>> gaps_of(const TapeReader& tape, const TraceRing& ring);

}  // namespace ktape
