// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/command/terminal.h"
#include "schema/base/units.h"

namespace ktape {

// Builds text for people: wrapped words are aligned with the first one, and colours are used if
// they are wanted. The text it is given must be safe to print.
class TextWriter {
 public:
  explicit TextWriter(Colors colors = {}, size_t columns = 100)
      : colors_(colors), columns_(columns) {}

  // A heading line in capitals, after an empty line.
  void section(std::string_view title);
  // A line, unchanged.
  void line(std::string_view text, Paint paint = Paint::kPlain);
  // A line that begins with `lead`; wrapped lines are aligned with the start of the text.
  void led(std::string_view lead, std::string_view text, Paint paint = Paint::kPlain,
           Paint lead_paint = Paint::kPlain);
  // "label       value"
  void field(std::string_view label, std::string_view value);
  // "   12 [    3.204518] text": one record of the timeline.
  void event(Seq seq, HostNs at, std::string_view text, Paint paint = Paint::kPlain);
  // A detail of the event above, indented by `depth` more levels.
  void detail(std::string_view text, size_t depth = 0);
  // Text line by line, unwrapped, indented like a detail.
  void block(std::string_view text, size_t depth = 0);

  // What was written since the last call.
  [[nodiscard]] std::string take();

 private:
  void wrapped(const std::string& lead, std::string_view text, Paint paint, Paint lead_paint);

  Colors colors_;
  size_t columns_;
  std::string text_;
};

// Columns of a terminal that a text takes, counting each character as one.
[[nodiscard]] size_t columns_of(std::string_view text);
// The text, and blanks up to this number of columns: fmt counts some characters as two.
[[nodiscard]] std::string padded(std::string_view text, size_t columns);

// "0.9 ms", "12 us", "3.2 s": three significant digits.
[[nodiscard]] std::string duration_text(uint64_t ns);
[[nodiscard]] std::string bytes_text(uint64_t bytes);
// "1 page", "2 pages"
[[nodiscard]] std::string count_text(uint64_t count, std::string_view singular,
                                     std::string_view plural = "");
// "2026-11-22 09:42:11 UTC"
[[nodiscard]] std::string wall_clock_text(uint64_t unix_ns);

}  // namespace ktape
