// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/record/recorder.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/sched_memory.h"
#include "guest/memory/recording_memory.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/tape/page_list.h"

namespace ktape {

// What is known of a frame: the hash of its content, or that it is zero.
struct FrameContent {
  uint64_t frame = 0;
  std::optional<Digest> hash;
};

// The rows of a freeze: `contents`, and `zero_runs` (rows without a hash) wherever they say
// nothing. Both ascend; so do the rows, with neighbouring zero frames as one run.
[[nodiscard]] std::vector<FreezePage> rows_of(std::span<const FrameContent> contents,
                                              std::span<const FreezePage> zero_runs);

// Keeps the guest's memory on the tape, as much of it as the run's memory mode says, as it was when
// the machine stood still and before anything was written to it. Belongs to whatever freezes:
// `watch` once inside each freeze, `keep` once after its thaw and before its Thawed record. Inside
// the freeze pages are compared and copied only; they are hashed and compressed in `keep`.
class PageKeeper {
 public:
  // `recorder` outlives the keeper.
  PageKeeper(schema::MemoryMode mode, Recorder& recorder) : mode_(mode), recorder_(recorder) {}

  // Before the first freeze, or never. `kernel` outlives the keeper.
  void adopted(const Kernel& kernel);

  // The machine stands still, nothing was written yet. Everything that reads or writes memory in
  // this freeze does so through what this returns, which is valid until the thaw. What cannot be
  // had is counted as lost.
  [[nodiscard]] WritableGuestMemory& watch(WritableGuestMemory& frozen);

  // The machine runs again. Returns what the Thawed record says of the pages; nothing where none
  // are kept. That record goes into the same group of the tape. Fails when the tape cannot be
  // written.
  [[nodiscard]] Result<std::optional<PagesKept>> keep(uint64_t freeze);

 private:
  void record_everything();
  [[nodiscard]] Result<FrameContent> content_of(const RecordingMemory::Frame& frame);

  schema::MemoryMode mode_;
  Recorder& recorder_;
  std::unique_ptr<SchedMemory> sched_;
  RecordingMemory memory_;
  std::vector<FreezePage> zero_runs_;  // of this freeze: RAM that was never touched
  // By slot: what its copy holds, once it was hashed.
  std::vector<std::optional<FrameContent>> known_;
};

}  // namespace ktape
