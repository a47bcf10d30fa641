// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schema/base/command/command_line.h"

namespace ktape {

// The terminal at standard output, for programs: what it can do, and colours on it.

[[nodiscard]] bool is_terminal(int fd);

// Whether the environment says that the terminal can neither colour nor move: TERM is unset, empty
// or "dumb".
[[nodiscard]] bool is_dumb_terminal();

// The width of standard output: COLUMNS, else what the terminal says, else 100; at least 60.
[[nodiscard]] size_t terminal_columns();

// The height of standard output: LINES, else what the terminal says, else 24.
[[nodiscard]] size_t terminal_rows();

enum class Paint {
  kPlain,
  kGood,   // green
  kBad,    // red, bold
  kOpen,   // yellow
  kTitle,  // bold
  kFaint,
};

// Colours text, or leaves it as it is. The only source of escape sequences: what comes from a tape
// is printable() before it is painted.
class Colors {
 public:
  Colors() = default;  // none
  explicit Colors(bool on) : on_(on) {}

  // Each line by itself, since a pager forgets a colour at the end of a line.
  [[nodiscard]] std::string paint(Paint paint, std::string_view text) const;

 private:
  bool on_ = false;
};

// The option --color auto|always|never.
class ColorOption {
 public:
  explicit ColorOption(CommandLine& program);
  ColorOption(const ColorOption&) = delete;
  ColorOption& operator=(const ColorOption&) = delete;

  // `auto`: on a terminal that is not dumb, unless NO_COLOR is set and not empty
  // (https://no-color.org).
  [[nodiscard]] Colors colors() const;

 private:
  std::string when_ = "auto";
};

}  // namespace ktape
