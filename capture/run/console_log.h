// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "capture/run/kernel_complaints.h"

namespace ktape {

// Follows the serial console: cuts it into chunks of whole lines for the tape, and finds the line
// that tells of a panic. Bounded, whatever the guest writes.
class ConsoleLog {
 public:
  // Takes bytes as they come; returns the whole lines that they complete, to be recorded as one
  // chunk (empty when no line ended). A line over 4 KiB is cut.
  [[nodiscard]] std::string feed(std::span<const std::byte> bytes);
  // What is left of an unfinished line; nothing more will come.
  [[nodiscard]] std::string rest();

  // The kernel has panicked: its panic line was seen ("Kernel panic - not syncing",
  // kernel/panic.c).
  [[nodiscard]] bool panicked() const { return panicked_; }
  // Console text from the panic line on, at most 64 KiB.
  [[nodiscard]] const std::string& panic_text() const { return panic_text_; }
  // The panic line without its time stamp: "Kernel panic - not syncing: ...".
  [[nodiscard]] const std::string& panic_line() const { return panic_line_; }
  // What the kernel complained of beside that.
  [[nodiscard]] KernelComplaints& complaints() { return complaints_; }
  // The last whole line, for messages about a guest that says nothing more.
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
