// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/target_walk.h"
#include "guest/kernel/types/layout_log.h"
#include "replay/read/view.h"
#include "schema/base/result.h"

namespace ktape {

// An object of the kernel at a freeze.
struct KernelObject {
  GuestVirtual at;
  std::string_view type;  // "struct task_struct"
};

// Reads members of objects, for the cells of views.
class KernelObjects {
 public:
  // Names of a member, of which a kernel has one: "h_nr_queued", or before that "h_nr_running".
  using Names = std::initializer_list<std::string_view>;

  explicit KernelObjects(const ViewSource& source);

  // As `ktape read` shows the member, on one line.
  [[nodiscard]] ViewCell cell(const KernelObject& object, Names names);
  // Nothing if the kernel does not have the member.
  [[nodiscard]] Result<std::optional<uint64_t>> number(const KernelObject& object, Names names);
  // The target of a pointer; nothing also for NULL.
  [[nodiscard]] Result<std::optional<GuestVirtual>> pointer(const KernelObject& object,
                                                            Names names);
  // The text that a char * leads to; empty for NULL.
  [[nodiscard]] Result<std::string> pointed_text(const KernelObject& object, Names names);
  // An address inside the object, which needs no memory; nothing if the kernel has no such member.
  [[nodiscard]] std::optional<GuestVirtual> part(const KernelObject& object, std::string_view name);

  // The objects that a path with walks leads to. What cannot be reached is noted in `table`.
  [[nodiscard]] std::vector<GuestVirtual> walk(const KernelObject& from, std::string_view path,
                                               ViewTable& table, std::string_view what);

  // "sleeper[77]"
  [[nodiscard]] ViewCell task_name(GuestVirtual task);

  // Whether the view has read as much as a view may; then notes in `table` that the rest is not
  // read. Members are errors from then on.
  [[nodiscard]] bool is_spent(ViewTable& table) const;

  [[nodiscard]] const Kernel& kernel() const { return source_.kernel; }
  [[nodiscard]] const ViewSource& source() const { return source_; }

 private:
  // Counts a read of memory, or text made of it: a hostile tape leads to more than a kernel has.
  [[nodiscard]] Result<void> charge(uint64_t bytes);

  const ViewSource& source_;
  LayoutLog log_;
  PathBudget budget_;
  uint64_t bytes_left_;
};

}  // namespace ktape
