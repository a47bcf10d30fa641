// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/recorded_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace ktape {

namespace {

// Calls `visit(frame, offset in it, offset in the range, bytes)` for each frame of a range.
template <typename Visit>
Result<void> for_each_frame(GuestPhysical address, size_t bytes, Visit visit) {
  for (size_t done = 0; done < bytes;) {
    const uint64_t at = address.value + done;
    const size_t within = at % RecordedMemory::kPageBytes;
    const size_t here = std::min(bytes - done, RecordedMemory::kPageBytes - within);
    KTAPE_TRY(visit(at / RecordedMemory::kPageBytes, within, done, here));
    done += here;
  }
  return {};
}

}  // namespace

Result<RecordedMemory> RecordedMemory::make(std::vector<FreezePage> rows, LoadPage load) {
  PageListOrder order;
  for (const FreezePage& row : rows) KTAPE_TRY(order.next(row));
  return RecordedMemory(std::move(rows), std::move(load));
}

const FreezePage* RecordedMemory::row_of(uint64_t frame) const {
  auto above = std::ranges::upper_bound(rows_, frame, {}, &FreezePage::frame);
  if (above == rows_.begin()) return nullptr;
  const FreezePage& row = *std::prev(above);
  // Without overflow: the row begins at or below the frame.
  return frame - row.frame < row.frames ? &row : nullptr;
}

Result<RecordedMemory::Page> RecordedMemory::load(const FreezePage& row) const {
  Result<Page> content = load_(*row.hash);
  if (content.ok() && content->size() != kPageBytes) {
    content =
        Error{ErrorCode::kBadInput,
              fmt::format("the page of frame {:#x} has {} bytes", row.frame, content->size()), ""};
  }
  // Remembered, because readers treat the error of a single read as "not there".
  if (!content.ok() && intact_.ok()) intact_ = content.error();
  return content;
}

Result<const RecordedMemory::Page*> RecordedMemory::page(uint64_t frame) const {
  const auto written = written_.find(frame);
  if (written != written_.end()) return &written->second;
  const FreezePage* row = row_of(frame);
  if (row == nullptr) {
    const GuestPhysical at(frame * kPageBytes);
    // The first address is enough to know that something was missing.
    if (!missing_) missing_ = at;
    return Error{ErrorCode::kNotApplicable,
                 fmt::format("guest-physical {:#x}: not captured", at.value), ""};
  }
  // A run of zero frames has no page.
  if (!row->hash) return nullptr;
  const auto cached = cache_.find(*row->hash);
  if (cached != cache_.end()) return &cached->second;
  KTAPE_ASSIGN(Page content, load(*row));
  // All at once: simpler than an order of use, and the pages come back from the tape.
  if (cache_.size() == kCachedPages) cache_.clear();
  return &cache_.emplace(*row->hash, std::move(content)).first->second;
}

Result<RecordedMemory::Page*> RecordedMemory::own_page(uint64_t frame) {
  const auto written = written_.find(frame);
  if (written != written_.end()) return &written->second;
  KTAPE_ASSIGN(const Page* from, page(frame));
  // Copy on write: the tape's page stays as it was.
  return &written_.emplace(frame, from == nullptr ? Page(kPageBytes) : *from).first->second;
}

Result<void> RecordedMemory::read(GuestPhysical address, std::span<std::byte> out) const {
  return for_each_frame(
      address, out.size(),
      [&](uint64_t frame, size_t within, size_t done, size_t bytes) -> Result<void> {
        KTAPE_ASSIGN(const Page* from, page(frame));
        std::span<std::byte> to = out.subspan(done, bytes);
        if (from == nullptr) {
          std::ranges::fill(to, std::byte{0});
        } else {
          std::memcpy(to.data(), from->data() + within, bytes);
        }
        return {};
      });
}

Result<void> RecordedMemory::write(GuestPhysical address, std::span<const std::byte> bytes) {
  const auto prepare = [&](uint64_t frame, size_t, size_t, size_t) -> Result<void> {
    KTAPE_TRY(own_page(frame));
    return {};
  };
  // All frames first, so that a write beyond what was captured changes nothing.
  KTAPE_TRY(for_each_frame(address, bytes.size(), prepare));
  return for_each_frame(
      address, bytes.size(),
      [&](uint64_t frame, size_t within, size_t done, size_t count) -> Result<void> {
        KTAPE_ASSIGN(Page * to, own_page(frame));
        std::memcpy(to->data() + within, bytes.data() + done, count);
        return {};
      });
}

Result<std::vector<PhysicalRange>> RecordedMemory::populated() const {
  std::vector<uint64_t> frames;
  for (const FreezePage& row : rows_) {
    if (row.hash) frames.push_back(row.frame);
  }
  for (const auto& [frame, page] : written_) frames.push_back(frame);
  std::ranges::sort(frames);
  std::vector<PhysicalRange> ranges;
  for (const uint64_t frame : frames) {
    const uint64_t start = frame * kPageBytes;
    const uint64_t end = ranges.empty() ? 0 : ranges.back().start.value + ranges.back().bytes;
    if (start < end) continue;  // kept and written
    if (!ranges.empty() && start == end) {
      ranges.back().bytes += kPageBytes;
    } else {
      ranges.push_back({GuestPhysical(start), kPageBytes});
    }
  }
  return ranges;
}

uint64_t RecordedMemory::pages() const {
  return static_cast<uint64_t>(
      std::ranges::count_if(rows_, [](const FreezePage& row) { return row.hash.has_value(); }));
}

std::optional<GuestPhysical> RecordedMemory::take_missing() const {
  return std::exchange(missing_, std::nullopt);
}

}  // namespace ktape
