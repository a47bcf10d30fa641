// SPDX-License-Identifier: Apache-2.0
#include "replay/export/csv_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "replay/text/csv_cell.h"

namespace ktape {

namespace {

struct WideColumn {
  std::string_view table;
  std::string_view column;
};
// Values of the kernel; see value_text in schema/tape/projection/cells.h.
constexpr std::array<WideColumn, 4> kWideColumns = {
    {{"kernel_op", "asked"}, {"kernel_op", "value"}, {"kernel_op", "before"}, {"sample", "value"}}};

bool is_wide(std::string_view table, std::string_view column) {
  return std::ranges::any_of(kWideColumns, [&](const WideColumn& wide) {
    return wide.table == table && wide.column == column;
  });
}

}  // namespace

std::optional<std::string> hex_of_decimal(const std::optional<std::string>& cell) {
  if (!cell || cell->empty()) return std::nullopt;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), number);
  if (error != std::errc() || end != cell->data() + cell->size()) return std::nullopt;
  return fmt::format("{:#x}", number);
}

Result<void> csv_table(const TableReader& tape, const std::string& table,
                       const std::function<Result<void>(std::string_view)>& write) {
  KTAPE_ASSIGN(std::vector<std::string> columns, tape.columns(table));
  std::string line;
  auto put = [&](const std::string& cell) { line += (line.empty() ? "" : ",") + cell; };
  for (const auto& column : columns) {
    put(column);
    if (is_wide(table, column)) put(column + "_hex");
  }
  KTAPE_TRY(write(line + "\n"));
  return tape.for_each(table, [&](const TableReader::Cells& cells) {
    line.clear();
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += ',';
      line += csv_cell(cells[i]);
      if (is_wide(table, columns[i])) line += ',' + csv_cell(hex_of_decimal(cells[i]));
    }
    return write(line + "\n");
  });
}

}  // namespace ktape
