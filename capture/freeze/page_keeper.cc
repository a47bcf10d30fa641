// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/page_keeper.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ktape {

namespace {

constexpr uint64_t kFrameBytes = RecordingMemory::kFrameBytes;

bool is_zero(std::span<const std::byte> bytes) {
  static constexpr std::array<std::byte, kFrameBytes> kZero{};
  return std::memcmp(bytes.data(), kZero.data(), kFrameBytes) == 0;
}

void add_zeros(uint64_t frame, uint64_t frames, std::vector<FreezePage>& rows) {
  if (frames == 0) return;
  // One row for a run of zeros: a full memory has millions of zero frames.
  const bool adjoins =
      !rows.empty() && !rows.back().hash && rows.back().frame + rows.back().frames == frame;
  if (adjoins) {
    rows.back().frames += frames;
  } else {
    rows.push_back({0, frame, frames, std::nullopt});
  }
}

// The parts of `ram` not covered by `populated`, in whole frames. A populated range that begins or
// ends inside a frame covers all of it; RAM that does so does not have that frame.
std::vector<FreezePage> gaps(const std::vector<PhysicalRange>& ram,
                             const std::vector<PhysicalRange>& populated) {
  std::vector<FreezePage> rows;
  auto next = populated.begin();
  for (const PhysicalRange& range : ram) {
    uint64_t frame = (range.start.value + kFrameBytes - 1) / kFrameBytes;
    const uint64_t end = (range.start.value + range.bytes) / kFrameBytes;
    for (; next != populated.end() && next->start.value / kFrameBytes < end; ++next) {
      const uint64_t start = next->start.value / kFrameBytes;
      if (start > frame) add_zeros(frame, start - frame, rows);
      frame = std::max(frame, (next->start.value + next->bytes + kFrameBytes - 1) / kFrameBytes);
    }
    if (end > frame) add_zeros(frame, end - frame, rows);
  }
  return rows;
}

}  // namespace

std::vector<FreezePage> rows_of(std::span<const FrameContent> contents,
                                std::span<const FreezePage> zero_runs) {
  std::vector<FreezePage> rows;
  auto next = contents.begin();
  // Adds the contents of the frames before `end`.
  auto add_before = [&](uint64_t end) {
    for (; next != contents.end() && next->frame < end; ++next) {
      if (next->hash) {
        rows.push_back({0, next->frame, 1, next->hash});
      } else {
        // A frame that reads as zero is no different from one that was never touched.
        add_zeros(next->frame, 1, rows);
      }
    }
  };
  for (const FreezePage& run : zero_runs) {
    uint64_t frame = run.frame;
    const uint64_t end = run.frame + run.frames;
    add_before(frame);
    while (frame < end) {
      const uint64_t stop = next == contents.end() ? end : std::min(end, next->frame);
      add_zeros(frame, stop - frame, rows);
      frame = stop;
      // A frame in a zero run that was read after all: it stands as read.
      if (frame < end) add_before(++frame);
    }
  }
  add_before(~uint64_t{0});
  return rows;
}

void PageKeeper::adopted(const Kernel& kernel) {
  if (mode_ == schema::MemoryMode::NONE) return;
  kernel_ = &kernel;
  sched_ = std::make_unique<SchedMemory>(kernel);
}

WritableGuestMemory& PageKeeper::watch(WritableGuestMemory& frozen) {
  if (mode_ == schema::MemoryMode::NONE) return frozen;
  memory_.begin(frozen);
  zero_runs_.clear();
  // Always, also with --memory touched: see SchedMemory::record_anchors().
  if (sched_) sched_->record_anchors(memory_);
  // Inside the freeze, since it reads the memory as it is now.
  if (sched_ && mode_ == schema::MemoryMode::SCHED) {
    for (const MemoryLoss& loss : sched_->record(memory_))
      recorder_.lose(loss.name, loss.description, loss.count);
  }
  if (mode_ == schema::MemoryMode::FULL) record_everything();
  return memory_;
}

void PageKeeper::record_everything() {
  const auto ram = memory_.ram();
  const auto populated = memory_.populated();
  if (!ram.ok() || !populated.ok()) {
    recorder_.lose("pages_all",
                   "freezes whose memory was not kept in full, because it could not be listed", 1);
    return;
  }
  uint64_t failed = 0;
  // A hole is not read: reading it through the mapping would allocate it in the host (GuestRam).
  for (const PhysicalRange& range : *populated) {
    if (!memory_.record(range.start, range.bytes).ok()) ++failed;
  }
  if (failed != 0)
    recorder_.lose("pages_ranges", "ranges of memory that could not be read in full in a freeze",
                   failed);
  zero_runs_ = gaps(*ram, *populated);
}

Result<std::optional<PagesKept>> PageKeeper::keep(uint64_t freeze) {
  if (mode_ == schema::MemoryMode::NONE) return std::optional<PagesKept>();
  const std::vector<RecordingMemory::Frame> frames = memory_.frames();
  for (const RecordingMemory::Frame& frame : frames) {
    if (frame.slot >= known_.size()) known_.resize(frame.slot + 1);
    if (frame.changed) known_[frame.slot].reset();
  }
  // At most one row per frame, plus a zero run before each and after the last. Counted before
  // anything is stored, so that a freeze is on the tape with all its pages or none.
  if (frames.size() + zero_runs_.size() > kMaxFreezeRows / 2) {
    recorder_.lose("pages_freezes",
                   "freezes whose memory was not kept, because it is in too many pieces", 1);
    return std::optional<PagesKept>();
  }
  std::vector<FrameContent> contents;
  contents.reserve(frames.size());
  for (const RecordingMemory::Frame& frame : frames) {
    KTAPE_ASSIGN(FrameContent content, content_of(frame));
    contents.push_back(content);
  }
  const std::vector<FreezePage> rows = rows_of(contents, zero_runs_);
  // A freeze that touched no memory.
  if (rows.empty()) return std::optional<PagesKept>();
  KTAPE_ASSIGN(PagesKept kept, recorder_.add_freeze_pages(freeze, rows));
  return std::optional(kept);
}

std::optional<WaitingTasks> PageKeeper::waiting() const {
  const bool all_tasks = mode_ == schema::MemoryMode::SCHED || mode_ == schema::MemoryMode::FULL;
  if (!all_tasks || kernel_ == nullptr) return std::nullopt;
  Result<WaitingTasks> found = find_waiting_tasks(*kernel_, RecordedFrames(memory_));
  return found.ok() ? std::optional(std::move(*found)) : std::nullopt;
}

Result<FrameContent> PageKeeper::content_of(const RecordingMemory::Frame& frame) {
  // The slot keeps its content from an earlier freeze unless it changed: an unchanged page is
  // neither hashed nor stored again.
  std::optional<FrameContent>& known = known_[frame.slot];
  if (!known) {
    FrameContent found{frame.number, std::nullopt};
    if (!is_zero(frame.bytes)) {
      KTAPE_ASSIGN(found.hash, recorder_.add_page(frame.bytes));
    }
    known = found;
  }
  return *known;
}

}  // namespace ktape
