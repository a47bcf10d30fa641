// SPDX-License-Identifier: Apache-2.0
// Every verb shows a value in the same words.
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// A run that reads a name, a class, a text and a negative number.
struct Values {
  explicit Values(const std::string& file, int32_t prio = -53) : tape(file) {
    FakeKernel& kernel = tape.kernel();
    const GuestVirtual scheduler = kernel.allocate(224);
    const GuestVirtual text = kernel.allocate(16);
    for (size_t i = 0; i < kPath.size(); ++i)
      kernel.put(text + i, static_cast<unsigned char>(kPath[i]), 1);
    kernel.set(scheduler, "struct scx_sched", "cgrp_path", text.value);
    kernel.set_task(tape.task(), "prio", static_cast<uint32_t>(prio));
    path_target = fmt::format("(struct scx_sched){:#x}.cgrp_path", scheduler.value);
    tape.serve({read_line("task:sleeper.comm"), read_line("task:sleeper.sched_class"),
                read_line(path_target), read_line("task:sleeper.prio"),
                read_line("cpu0:runqueues.scx"), read_line("task:sleeper.comm:bytes(2)")});
    path = tape.seal().path;
  }

  static constexpr std::string_view kPath = "/work";
  FakeTape tape;
  std::string path_target;
  std::string path;
};

std::string output_of(const std::string& verb, const std::vector<std::string>& arguments) {
  return must(run_child(std::string(KTAPE_BIN "/ktape-") + verb, arguments, 1 << 24)).output;
}

}  // namespace

TEST_CASE("read, show, diff, report and export show a value in the same words") {
  TempDir folder;
  const Values values(folder.file("a.ktape"));
  const std::string read =
      output_of("read", {values.path, "--at", "1", "task:sleeper.comm", "task:sleeper.sched_class",
                         values.path_target, "task:sleeper.prio"});
  CHECK_THAT(read, ContainsSubstring("task:sleeper.comm = \"sleeper\"\n"));
  CHECK_THAT(read, ContainsSubstring(" (ext_sched_class)\n"));
  CHECK_THAT(read, ContainsSubstring(" \"/work\"\n"));
  CHECK_THAT(read, ContainsSubstring("task:sleeper.prio = -53\n"));

  const std::string show = output_of("show", {values.path});
  CHECK_THAT(show, ContainsSubstring("task 'sleeper' comm = \"sleeper\"\n"));
  CHECK_THAT(show, ContainsSubstring("task 'sleeper' sched_class = 0x"));
  CHECK_THAT(show, ContainsSubstring(" (ext_sched_class)\n"));
  CHECK_THAT(show, ContainsSubstring(" \"/work\"\n"));
  CHECK_THAT(show, ContainsSubstring("task 'sleeper' prio = -53\n"));
  CHECK_THAT(show, ContainsSubstring("runqueues[cpu 0].scx =\n"));
  CHECK_THAT(show, ContainsSubstring("  nr_running = 0\n"));
  CHECK_THAT(show, ContainsSubstring("comm = 2 bytes: 736c\n"));

  const std::string page = folder.file("a.html");
  output_of("report", {values.path, "-o", page});
  const std::string html = must(read_text_file(page, 1 << 24));
  CHECK_THAT(html, ContainsSubstring(" (ext_sched_class)"));
  CHECK_THAT(html, ContainsSubstring("&quot;/work&quot;"));
  CHECK_THAT(html, ContainsSubstring("-53"));

  const std::string trace = folder.file("a.pftrace");
  output_of("export", {values.path, "--perfetto", "-o", trace});
  const std::string packets = must(read_text_file(trace, 1 << 24));
  CHECK_THAT(packets, ContainsSubstring(" (ext_sched_class)"));
  CHECK_THAT(packets, ContainsSubstring("\"/work\""));

  const Values other(folder.file("b.ktape"), 120);
  CHECK_THAT(output_of("diff", {values.path, other.path, "--all"}), ContainsSubstring("-53"));
}

TEST_CASE("the tables of a tape have the values as they were recorded") {
  TempDir folder;
  const Values values(folder.file("a.ktape"));
  const std::string csv =
      output_of("export", {values.path, "--csv", "--table", "kernel_op", "-o", "-"});
  CHECK_THAT(csv, ContainsSubstring("4294967243"));
  CHECK_THAT(csv, !ContainsSubstring("-53"));
  CHECK_THAT(csv, !ContainsSubstring("/work"));
}

}  // namespace ktape::test
