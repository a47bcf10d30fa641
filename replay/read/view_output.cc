// SPDX-License-Identifier: Apache-2.0
#include "replay/read/view_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replay/text/csv_cell.h"
#include "replay/text/integrity_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"

namespace ktape {

namespace {

using Texts = std::vector<std::string>;

// A longer cell pads only its own row; a table is as long as a tape makes it.
constexpr size_t kMaxWidth = 128;
constexpr size_t kMaxReasons = 20;

std::string shown(const ViewCell& cell) {
  if (!cell.missing.empty()) return cell.text ? *cell.text + " ?" : "?";
  return cell.text && !cell.text->empty() ? *cell.text : "-";
}

std::vector<size_t> widths_of(const std::vector<Texts>& lines) {
  std::vector<size_t> widths(lines.front().size());
  for (const Texts& line : lines) {
    for (size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], std::min(kMaxWidth, columns_of(line[i])));
  }
  return widths;
}

std::string aligned(const std::vector<Texts>& lines) {
  const std::vector<size_t> widths = widths_of(lines);
  std::string text;
  for (const Texts& line : lines) {
    std::string row = " ";
    for (size_t i = 0; i < line.size(); ++i) {
      row += " " + line[i];
      // Nothing behind the last column.
      if (i + 1 == line.size()) continue;
      row += std::string(widths[i] + 1 - std::min(widths[i], columns_of(line[i])), ' ');
    }
    text += row + "\n";
  }
  return text;
}

// "comm: not captured", each once; then how many cells have other reasons than these.
Texts missing_cells(const ViewTable& table) {
  Texts reasons;
  std::set<std::string> seen;
  size_t more = 0;
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size() && i < table.columns.size(); ++i) {
      if (row[i].missing.empty()) continue;
      std::string reason = table.columns[i] + ": " + row[i].missing;
      if (seen.contains(reason)) continue;
      if (seen.size() == kMaxReasons) {
        ++more;
        continue;
      }
      seen.insert(reason);
      reasons.push_back(std::move(reason));
    }
  }
  if (more > 0) reasons.push_back(fmt::format("and {}", count_text(more, "more cell")));
  return reasons;
}

void put_row(const ViewTable& table, const std::vector<ViewCell>& row, JsonWriter& json) {
  json.object();
  for (size_t i = 0; i < row.size() && i < table.columns.size(); ++i) {
    json.key(table.columns[i]);
    if (row[i].text) {
      json.value(*row[i].text);
    } else {
      json.null();
    }
  }
  json.key("missing").object();
  for (size_t i = 0; i < row.size() && i < table.columns.size(); ++i) {
    if (!row[i].missing.empty()) json.field(table.columns[i], row[i].missing);
  }
  json.end().end();
}

std::string missing_text(const ViewTable& table, const std::vector<ViewCell>& row) {
  std::string text;
  for (size_t i = 0; i < row.size() && i < table.columns.size(); ++i) {
    if (row[i].missing.empty()) continue;
    text += (text.empty() ? "" : "; ") + table.columns[i] + ": " + row[i].missing;
  }
  return text;
}

std::string csv_line(const std::vector<std::optional<std::string>>& cells) {
  std::string line;
  for (const auto& cell : cells) line += (line.empty() ? "" : ",") + csv_cell(cell);
  return line + "\n";
}

std::vector<std::optional<std::string>> csv_place(const Freeze& freeze) {
  return {std::to_string(freeze.id), std::to_string(freeze.began.value),
          std::to_string(freeze.at.value)};
}

}  // namespace

std::string views_text() {
  std::string text;
  for (const View& view : views()) text += fmt::format("{:<11}{}\n", view.name, view.description);
  return text;
}

std::string view_text(const ViewTable& table) {
  std::string text = fmt::format("{}: {}\n", table.name, count_text(table.rows.size(), "row"));
  if (!table.rows.empty()) {
    std::vector<Texts> lines = {table.columns};
    for (const auto& row : table.rows) {
      Texts& line = lines.emplace_back();
      for (const ViewCell& cell : row) line.push_back(shown(cell));
    }
    text += aligned(lines);
  }
  for (const std::string& reason : missing_cells(table)) text += "  ? " + reason + "\n";
  for (const std::string& gap : table.gaps) text += "  incomplete: " + gap + "\n";
  return text;
}

std::string view_json(const ViewTable& table, const Freeze& freeze, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kView)
      .field("freeze", JsonDigits{freeze.id})
      .field("seq", JsonDigits{freeze.began.value})
      .field("hostNs", JsonDigits{freeze.at.value})
      .field("view", table.name)
      .key("columns")
      .values(table.columns)
      .key("rows")
      .list();
  for (const auto& row : table.rows) put_row(table, row, json);
  json.end().key("incomplete").values(table.gaps);
  put_integrity(json, found);
  return json.end().newline().take();
}

std::string view_csv_header(const ViewTable& table) {
  std::vector<std::optional<std::string>> names = {"freeze", "seq", "host_ns"};
  names.insert(names.end(), table.columns.begin(), table.columns.end());
  names.emplace_back("missing");
  return csv_line(names);
}

std::string view_csv(const ViewTable& table, const Freeze& freeze) {
  std::string text;
  for (const auto& row : table.rows) {
    std::vector<std::optional<std::string>> cells = csv_place(freeze);
    for (const ViewCell& cell : row) cells.push_back(cell.text);
    const std::string missing = missing_text(table, row);
    cells.push_back(missing.empty() ? std::nullopt : std::optional(missing));
    text += csv_line(cells);
  }
  // Rows that could not be read are one row, without cells.
  for (const std::string& gap : table.gaps) {
    std::vector<std::optional<std::string>> cells = csv_place(freeze);
    cells.resize(cells.size() + table.columns.size());
    cells.emplace_back("incomplete: " + gap);
    text += csv_line(cells);
  }
  return text;
}

}  // namespace ktape
