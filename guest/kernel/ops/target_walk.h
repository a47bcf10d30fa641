// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/rhashtable.h"
#include "guest/kernel/sched/xarray.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/target/target_path.h"

namespace ktape {

// What to do with a list that cannot be walked to its end, because it exceeds its limit or an entry
// cannot be read.
enum class Lists {
  kWhole,  // fail, without any entries; a path walks one list at most
  // Leave out the entries that cannot be reached, and say so. A path may walk several lists, also
  // within each other: time is bounded, but long, and no machine stands still for it.
  kAsFarAsTheyGo,
};

// What the paths of one request may cost: the number of places visited, including list entries.
struct PathBudget {
  uint64_t steps = uint64_t{1} << 20;
};

// The most entries of one walk, and of all walks of a path together. Far above any list of a
// scheduler; limits the cost of an untrusted path.
inline constexpr uint32_t kMaxListEntries = 65536;

// Takes `steps` from the budget; kOutOfRange if there are not enough.
[[nodiscard]] Result<void> spend(PathBudget& budget, uint64_t steps);

// A walk over the entries of a list, tree or table, resolved against a kernel's types.
struct TargetWalk {
  std::string path;  // up to the walk, for messages
  WalkKind kind = WalkKind::kList;
  uint64_t first_offset = 0;  // of the first pointer, within the head; of an IDR: of its xarray
  uint64_t next_offset = 0;   // of the next pointer, within a link; of a tree: to the left
  uint64_t right_offset = 0;  // of a tree
  uint64_t link_offset = 0;   // of the link within an entry
  uint32_t limit = 0;
  // A kernel iterator may be linked into a list among the entries; a flag next to the link marks
  // it.
  std::optional<FieldInfo> cursor_flags;
  uint64_t cursor_mask = 0;
  std::optional<XarrayWalk> xarray;
  bool is_idr = false;  // its xarray is in a struct idr
  std::optional<RhashtableWalk> table;
};

// A walk of what a path reached, an object of type `head`. kRefused or kNotFound say what does not
// fit. `log` gets the fields used.
[[nodiscard]] Result<TargetWalk> plan_walk(const Btf& btf, const ListStep& step,
                                           const TypeInfo& head, std::string path, LayoutLog& log);

// Appends the entries that it reaches: in list order, of a tree in the order of its keys, of an
// xarray of its indexes. kBadInput if it does not end within the limit, or is damaged; kOutOfRange
// when `budget` is used up; otherwise the errors of memory. With kAsFarAsTheyGo it goes on after a
// part of a tree, xarray or table that is damaged or cannot be read; the error is that of the
// first.
[[nodiscard]] Result<void> walk_target(const Kernel& kernel, const GuestMemory& memory,
                                       GuestVirtual head, const TargetWalk& walk, Lists lists,
                                       std::vector<GuestVirtual>& entries, PathBudget& budget);

}  // namespace ktape
