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

// What could not be had while memory was surveyed, as a loss counter of a tape.
struct MemoryLoss {
  std::string name;
  std::string description;
  uint64_t count = 0;
};

// One look through a guest's memory that records what it reads: the verbs that the surveys of
// tasks, queues and maps are made of. The guest may be in the middle of an update, or hostile: what
// cannot be reached is counted as a loss under the current subject, the survey goes on, and all of
// it together records a bounded number of frames in bounded time.
class MemorySurvey {
 public:
  static constexpr size_t kMaxFrames = 16384;           // 64 MiB
  static constexpr size_t kMaxSteps = size_t{1} << 21;  // reads, also of what is recorded already
  static constexpr size_t kMaxChain = 65536;            // entries of one list

  MemorySurvey(const Kernel& kernel, const RecordingMemory& memory)
      : kernel_(kernel), memory_(memory), first_(memory.recorded()) {}

  // What losses are counted under from here on: "tasks" becomes the counter "pages_tasks".
  void subject(std::string_view name) { subject_ = name; }
  void lose(uint64_t count = 1) { losses_[subject_] += count; }

  // Records an object. False, and a loss, when part of it cannot be reached.
  bool keep(GuestVirtual address, uint64_t bytes);
  // The same, and the bytes.
  bool read(GuestVirtual address, std::span<std::byte> out);
  // An integer of 1, 2, 4 or 8 bytes; nothing, and a loss, when it cannot be read.
  std::optional<uint64_t> number(GuestVirtual address, size_t width);
  // A pointer; nothing when it is NULL, or, with a loss, when it cannot be read.
  std::optional<GuestVirtual> pointer(GuestVirtual address);
  // Text up to its NUL, `limit` bytes of it at most; a loss when it goes on.
  void keep_text(GuestVirtual address, uint64_t limit);
  // Calls `visit` with each struct list_head that `head` links, which is recorded, until it says
  // false.
  void list(GuestVirtual head, const std::function<bool(GuestVirtual)>& visit);

  // A symbol's address; nothing where the kernel has none of that name.
  [[nodiscard]] std::optional<GuestVirtual> symbol(std::string_view name) const;
  [[nodiscard]] const Kernel& kernel() const { return kernel_; }
  [[nodiscard]] const RecordingMemory& memory() const { return memory_; }

  [[nodiscard]] std::vector<MemoryLoss> losses() const;

 private:
  [[nodiscard]] bool over_budget();

  const Kernel& kernel_;
  const RecordingMemory& memory_;
  size_t first_;  // frames that were recorded before
  size_t steps_ = 0;
  std::string subject_;
  std::map<std::string, uint64_t> losses_;
  bool spent_ = false;
};

}  // namespace ktape
