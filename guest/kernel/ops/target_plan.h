// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/target/target_path.h"

namespace ktape {

// What the paths of one request may cost: places that are gone to, entries of lists among them.
struct PathBudget {
  uint64_t steps = uint64_t{1} << 20;
};

// What becomes of a list that cannot be walked to its end: it goes on beyond its limit, or an entry
// cannot be read.
enum class Lists {
  kWhole,          // an error: nothing of it counts
  kAsFarAsTheyGo,  // the entries before that, told to be not all
};

// A target path, resolved against a kernel's types: offsets to add and pointers to follow. Made
// once for a root type and a path; run for each address.
class TargetPlan {
 public:
  // `root` is the type that stands at the root; nothing where none is known, and then only the
  // empty path is taken. kRefused, kNotFound or kOutOfRange name the step that cannot be taken.
  // `root_name` is for messages.
  [[nodiscard]] static Result<TargetPlan> make(const Btf& btf, const std::optional<TypeInfo>& root,
                                               const std::string& root_name,
                                               const std::vector<PathStep>& path, LayoutLog& log);

  // What the path reaches; for a list, in each entry. Nothing: untyped bytes.
  [[nodiscard]] const std::optional<TypeInfo>& type() const { return type_; }
  // Whether it stays inside the root object.
  [[nodiscard]] bool follows_pointers() const { return follows_pointers_; }
  [[nodiscard]] bool walks_list() const { return walks_list_; }

  // Of a path that stays inside the root object and meets no dispatch queue: how far from the root
  // it leads, without a look at memory. Nothing of any other.
  [[nodiscard]] const std::optional<uint64_t>& fixed_offset() const { return fixed_offset_; }

  struct Places {
    std::vector<GuestVirtual> values;  // one, or one for each entry of a list, in list order
    // Dispatch queues (struct scx_dispatch_q) that the path leads through.
    std::vector<GuestVirtual> queues;
    std::optional<Error> broke_off;  // why `values` are not all entries of the list; kAsFarAsTheyGo
  };
  // Where the path leads from `root`. kBadInput for a NULL pointer or a list that does not end,
  // kOutOfRange once `budget` is used up, else the errors of memory.
  [[nodiscard]] Result<Places> run(const Kernel& kernel, const GuestMemory& memory,
                                   GuestVirtual root, Lists lists, PathBudget& budget) const;

 private:
  struct Add {
    uint64_t bytes = 0;
  };
  struct Follow {
    std::string path;  // up to the pointer, for messages
  };
  struct PerCpu {
    std::string path;
    CpuId cpu;
  };
  struct Queue {
    uint64_t bytes = 0;  // from the place that was reached to the dispatch queue
  };
  struct Walk {
    std::string path;
    uint64_t next_offset = 0;  // within struct list_head
    uint64_t link_offset = 0;  // of the link within an entry
    uint32_t limit = 0;
    // An iterator of the kernel may stand in the list among the entries: told by a flag beside the
    // link.
    std::optional<FieldInfo> cursor_flags;
    uint64_t cursor_mask = 0;
  };
  using Action = std::variant<Add, Follow, PerCpu, Queue, Walk>;
  class Maker;

  [[nodiscard]] Result<GuestVirtual> step(const Kernel& kernel, const GuestMemory& memory,
                                          GuestVirtual from, const Action& action) const;
  // Adds the entries that it reaches.
  [[nodiscard]] Result<void> walk(const Kernel& kernel, const GuestMemory& memory,
                                  GuestVirtual head, const Walk& walk,
                                  std::vector<GuestVirtual>& entries, PathBudget& budget) const;

  std::vector<Action> actions_;
  std::optional<TypeInfo> type_;
  std::optional<uint64_t> fixed_offset_;
  bool follows_pointers_ = false;
  bool walks_list_ = false;
};

}  // namespace ktape
