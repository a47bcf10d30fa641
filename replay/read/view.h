// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// A cell without text and without a reason is empty: a NULL pointer, or a member that this kernel
// does not have.
struct ViewCell {
  std::optional<std::string> text;  // safe to print, on one line
  std::string missing;              // why the text could not be read: "not captured"

  // Long text is cut.
  static ViewCell of(std::string text);
  static ViewCell of(const Error& error);
};

// A named table of what the kernel has of one kind at a freeze.
struct ViewTable {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<ViewCell>> rows;  // each with a cell for each column
  std::vector<std::string> gaps;            // why there may be more rows

  // Notes that rows are missing; the same reason is noted once.
  void lacks(std::string_view what, const Error& why);
  // 77 if a cell or a row is missing.
  [[nodiscard]] ExitCode code() const;
};

// A freeze, and what its memory is read with. All outlive it.
struct ViewSource {
  const Kernel& kernel;
  const RecordedMemory& memory;
  const TapeIndex& index;
  const Freeze& freeze;
};

struct View {
  std::string_view name;
  std::string_view description;
  std::vector<std::string> columns;
  // Adds rows and gaps to a table with these columns.
  void (*fill)(const ViewSource& source, ViewTable& table);

  // Without rows.
  [[nodiscard]] ViewTable table() const { return {std::string(name), columns, {}, {}}; }
};

[[nodiscard]] const std::vector<View>& views();
// nullptr if there is no such view.
[[nodiscard]] const View* find_view(std::string_view name);

// Each of them reads what the tape has; what it lacks is noted in cells and gaps.
void dsqs_view(const ViewSource& source, ViewTable& table);
void tasks_view(const ViewSource& source, ViewTable& table);
void workers_view(const ViewSource& source, ViewTable& table);
void runqueues_view(const ViewSource& source, ViewTable& table);
void maps_view(const ViewSource& source, ViewTable& table);
void cgroups_view(const ViewSource& source, ViewTable& table);

}  // namespace ktape
