// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/target_walk.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/target/target_path.h"

namespace ktape {

// A target path resolved against a kernel's types: offsets to add and pointers to follow. Made once
// for a root type and a path; run for each address, at the cost of one read per pointer. Immutable;
// does not refer to the Btf any more.
class TargetPlan {
 public:
  // `root` is the type of the root object; nothing if unknown, and then only the empty path is
  // accepted. kRefused, kNotFound or kOutOfRange name the step that fails. `root_name` is for
  // messages. `log` gets the members on the way.
  [[nodiscard]] static Result<TargetPlan> make(const Btf& btf, const std::optional<TypeInfo>& root,
                                               const std::string& root_name,
                                               const std::vector<PathStep>& path, LayoutLog& log,
                                               Lists lists = Lists::kWhole);

  // The type that the path reaches; for a list, in each entry. Nothing: untyped bytes.
  [[nodiscard]] const std::optional<TypeInfo>& type() const { return type_; }
  // Whether the path leaves the root object.
  [[nodiscard]] bool follows_pointers() const { return follows_pointers_; }
  [[nodiscard]] bool walks_list() const { return walks_list_; }

  // For a path that stays inside the root object and passes no DSQ: its offset from the root, which
  // needs no memory. Otherwise nothing.
  [[nodiscard]] const std::optional<uint64_t>& fixed_offset() const { return fixed_offset_; }

  struct Places {
    std::vector<GuestVirtual> values;  // one, or one per list entry, in list order
    // DSQs (struct scx_dispatch_q) that the path passes through.
    std::vector<GuestVirtual> queues;
    // Both only with kAsFarAsTheyGo: for each value, and why `values` lacks entries.
    std::vector<EntryNumbers> numbers;
    std::optional<Error> broke_off;

    // The first reason stays.
    void leave_out(const Error& why) {
      if (!broke_off) broke_off = why;
    }
  };
  // Follows the path from `root`. kBadInput for a NULL pointer or an endless list, kOutOfRange when
  // `budget` is used up; otherwise the errors of memory.
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
    uint64_t bytes = 0;  // from the place reached to the DSQ
  };
  using Action = std::variant<Add, Follow, PerCpu, Queue, TargetWalk>;
  class Maker;

  [[nodiscard]] Result<GuestVirtual> step(const Kernel& kernel, const GuestMemory& memory,
                                          GuestVirtual from, const Action& action) const;
  // Walks from each place; the entries are the new places.
  [[nodiscard]] static Result<void> walk_all(const Kernel& kernel, const GuestMemory& memory,
                                             const TargetWalk& walk, Lists lists,
                                             PathBudget& budget, Places& places);
  [[nodiscard]] Result<void> step_all(const Kernel& kernel, const GuestMemory& memory,
                                      const Action& action, Lists lists, Places& places) const;
  std::vector<Action> actions_;
  std::optional<TypeInfo> type_;
  std::optional<uint64_t> fixed_offset_;
  bool follows_pointers_ = false;
  bool walks_list_ = false;
};

}  // namespace ktape
