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
  // Name and program; the name is taken by a program in an earlier folder.
  std::vector<std::pair<std::string, std::string>> hidden;
  Assertions not_programs;  // files named like an assertion that are not executable
};

// The programs ktape-assert-* in the folders; if several have one name, the one in the earliest
// folder. Folders of `path`, which come last, may be missing; kHost if one of `folders` cannot be
// read.
[[nodiscard]] Result<FoundAssertions> find_assertions(const std::vector<std::string>& folders,
                                                      const std::vector<std::string>& path = {});

// The assertions that the command line asks for.
struct AssertionChoice {
  std::vector<std::string> only;     // names, or patterns as for file names; empty: all
  std::vector<std::string> require;  // the same: inconclusive counts as violated
  std::vector<std::string> with;     // "NAME ARGUMENT...": a run with arguments
};

// One assertion, to be run over a tape.
struct AssertionRun {
  std::string name;
  std::string program;
  std::vector<std::string> arguments;  // after the tape
  bool required = false;

  // "value", "value --tag a --to 5": the name of its result.
  [[nodiscard]] std::string label() const;
};

// The runs that are asked for, by name; runs of one assertion are in the order in which its
// arguments were given. An assertion that is required or given arguments runs whether or not `only`
// names it. kUsage for a name that does not exist, with the nearest one that does, or with the
// reason why it cannot be run.
[[nodiscard]] Result<std::vector<AssertionRun>> choose_runs(const FoundAssertions& found,
                                                            const AssertionChoice& choice);

}  // namespace ktape
