// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/check/child.h"
#include "schema/tape/writing/writer.h"

// The programs themselves, run over tapes on disk.
namespace ktape::test {

ChildResult run_program(const std::string& name, const std::vector<std::string>& arguments);

// What a program prints on standard error, when run by a shell.
std::string errors_of(const std::string& name, const std::string& arguments);

// What a script of Python prints. It has to end well.
std::string python(const std::string& script, const std::vector<std::string>& arguments = {});

// A sealed tape of the sample run.
SealedTape make_tape(const std::string& path);

// What a recorder of the sample run that died left.
std::string make_partial(const std::string& path);

// Turns over one bit of the file where `text` stands in it.
void damage(const std::string& path, const std::string& text);

// An executable script for the shell.
void make_analyzer(const std::string& path, const std::string& script);

// A tape with a value above 2^63, one that doubles round, and one that was not read.
[[nodiscard]] std::string make_wide_tape(const std::string& path);

}  // namespace ktape::test
