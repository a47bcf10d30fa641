// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The memory of a stopped machine, plus a copy of every frame that is read or written through it,
// as it was before its first write. Lives as long as a run: copies are kept from one freeze to the
// next, so that an unchanged frame costs only a comparison. Uses about as much memory as the frames
// ever accessed. Single-threaded.
class RecordingMemory final : public WritableGuestMemory {
 public:
  static constexpr uint64_t kFrameBytes = 4096;

  // A frame as it was in this freeze.
  struct Frame {
    uint64_t number = 0;               // guest-physical address / kFrameBytes
    size_t slot = 0;                   // index of its copy: dense, and the same in every freeze
    bool changed = false;              // new, or different from the freeze that last recorded it
    std::span<const std::byte> bytes;  // kFrameBytes; valid until the next `begin`
  };

  RecordingMemory() = default;
  RecordingMemory(const RecordingMemory&) = delete;
  RecordingMemory& operator=(const RecordingMemory&) = delete;

  // Begins a freeze, with nothing recorded yet. `frozen` outlives its last use through this object.
  // Ends the validity of every Frame handed out before.
  void begin(WritableGuestMemory& frozen);

  // WritableGuestMemory, until the thaw: forwarded to `frozen`. A write to a page that cannot be
  // recorded is not done.
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override;
  Result<std::vector<PhysicalRange>> populated() const override { return frozen_->populated(); }
  Result<std::vector<PhysicalRange>> ram() const override { return frozen_->ram(); }

  // Records the frames of a range as if they were read, as many as possible. Returns the first
  // error.
  Result<void> record(GuestPhysical address, uint64_t bytes) const;

  // What was recorded since `begin`, ascending. Works after the thaw, too.
  [[nodiscard]] std::vector<Frame> frames() const;
  [[nodiscard]] size_t recorded() const { return recorded_.size(); }
  // The bytes of a frame recorded since `begin`, as `Frame` has them; empty: it is not recorded.
  // Works after the thaw, too.
  [[nodiscard]] std::span<const std::byte> frame(uint64_t number) const;

 private:
  struct Copy {
    uint64_t number = 0;
    std::byte* bytes = nullptr;
    bool changed = false;
  };

  Result<void> record_frame(uint64_t number) const;
  [[nodiscard]] bool is_recorded(uint64_t number) const {
    return number < seen_.size() && seen_[number];
  }
  [[nodiscard]] Copy& copy_of(uint64_t number, bool& is_new) const;

  WritableGuestMemory* frozen_ = nullptr;
  // Reading records, so these change in `read` as well.
  mutable std::vector<bool> seen_;                      // by frame number
  mutable std::vector<size_t> recorded_;                // slots, in the order of recording
  mutable std::vector<Copy> copies_;                    // by slot
  mutable std::unordered_map<uint64_t, size_t> slots_;  // by frame number
  mutable std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

// The frames that a RecordingMemory recorded since its last `begin`, as they were then. For reading
// a freeze's memory after the thaw. Valid until the next `begin`.
class RecordedFrames final : public GuestMemory {
 public:
  explicit RecordedFrames(const RecordingMemory& recording) : recording_(recording) {}

  // kNotApplicable if a frame was not recorded.
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  Result<std::vector<PhysicalRange>> populated() const override;

 private:
  const RecordingMemory& recording_;
};

}  // namespace ktape
