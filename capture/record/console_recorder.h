// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "capture/io/console_log.h"
#include "capture/io/progress.h"
#include "capture/record/recorder.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"

namespace ktape {

// Records what the guest prints on its console: the text, kernel complaints, and a panic. Shows
// complaints and panics to the user as they occur. Methods fail only if the tape cannot be written.
class ConsoleRecorder {
 public:
  // All arguments outlive it.
  ConsoleRecorder(const Machine& machine, Recorder& recorder, Progress& progress)
      : machine_(machine), recorder_(recorder), progress_(progress) {}

  // Bytes as they come: lines may be cut anywhere.
  Result<void> feed(std::span<const std::byte> bytes);
  // Call it after the last bytes.
  Result<void> finish();

  // As in ConsoleLog.
  [[nodiscard]] bool panicked() const { return log_.panicked(); }
  [[nodiscard]] const std::string& panic_line() const { return log_.panic_line(); }
  [[nodiscard]] const std::string& last_line() const { return log_.last_line(); }
  // Whether the guest died of a known fault of the emulator.
  [[nodiscard]] bool emulators_fault() const { return emulators_fault_; }

 private:
  Result<void> record(const std::string& text);
  Result<void> record_complaints();
  void note_emulator(const std::string& oops);

  const Machine& machine_;
  Recorder& recorder_;
  Progress& progress_;
  ConsoleLog log_;
  bool panic_shown_ = false;
  bool emulators_fault_ = false;
};

}  // namespace ktape
