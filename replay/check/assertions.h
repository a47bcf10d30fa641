// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Programs of assertions by name ("vtime-monotonic"), in the order in which they run.
using Assertions = std::map<std::string, std::string>;

struct FoundAssertions {
  Assertions assertions;
  // Name and program: an earlier folder has the name.
  std::vector<std::pair<std::string, std::string>> hidden;
  Assertions not_programs;  // files with the name of an assertion that cannot be executed
};

// The programs ktape-assert-* of the folders; of several with one name, that of the earliest
// folder. Folders of `path`, which come last, may be missing; kHost when one of `folders` cannot be
// read.
[[nodiscard]] Result<FoundAssertions> find_assertions(const std::vector<std::string>& folders,
                                                      const std::vector<std::string>& path = {});

// What of the assertions is asked for on the command line.
struct AssertionChoice {
  std::vector<std::string> only;     // names, or patterns as of file names; empty: all
  std::vector<std::string> require;  // the same: inconclusive counts as violated
  std::vector<std::string> with;     // "NAME ARGUMENT...": a run with arguments
};

// One assertion, run over a tape.
struct AssertionRun {
  std::string name;
  std::string program;
  std::vector<std::string> arguments;  // after the tape
  bool required = false;

  // "value", "value --tag a --to 5": what its result is called.
  [[nodiscard]] std::string label() const;
};

// The runs that are asked for, by name; of one assertion, in the order in which its arguments were
// given. What is required, or given arguments, runs whether or not `only` names it. kUsage for a
// name that is not there, with the nearest that is, or what keeps it from being run.
[[nodiscard]] Result<std::vector<AssertionRun>> choose_runs(const FoundAssertions& found,
                                                            const AssertionChoice& choice);

}  // namespace ktape
