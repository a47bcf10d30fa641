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
#include "guest/kernel/survey/waiting_tasks.h"
#include "guest/memory/recording_memory.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/tape/page_list.h"

namespace ktape {

// The content of a frame: its hash, or that it is zero.
struct FrameContent {
  uint64_t frame = 0;
  std::optional<Digest> hash;
};

// The rows of a freeze: `contents`, plus `zero_runs` (rows without a hash) for frames not in
// `contents`. Both are sorted, and so is the result, with adjacent zero frames merged into one run.
[[nodiscard]] std::vector<FreezePage> rows_of(std::span<const FrameContent> contents,
                                              std::span<const FreezePage> zero_runs);

// Keeps guest memory on the tape, as much as the run's memory mode asks for, as it was when the
// machine stopped and before any write. Per freeze call `watch` once inside the freeze, and `keep`
// once after the thaw and before the Thawed record. Inside the freeze pages are only compared and
// copied; `keep` hashes and compresses them.
class PageKeeper {
 public:
  // `recorder` outlives the keeper.
  PageKeeper(schema::MemoryMode mode, Recorder& recorder) : mode_(mode), recorder_(recorder) {}

  // Called before the first freeze, or never. `kernel` outlives the keeper.
  void adopted(const Kernel& kernel);

  // The machine is stopped and nothing has been written yet. All reads and writes of memory in this
  // freeze must go through the returned object, which is valid until the thaw. What cannot be read
  // is counted as lost.
  [[nodiscard]] WritableGuestMemory& watch(WritableGuestMemory& frozen);

  // The machine runs again. Returns what the Thawed record says about pages; nothing if none are
  // kept. That record must go into the same group of the tape, or a crash between them would leave
  // a freeze with pages that no record vouches for. Fails if the tape cannot be written.
  [[nodiscard]] Result<std::optional<PagesKept>> keep(uint64_t freeze);

  // Which tasks waited in this freeze, from the copies of its memory. After the thaw. Nothing if
  // not enough is kept to find them, or the kernel has no sched_ext.
  [[nodiscard]] std::optional<WaitingTasks> waiting() const;

 private:
  void record_everything();
  [[nodiscard]] Result<FrameContent> content_of(const RecordingMemory::Frame& frame);

  schema::MemoryMode mode_;
  Recorder& recorder_;
  std::unique_ptr<SchedMemory> sched_;
  const Kernel* kernel_ = nullptr;
  RecordingMemory memory_;
  std::vector<FreezePage> zero_runs_;  // of this freeze: RAM that was never touched
  // By slot: the content of its copy, if hashed.
  std::vector<std::optional<FrameContent>> known_;
};

}  // namespace ktape
