// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/replay/programs.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

struct StallSpec {
  bool with_reads = true;
  std::string comm = "left_alone";
  unsigned vcpus = 2;
  bool other_class = false;  // the worker is not in sched_ext
};

// A run that ends with a stall, with the freeze that a capture makes then; the memory is not kept.
class StallTape {
 public:
  explicit StallTape(const std::string& path, const StallSpec& spec = {});
  TapeBuilder& builder() { return tape_; }
  void end();

 private:
  void request(const StallSpec& spec);
  void freeze(const StallSpec& spec);
  void frozen(const StallSpec& spec);
  void reply();
  void exited(const StallSpec& spec);

  TapeBuilder tape_;
};

// ktape-report, with two assertions.
[[nodiscard]] ChildResult report(const std::string& tape);

// What it prints of "run.ktape" in a folder, which has to have the form of a report: check_form().
[[nodiscard]] std::string report_of(const TempDir& folder);
[[nodiscard]] std::string stall_report(const StallSpec& spec = {});

// At most so many lines and columns, and nothing but what can be printed.
void check_form(const std::string& text);

}  // namespace ktape::test
