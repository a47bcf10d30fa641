// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/recording_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ktape {

namespace {

// 1 MiB. Blocks never move, so a Frame's bytes stay where they are while more frames are recorded.
constexpr size_t kFramesPerBlock = 256;

}  // namespace

void RecordingMemory::begin(WritableGuestMemory& frozen) {
  frozen_ = &frozen;
  // Only the flags that are set: clearing all would cost a pass over the guest's whole RAM per
  // freeze.
  for (size_t slot : recorded_) seen_[copies_[slot].number] = false;
  recorded_.clear();
}

Result<void> RecordingMemory::read(GuestPhysical address, std::span<std::byte> out) const {
  // Read first, so that a bad address is reported as it is and leaves no page behind.
  KTAPE_TRY(frozen_->read(address, out));
  return record(address, out.size());
}

Result<void> RecordingMemory::write(GuestPhysical address, std::span<const std::byte> bytes) {
  // Before the write: what the tape keeps is the page as it was.
  KTAPE_TRY(record(address, bytes.size()));
  return frozen_->write(address, bytes);
}

Result<void> RecordingMemory::record(GuestPhysical address, uint64_t bytes) const {
  if (bytes == 0) return {};
  Result<void> result;
  const uint64_t last = (address.value + bytes - 1) / kFrameBytes;
  for (uint64_t number = address.value / kFrameBytes; number <= last; ++number) {
    if (is_recorded(number)) continue;
    Result<void> recorded = record_frame(number);
    if (!recorded.ok() && result.ok()) result = recorded;
  }
  return result;
}

Result<void> RecordingMemory::record_frame(uint64_t number) const {
  const GuestPhysical start(number * kFrameBytes);
  std::array<std::byte, kFrameBytes> read;
  // A live machine's RAM can be compared in place; other memory has to be copied first.
  std::span<const std::byte> now = frozen_->view(start, kFrameBytes);
  if (now.empty()) {
    KTAPE_TRY(frozen_->read(start, read));
    now = read;
  }
  bool is_new = false;
  Copy& copy = copy_of(number, is_new);
  // Compared with the copy, not hashed: this runs while the guest is stopped, and most frames are
  // as they were in an earlier freeze.
  copy.changed = is_new || std::memcmp(copy.bytes, now.data(), kFrameBytes) != 0;
  if (copy.changed) std::memcpy(copy.bytes, now.data(), kFrameBytes);
  if (number >= seen_.size()) seen_.resize(number + 1);
  seen_[number] = true;
  recorded_.push_back(slots_[number]);
  return {};
}

RecordingMemory::Copy& RecordingMemory::copy_of(uint64_t number, bool& is_new) const {
  const size_t next = copies_.size();
  auto [at, inserted] = slots_.try_emplace(number, next);
  is_new = inserted;
  if (!inserted) return copies_[at->second];
  if (next % kFramesPerBlock == 0) {
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kFramesPerBlock * kFrameBytes));
  }
  return copies_.emplace_back(
      Copy{number, blocks_.back().get() + next % kFramesPerBlock * kFrameBytes, false});
}

std::span<const std::byte> RecordingMemory::frame(uint64_t number) const {
  if (!is_recorded(number)) return {};
  return {copies_[slots_.at(number)].bytes, kFrameBytes};
}

std::vector<RecordingMemory::Frame> RecordingMemory::frames() const {
  std::vector<Frame> frames;
  frames.reserve(recorded_.size());
  for (size_t slot : recorded_) {
    const Copy& copy = copies_[slot];
    frames.push_back({copy.number, slot, copy.changed, {copy.bytes, kFrameBytes}});
  }
  std::ranges::sort(frames, {}, &Frame::number);
  return frames;
}

Result<void> RecordedFrames::read(GuestPhysical address, std::span<std::byte> out) const {
  constexpr uint64_t kFrameBytes = RecordingMemory::kFrameBytes;
  for (uint64_t at = address.value; !out.empty();) {
    const std::span<const std::byte> frame = recording_.frame(at / kFrameBytes);
    if (frame.empty())
      return Error{ErrorCode::kNotApplicable,
                   fmt::format("guest-physical address {:#x} was not recorded", at), ""};
    const uint64_t offset = at % kFrameBytes;
    const size_t bytes = std::min<uint64_t>(out.size(), kFrameBytes - offset);
    std::memcpy(out.data(), frame.data() + offset, bytes);
    out = out.subspan(bytes);
    at += bytes;
  }
  return {};
}

Result<std::vector<PhysicalRange>> RecordedFrames::populated() const {
  std::vector<PhysicalRange> ranges;
  for (const RecordingMemory::Frame& frame : recording_.frames()) {
    const uint64_t start = frame.number * RecordingMemory::kFrameBytes;
    if (!ranges.empty() && ranges.back().start.value + ranges.back().bytes == start) {
      ranges.back().bytes += RecordingMemory::kFrameBytes;
    } else {
      ranges.push_back({GuestPhysical(start), RecordingMemory::kFrameBytes});
    }
  }
  return ranges;
}

}  // namespace ktape
