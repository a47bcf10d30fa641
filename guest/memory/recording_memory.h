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

// The memory of a machine that stands still, and a copy of every frame that is read or written
// through it, as the frame was before its first write. Lives as long as a run: copies are kept from
// one freeze to the next, so that a frame that did not change costs a comparison only. Its own
// memory is about that of the frames that were ever asked for. One thread.
class RecordingMemory final : public WritableGuestMemory {
 public:
  static constexpr uint64_t kFrameBytes = 4096;

  // A frame as it was in this freeze.
  struct Frame {
    uint64_t number = 0;   // guest-physical address / kFrameBytes
    size_t slot = 0;       // of its copy: dense, and the same in every freeze
    bool changed = false;  // differs from the freeze in which it was last recorded, or is new
    std::span<const std::byte> bytes;  // kFrameBytes of them; valid until the next `begin`
  };

  RecordingMemory() = default;
  RecordingMemory(const RecordingMemory&) = delete;
  RecordingMemory& operator=(const RecordingMemory&) = delete;

  // A freeze begins: nothing is recorded of it yet. `frozen` outlives its last use through this
  // object.
  void begin(WritableGuestMemory& frozen);

  // WritableGuestMemory, before the thaw: as `frozen` does it.
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override;
  Result<std::vector<PhysicalRange>> populated() const override { return frozen_->populated(); }
  Result<std::vector<PhysicalRange>> ram() const override { return frozen_->ram(); }

  // Records the frames of a range as if they were read, all that can be. The error is the first
  // one.
  Result<void> record(GuestPhysical address, uint64_t bytes) const;

  // Also after the thaw: what was recorded since `begin`, ascending.
  [[nodiscard]] std::vector<Frame> frames() const;
  [[nodiscard]] size_t recorded() const { return recorded_.size(); }

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
  // Reading records: the rest changes in `read` as well.
  mutable std::vector<bool> seen_;                      // by frame number
  mutable std::vector<size_t> recorded_;                // slots, in the order of recording
  mutable std::vector<Copy> copies_;                    // by slot
  mutable std::unordered_map<uint64_t, size_t> slots_;  // by frame number
  mutable std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

}  // namespace ktape
