// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/child.h"
#include "schema/tape/writing/writer.h"

// The programs themselves, run over tapes on disk.
namespace ktape::test {

ChildResult run_program(const std::string& name, const std::vector<std::string>& arguments);

// A program's output on standard error, when run by a shell.
std::string errors_of(const std::string& name, const std::string& arguments);

// The output of a Python script, which must succeed.
std::string python(const std::string& script, const std::vector<std::string>& arguments = {});

// A sealed tape of the sample run.
SealedTape make_tape(const std::string& path);

// What a dead recorder of the sample run left.
std::string make_partial(const std::string& path);

// Flips one bit of the file where it has `text`.
void damage(const std::string& path, const std::string& text);

// An executable script for the shell.
void make_analyzer(const std::string& path, const std::string& script);

// A tape with a value above 2^63, one that doubles round, and one that was not read.
[[nodiscard]] std::string make_wide_tape(const std::string& path);

}  // namespace ktape::test
