// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/trace_rings.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "schema/tape/trace_chunk.h"
#include "schema/trace/ring_page.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

Error in_record(Seq seq, const Error& error) {
  return Error{error.code, "record " + std::to_string(seq.value) + ": " + error.message,
               error.hint};
}

// Compares a ring with (instance, CPU).
bool before(const TraceRing& ring, const std::pair<std::string_view, CpuId>& key) {
  return std::pair(std::string_view(ring.instance), ring.cpu) < key;
}

bool is_damaged(const TraceRing::Chunk& chunk) { return chunk.sub_buffer_bytes == 0; }

// A damaged chunk counts as one without sub-buffers: reading it is the error.
TraceRing::Chunk described(Seq seq, schema::TraceChunk::Reader chunk) {
  TraceRing::Chunk found{seq, chunk.getGeneration()};
  found.open = chunk.getOpen();
  const auto sizes = sub_buffer_sizes(chunk);
  if (!sizes.ok()) return found;
  found.sub_buffers = sizes->count;
  found.sub_buffer_bytes = sizes->each_bytes;
  return found;
}

// Marks the chunk whose last sub-buffer the next one begins with. Nothing is read beyond a damaged
// chunk, so that what comes before it is kept.
void mark_replaced(std::vector<TraceRing::Chunk>& chunks, const TraceRing::Chunk& next) {
  if (next.sub_buffers == 0) return;
  for (auto before = chunks.rbegin(); before != chunks.rend(); ++before) {
    if (is_damaged(*before)) return;
    if (before->sub_buffers == 0) continue;
    before->replaced = before->open && before->last_generation() == next.generation;
    return;
  }
}

struct Times {
  uint64_t first_ns = 0, last_ns = 0;
};

Result<Times> times_of(std::span<const std::byte> sub_buffer) {
  KTAPE_ASSIGN(RingPage page, RingPage::open(sub_buffer));
  Times times{page.time_ns(), page.time_ns()};
  RingEvent event;
  for (bool first = true;; first = false) {
    KTAPE_ASSIGN(const bool more, page.next(event));
    if (!more) return times;
    if (first) times.first_ns = event.time_ns;
    times.last_ns = event.time_ns;
  }
}

// Of the events of a chunk's sub-buffer.
Result<Times> times_of(const TapeReader& tape, const TraceRing::Chunk& chunk, uint32_t index) {
  Times times;
  KTAPE_TRY(tape.at(chunk.seq, [&](const RecordView& view) -> Result<void> {
    const auto read = read_sub_buffers(view.record.getTraceChunk());
    if (!read.ok()) return in_record(chunk.seq, read.error());
    const auto found = times_of(read->at(index));
    if (!found.ok()) return in_record(chunk.seq, found.error());
    times = *found;
    return {};
  }));
  return times;
}

class TapePages final : public RingPages {
 public:
  TapePages(const TapeReader& tape, const TraceRing& ring) : tape_(tape), ring_(ring) {}

  Result<std::optional<SubBuffer>> next() override {
    for (; chunk_ < ring_.chunks.size(); ++chunk_, at_ = 0) {
      const TraceRing::Chunk& chunk = ring_.chunks[chunk_];
      if (at_ == chunk.kept() && !is_damaged(chunk)) continue;
      if (at_ == 0 || at_ == first_ + held_.count()) KTAPE_TRY(load(chunk));
      const uint32_t read_bytes = at_ == 0 ? read_bytes_ : 0;
      return std::optional(SubBuffer{held_.at(at_++ - first_), read_bytes});
    }
    held_ = {{}, 1};
    return std::optional<SubBuffer>();
  }

 private:
  Result<void> load(const TraceRing::Chunk& chunk) {
    held_ = {{}, 1};
    return tape_.at(chunk.seq, [&](const RecordView& view) -> Result<void> {
      const auto record = view.record.getTraceChunk();
      auto read = read_sub_buffers(record);
      if (!read.ok()) return in_record(chunk.seq, read.error());
      hold(std::move(*read));
      read_bytes_ = record.getReadBytes();
      return {};
    });
  }

  // Those from `at_` on that there is room for.
  void hold(SubBuffers all) {
    const uint32_t each = all.sub_buffer_bytes;
    const size_t fit = std::max<size_t>(ring_.room_bytes / each, 1);
    first_ = at_;
    if (all.count() <= at_ + fit && at_ == 0) {
      held_ = std::move(all);
      return;
    }
    const auto part = std::span<const std::byte>(all.bytes).subspan(
        at_ * each, std::min(fit, all.count() - at_) * each);
    held_ = {{part.begin(), part.end()}, each};
  }

  const TapeReader& tape_;
  const TraceRing& ring_;
  size_t chunk_ = 0;
  size_t at_ = 0;  // the next sub-buffer of the chunk
  SubBuffers held_{{}, 1};
  size_t first_ = 0;  // of those held, in the chunk
  uint32_t read_bytes_ = 0;
};

}  // namespace

Result<TraceRings> TraceRings::read(const TapeReader& tape) {
  TraceRings found;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known || !view.record.isTraceChunk()) return {};
    return found.add(view.seq, view.record.getTraceChunk());
  }));
  KTAPE_TRY(found.share_room());
  return found;
}

// One sub-buffer for each ring, and equal parts of what is left.
Result<void> TraceRings::share_room() {
  size_t least = 0;
  for (const TraceRing& ring : rings_) least += ring.room_bytes;
  if (least > kMaxHeldBytes) {
    return Error{ErrorCode::kBadInput,
                 "one sub-buffer of each trace ring takes " + std::to_string(least) +
                     " bytes, over the limit of " + std::to_string(kMaxHeldBytes),
                 ""};
  }
  for (TraceRing& ring : rings_) ring.room_bytes += (kMaxHeldBytes - least) / rings_.size();
  return {};
}

Result<void> TraceRings::add(Seq seq, schema::TraceChunk::Reader chunk) {
  add_formats(seq, chunk);
  const std::pair<std::string_view, CpuId> key{as_text(chunk.getInstance()), CpuId(chunk.getCpu())};
  auto ring = std::lower_bound(rings_.begin(), rings_.end(), key, &before);
  if (ring == rings_.end() || ring->instance != key.first || ring->cpu != key.second) {
    if (rings_.size() == kMaxRings) {
      return in_record(
          seq, Error{ErrorCode::kBadInput,
                     "the tape has more than " + std::to_string(kMaxRings) + " trace rings", ""});
    }
    ring = rings_.insert(ring, TraceRing{std::string(key.first), key.second, {}, 0});
  }
  const TraceRing::Chunk next = described(seq, chunk);
  mark_replaced(ring->chunks, next);
  ring->chunks.push_back(next);
  ring->room_bytes = std::max<size_t>(ring->room_bytes, next.sub_buffer_bytes);
  return {};
}

void TraceRings::add_formats(Seq seq, schema::TraceChunk::Reader chunk) {
  for (const auto format : chunk.getFormats()) {
    const auto added = formats_.add(as_text(format.getText()));
    if (!added.ok() && problems_.size() < kMaxProblems)
      problems_.push_back(in_record(seq, added.error()).message);
  }
}

std::unique_ptr<RingPages> sub_buffers_of(const TapeReader& tape, const TraceRing& ring) {
  return std::make_unique<TapePages>(tape, ring);
}

Result<std::vector<TraceGap>> gaps_of(const TapeReader& tape, const TraceRing& ring) {
  std::vector<TraceGap> gaps;
  const TraceRing::Chunk* before = nullptr;
  for (const TraceRing::Chunk& chunk : ring.chunks) {
    if (chunk.sub_buffers == 0) continue;
    const TraceRing::Chunk* last = std::exchange(before, &chunk);
    if (last == nullptr || chunk.generation <= last->last_generation()) continue;
    const uint64_t missing = chunk.generation - last->last_generation() - 1;
    if (missing == 0) continue;
    KTAPE_ASSIGN(const Times end, times_of(tape, *last, last->sub_buffers - 1));
    KTAPE_ASSIGN(const Times begin, times_of(tape, chunk, 0));
    gaps.push_back({ring.cpu, end.last_ns, begin.first_ns, missing});
  }
  return gaps;
}

}  // namespace ktape
