// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "capture/io/kernel_complaints.h"

namespace ktape {

inline constexpr std::string_view kPanic = "Kernel panic - not syncing";

// Follows the serial console: cuts it into chunks of whole lines for the tape, and finds the panic
// line. Memory use is bounded whatever the guest prints.
class ConsoleLog {
 public:
  // Takes the next bytes and returns the lines they complete, to be recorded as one chunk (empty if
  // no line ended). Lines over 4 KiB are split.
  [[nodiscard]] std::string feed(std::span<const std::byte> bytes);
  // The rest of an unfinished line. Call it after the last bytes.
  [[nodiscard]] std::string rest();

  // True once the panic line was seen ("Kernel panic - not syncing", kernel/panic.c).
  [[nodiscard]] bool panicked() const { return panicked_; }
  // Console text from the panic line on, at most 64 KiB.
  [[nodiscard]] const std::string& panic_text() const { return panic_text_; }
  // The panic line without its time stamp: "Kernel panic - not syncing: ...".
  [[nodiscard]] const std::string& panic_line() const { return panic_line_; }
  // What the kernel complained about, apart from panics.
  [[nodiscard]] KernelComplaints& complaints() { return complaints_; }
  // The last complete line, for error messages about a guest that has gone silent.
  [[nodiscard]] const std::string& last_line() const { return last_line_; }

 private:
  void line(const std::string& text);

  std::string partial_;
  bool panicked_ = false;
  std::string panic_text_;
  std::string panic_line_;
  std::string last_line_;
  KernelComplaints complaints_;
};

}  // namespace ktape
