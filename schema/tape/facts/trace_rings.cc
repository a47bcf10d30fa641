// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/trace_rings.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "schema/tape/trace_chunk.h"
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

class TapePages final : public RingPages {
 public:
  TapePages(const TapeReader& tape, const TraceRing& ring) : tape_(tape), ring_(ring) {}

  Result<std::optional<SubBuffer>> next() override {
    for (;;) {
      while (at_ < held_.count() && replaced()) ++at_;
      if (at_ < held_.count()) break;
      if (next_ == ring_.chunks.size()) return std::optional<SubBuffer>();
      KTAPE_TRY(load(ring_.chunks[next_++]));
    }
    const uint32_t read_bytes = at_ == 0 ? read_bytes_ : 0;
    return std::optional(SubBuffer{held_.at(at_++), read_bytes});
  }

 private:
  // Whether the sub-buffer was still being written, and the next chunk begins with it.
  [[nodiscard]] bool replaced() const {
    if (!open_ || at_ + 1 != held_.count() || next_ == ring_.chunks.size()) return false;
    return ring_.chunks[next_].generation == ring_.chunks[next_ - 1].generation + at_;
  }

  Result<void> load(const TraceRing::Chunk& chunk) {
    at_ = 0;
    return tape_.at(chunk.seq, [&](const RecordView& view) -> Result<void> {
      const auto record = view.record.getTraceChunk();
      auto read = read_sub_buffers(record);
      if (!read.ok()) return in_record(chunk.seq, read.error());
      held_ = std::move(*read);
      read_bytes_ = record.getReadBytes();
      open_ = record.getOpen();
      return {};
    });
  }

  const TapeReader& tape_;
  const TraceRing& ring_;
  size_t next_ = 0;  // chunk
  SubBuffers held_{{}, 1};
  size_t at_ = 0;  // the next sub-buffer of those held
  uint32_t read_bytes_ = 0;
  bool open_ = false;
};

}  // namespace

Result<TraceRings> TraceRings::read(const TapeReader& tape) {
  TraceRings found;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known || !view.record.isTraceChunk()) return {};
    return found.add(view.seq, view.record.getTraceChunk());
  }));
  return found;
}

Result<void> TraceRings::add(Seq seq, schema::TraceChunk::Reader chunk) {
  add_formats(seq, chunk);
  const std::pair<std::string_view, CpuId> key{as_text(chunk.getInstance()), CpuId(chunk.getCpu())};
  auto ring = std::lower_bound(rings_.begin(), rings_.end(), key, &before);
  if (ring == rings_.end() || ring->instance != key.first || ring->cpu != key.second) {
    if (rings_.size() == kMaxRings) {
      return in_record(seq, Error{ErrorCode::kBadInput,
                                  "it has one more trace ring than the " +
                                      std::to_string(kMaxRings) + " that a tape can have",
                                  ""});
    }
    ring = rings_.insert(ring, TraceRing{std::string(key.first), key.second, {}});
  }
  ring->chunks.push_back({seq, chunk.getGeneration()});
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

}  // namespace ktape
