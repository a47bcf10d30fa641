// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/memory/recording_memory.h"
#include "schema/base/units.h"

namespace ktape {

// What could not be read during a memory survey, as a loss counter of a tape.
struct MemoryLoss {
  std::string name;
  std::string description;
  uint64_t count = 0;
};

// One pass over a guest's memory that records what it reads: the operations that the surveys of
// tasks, DSQs and maps are built from. The guest may be in the middle of an update, or hostile:
// what cannot be reached is counted as a loss under the current subject and the survey continues.
// In total it records a bounded number of frames in bounded time.
class MemorySurvey {
 public:
  static constexpr size_t kMaxFrames = 16384;           // 64 MiB
  static constexpr size_t kMaxSteps = size_t{1} << 21;  // reads, including repeated ones
  static constexpr size_t kMaxChain = 65536;            // entries in one list

  // Both outlive it. What it reads is kept because `memory` records each frame that is read.
  MemorySurvey(const Kernel& kernel, const RecordingMemory& memory)
      : kernel_(kernel), memory_(memory), first_(memory.recorded()) {}

  // Subject for losses from here on: "tasks" means the counter "pages_tasks".
  void subject(std::string_view name) { subject_ = name; }
  void lose(uint64_t count = 1) { losses_[subject_] += count; }

  // Records an object without reading it. False, and a loss, if part of it cannot be read; the rest
  // of it is recorded. An object of 0 bytes, from a type that the kernel lacks, is recorded and
  // means nothing.
  bool keep(GuestVirtual address, uint64_t bytes);
  // The same, and returns the bytes.
  bool read(GuestVirtual address, std::span<std::byte> out);
  // An integer of 1, 2, 4 or 8 bytes; nothing, and a loss, if it cannot be read.
  std::optional<uint64_t> number(GuestVirtual address, size_t width);
  // A pointer; nothing if it is NULL, or, with a loss, if it cannot be read.
  std::optional<GuestVirtual> pointer(GuestVirtual address);
  // Text up to its NUL, at most `limit` bytes; a loss if it is longer.
  void keep_text(GuestVirtual address, uint64_t limit);
  // Calls `visit` with each struct list_head in the list of `head`, and records it, until `visit`
  // returns false.
  void list(GuestVirtual head, const std::function<bool(GuestVirtual)>& visit);

  // A symbol's address; nothing if the kernel has no such symbol.
  [[nodiscard]] std::optional<GuestVirtual> symbol(std::string_view name) const;
  [[nodiscard]] const Kernel& kernel() const { return kernel_; }
  [[nodiscard]] const RecordingMemory& memory() const { return memory_; }

  // By subject; empty if everything was reached.
  [[nodiscard]] std::vector<MemoryLoss> losses() const;

 private:
  [[nodiscard]] bool over_budget();

  const Kernel& kernel_;
  const RecordingMemory& memory_;
  size_t first_;  // frames recorded before this survey
  size_t steps_ = 0;
  std::string subject_;
  std::map<std::string, uint64_t> losses_;
  bool spent_ = false;
};

}  // namespace ktape
