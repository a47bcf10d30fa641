// SPDX-License-Identifier: Apache-2.0

// write_checked_tapes FOLDER: tapes of hand-made runs whose results `ktape check` reports:
// pass, stall (violated), xfail, xpass, and other, which fails otherwise than its scenario expects.

#include <cstdio>
#include <string>

#include "tests/replay/two_runs.h"

namespace {

ktape::test::RunSpec stalled() {
  ktape::test::RunSpec spec;
  spec.exit_kind = 1026;  // SCX_EXIT_ERROR_STALL
  spec.exit_message = "sleeper[147] failed to run for 30.012s";
  return spec;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = std::string(argv[1]) + "/";
  const auto write = [&](const char* name, ktape::test::RunSpec spec, const char* match) {
    if (match != nullptr) spec.expect = {{"no-scheduler-error", match}};
    (void)ktape::test::record_run(folder + name + ".ktape", spec);
  };
  write("pass", {}, nullptr);
  write("stall", stalled(), nullptr);
  write("xfail", stalled(), "failed to run for");
  write("other", stalled(), "invalid CPU");
  write("xpass", {}, "failed to run for");
  return 0;
}
