// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "guest/kernel/image/elf_image.h"
#include "schema/base/child.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/kernel/synthetic_guest.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// Errors of `ktape capture` before a machine runs: the cause, the exit status, and no file.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

class CaptureCli {
 public:
  // Both outputs together, as a user sees them.
  ChildResult capture(const std::string& arguments) {
    return must(run_child("/bin/sh",
                          {"-c", "cd " + folder.path() + " && exec " KTAPE_BIN "/ktape-capture " +
                                     arguments + " 2>&1"},
                          1 << 20));
  }
  std::string kernel() {
    if (!is_cached("6.16")) SKIP(not_cached("6.16"));
    return "--kernel " + cached_kernel("6.16");
  }
  size_t files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
      ++count;
    return count;
  }

  TempDir folder;
};

}  // namespace

TEST_CASE_METHOD(CaptureCli,
                 "a capture without a scenario is a mistake, reported in one line and a hint") {
  ChildResult result = capture("");
  CHECK(result.exit_status == 2);
  CHECK(result.output == "ktape capture: SCENARIO is required\nhint: see 'ktape capture --help'\n");
}

TEST_CASE_METHOD(CaptureCli, "a scenario that does not exist is reported with the places to look") {
  ChildResult result = capture("nosuch");
  CHECK(result.exit_status == 2);
  CHECK_THAT(result.output, ContainsSubstring("cannot find scenario 'nosuch'"));
  std::ofstream(folder.file("mine.scenario")) << "()";
  CHECK_THAT(capture("mine").output, ContainsSubstring("hint: did you mean 'mine.scenario'?\n"));
}

TEST_CASE_METHOD(CaptureCli,
                 "a scheduler that is not found is refused before the boot, with the places that "
                 "were searched") {
  ChildResult result = capture(
      "cold_path_roundtrip --scheduler 'scx_nosuch -x' --scheduler-dir /usr --scheduler-dir /etc");
  CHECK(result.exit_status == 2);
  CHECK_THAT(result.output,
             ContainsSubstring("cannot find scheduler 'scx_nosuch' in '/usr', '/etc', '"));
  CHECK_THAT(result.output, ContainsSubstring("', or on PATH"));
  CHECK(files() == 0);
}

TEST_CASE_METHOD(
    CaptureCli,
    "a file that is not a program cannot be the scheduler, nor can a command that needs a shell") {
  std::ofstream(folder.file("text")) << "hello";
  std::filesystem::permissions(folder.file("text"), std::filesystem::perms::owner_all);
  ChildResult text = capture("cold_path_roundtrip --scheduler ./text");
  CHECK(text.exit_status == 3);
  CHECK_THAT(text.output, ContainsSubstring("text': it is not an ELF file\n"));
  ChildResult shell = capture("cold_path_roundtrip --scheduler 'a | b'");
  CHECK(shell.exit_status == 2);
  CHECK_THAT(shell.output, ContainsSubstring("no shell is run"));
}

TEST_CASE_METHOD(CaptureCli,
                 "a scheduler that is not executable is reported as that, with the remedy") {
  std::ofstream(folder.file("scx_mine")) << "#!/bin/sh\n";
  const std::string hint = "': it is not executable\nhint: chmod +x ";
  ChildResult in_folder = capture("cold_path_roundtrip --scheduler scx_mine --scheduler-dir .");
  CHECK(in_folder.exit_status == 3);
  CHECK_THAT(in_folder.output,
             ContainsSubstring("cannot use scheduler './scx_mine" + hint + "./scx_mine\n"));
  ChildResult by_path = capture("cold_path_roundtrip --scheduler ./scx_mine");
  CHECK(by_path.exit_status == 3);
  CHECK_THAT(by_path.output, ContainsSubstring(hint));
}

TEST_CASE_METHOD(CaptureCli,
                 "a missing folder for schedulers, and an empty command, are mistakes") {
  ChildResult nowhere = capture("cold_path_roundtrip --scheduler-dir /nosuch");
  CHECK(nowhere.exit_status == 2);
  CHECK(nowhere.output == "ktape capture: --scheduler-dir '/nosuch': no such folder\n");
  ChildResult empty = capture("cold_path_roundtrip --scheduler ''");
  CHECK(empty.exit_status == 2);
  CHECK_THAT(empty.output, ContainsSubstring("--scheduler: the command is empty\nhint: "));
}

TEST_CASE_METHOD(CaptureCli, "a script with DOS line ends is reported as such, without a raw CR") {
  std::ofstream(folder.file("script")) << "#!/bin/sh\r\n";
  std::filesystem::permissions(folder.file("script"), std::filesystem::perms::owner_all);
  ChildResult result = capture("cold_path_roundtrip --scheduler ./script");
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output, ContainsSubstring("its first line ends in CR (a DOS text file)"));
  CHECK_THAT(result.output, !ContainsSubstring("\r"));
}

TEST_CASE_METHOD(CaptureCli, "a name with control characters is printed without them") {
  for (const char* option : {"", "--kernel ", "-o x --scheduler-dir "}) {
    ChildResult result =
        capture("cold_path_roundtrip " + std::string(option) + "'nosuch\n\033[2Jhint: x'");
    CHECK(result.exit_status != 0);
    CHECK(std::count(result.output.begin(), result.output.end(), '\n') <= 2);
    CHECK_THAT(result.output, !ContainsSubstring("\033"));
  }
}

TEST_CASE_METHOD(CaptureCli, "a scenario with DOS line ends is accepted") {
  std::ofstream(folder.file("dos.scenario"))
      << "# a comment\r\n(\r\n  name = \"dos\",\r\n  steps = [(name = "
         "\"s\", actions = [(sleepMs = 1)])],\r\n)\r\n";
  // The first thing after the scenario.
  ChildResult result = capture("./dos.scenario --kernel 1.2.3");
  CHECK_THAT(result.output, ContainsSubstring("kernel '1.2.3' is not in the cache"));
  std::ofstream(folder.file("dos.scenario")) << "(\r\n  nam = \"dos\",\r\n)\r\n";
  ChildResult wrong = capture("./dos.scenario");
  CHECK(wrong.exit_status == 2);
  CHECK_THAT(wrong.output, ContainsSubstring("dos.scenario:2:3: "));
  CHECK_THAT(wrong.output, !ContainsSubstring("\r"));
}

TEST_CASE_METHOD(CaptureCli, "a scenario that waits for a scheduler's program needs one") {
  std::ofstream(folder.file("end.scenario"))
      << R"((name = "end", steps = [(name = "run", actions = [(waitProgram = ())])]))";
  ChildResult result = capture("end.scenario");
  CHECK(result.exit_status == 2);
  CHECK(result.output ==
        "ktape capture: step 'run' of scenario 'end' waits for an external scheduler's program "
        "to end, but the run has none\nhint: name one with --scheduler PROGRAM\n");
}

TEST_CASE_METHOD(CaptureCli, "the script of a scheduler needs its interpreter") {
  for (const char* line : {"#!/nosuch", "#!/usr/bin/env nosuch"}) {
    std::ofstream(folder.file("script")) << line << "\n";
    std::filesystem::permissions(folder.file("script"), std::filesystem::perms::owner_all);
    ChildResult result = capture("cold_path_roundtrip --scheduler ./script");
    CHECK(result.exit_status == 3);
    CHECK_THAT(result.output, ContainsSubstring("nosuch'"));
  }
}

TEST_CASE_METHOD(CaptureCli,
                 "a misspelt name of a shipped scenario is answered with the nearest one") {
  ChildResult result = capture("cold_path_roundtip");
  CHECK(result.exit_status == 2);
  CHECK_THAT(result.output, ContainsSubstring("hint: did you mean 'cold_path_roundtrip'?\n"));
}

TEST_CASE_METHOD(
    CaptureCli,
    "a kernel that is not cached is unusable input, and the hint lists the available ones") {
  ChildResult result = capture("cold_path_roundtrip --kernel 1.2.3");
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output, ContainsSubstring("kernel '1.2.3' is not in the cache"));
  CHECK_THAT(result.output,
             ContainsSubstring("\nhint: list the kernels that can be fetched with 'ktape kernel "
                               "list', or give --kernel"));
  // There may be no such kernel: no command for it is promised.
  CHECK_THAT(result.output, !ContainsSubstring("fetch 1.2.3"));
  CHECK(files() == 0);
}

TEST_CASE_METHOD(CaptureCli, "a file that is not a kernel is unusable input") {
  std::ofstream(folder.file("notes.txt")) << "not a kernel\n";
  ChildResult result = capture("cold_path_roundtrip --kernel ./notes.txt");
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output, ContainsSubstring("notes.txt"));
  CHECK(files() == 1);
}

namespace {

// A small kernel's image, without one of its sections, or without its symbols.
void write_kernel(const std::string& file, std::string_view left_out) {
  const synthetic::Guest guest;
  std::vector<synthetic::Section> sections;
  const ElfImage elf = must(ElfImage::parse(guest.vmlinux()));
  for (const ElfSection& section : elf.sections()) {
    if (section.name == left_out || section.name == ".shstrtab") continue;
    std::vector<std::byte> bytes(section.bytes.begin(), section.bytes.end());
    // The tables follow the banner.
    if (section.name == ".rodata" && left_out == "kallsyms") {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      bytes.resize(text.find(synthetic::Guest::kBanner) + synthetic::Guest::kBanner.size() + 1);
    }
    sections.push_back({section.name, section.address, std::move(bytes)});
  }
  const std::vector<std::byte> image = synthetic::make_elf(sections);
  std::ofstream(file).write(reinterpret_cast<const char*>(image.data()),
                            static_cast<std::streamsize>(image.size()));
}

}  // namespace

TEST_CASE_METHOD(CaptureCli, "a program is not a kernel, and a folder is not a scenario") {
  ChildResult program = capture("cold_path_roundtrip --kernel /bin/ls");
  CHECK(program.exit_status == 3);
  CHECK_THAT(
      program.output,
      ContainsSubstring("kernel '/bin/ls' is not usable: it is not a kernel: it has no text"));
  ChildResult scenario = capture("/tmp");
  CHECK(scenario.exit_status == 2);
  CHECK(scenario.output == "ktape capture: cannot read scenario '/tmp': it is a folder\n");
}

TEST_CASE_METHOD(
    CaptureCli,
    "a kernel without types or without symbols is refused before it boots, with what it needs") {
  write_kernel(folder.file("vmlinux"), ".BTF");
  ChildResult types = capture("cold_path_roundtrip --kernel ./vmlinux");
  CHECK(types.exit_status == 3);
  CHECK(types.output ==
        "ktape capture: kernel './vmlinux' is not usable: it has no type information: no section "
        "'.BTF'\n"
        "hint: use a kernel with CONFIG_DEBUG_INFO_BTF\n");
  write_kernel(folder.file("vmlinux"), "kallsyms");
  ChildResult symbols = capture("cold_path_roundtrip --kernel ./vmlinux");
  CHECK(symbols.exit_status == 3);
  CHECK(symbols.output ==
        "ktape capture: kernel './vmlinux' is not usable: no kallsyms tables found\n"
        "hint: use a kernel with CONFIG_KALLSYMS and CONFIG_KALLSYMS_ALL\n");
  CHECK(files() == 1);
}

TEST_CASE_METHOD(
    CaptureCli,
    "a scenario with a scheduler is refused on a kernel without sched_ext, before it boots") {
  if (!is_cached("6.12")) SKIP(not_cached("6.12"));
  ChildResult result = capture("cold_path_roundtrip --kernel " + cached_kernel("6.12"));
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output, ContainsSubstring("has no sched_ext"));
  CHECK(files() == 0);
}

TEST_CASE_METHOD(CaptureCli, "a tape that exists is never overwritten") {
  std::ofstream(folder.file("run.ktape")) << "mine\n";
  ChildResult result = capture("cold_path_roundtrip -o run.ktape " + kernel());
  CHECK(result.exit_status == 2);
  CHECK_THAT(result.output, ContainsSubstring("'run.ktape'"));
  CHECK(files() == 1);
  CHECK(std::filesystem::file_size(folder.file("run.ktape")) == 5);
}

TEST_CASE_METHOD(CaptureCli, "an output folder that does not exist is reported") {
  ChildResult result = capture("cold_path_roundtrip -o nowhere/run.ktape " + kernel());
  CHECK(result.exit_status == 4);
  CHECK_THAT(result.output, ContainsSubstring("nowhere/run.ktape"));
}

TEST_CASE_METHOD(CaptureCli, "without QEMU the remedy is printed, and no file is left") {
  ChildResult result = capture("cold_path_roundtrip -o run.ktape --qemu /no/qemu " + kernel());
  CHECK(result.exit_status == 4);
  CHECK_THAT(result.output, ContainsSubstring("'/no/qemu'"));
  CHECK_THAT(result.output, ContainsSubstring("hint: "));
  CHECK(files() == 0);
}

TEST_CASE_METHOD(CaptureCli, "an impossible machine is refused, also from the command line") {
  ChildResult shape = capture("cold_path_roundtrip --topology sockets=2,cores=3,cpus=4");
  CHECK(shape.exit_status == 2);
  CHECK_THAT(
      shape.output,
      ContainsSubstring("the machine on the command line: 2 sockets with 3 cores and 1 thread"
                        " each make 6 CPUs, not 4"));
  ChildResult name = capture("cold_path_roundtrip --topology sokets=2");
  CHECK(name.exit_status == 2);
  CHECK(name.output ==
        "ktape capture: --topology: unknown topology field 'sokets'\nhint: did you mean "
        "'sockets'?\n");
  ChildResult cpus = capture("cold_path_roundtrip --cpus 65");
  CHECK(cpus.exit_status == 2);
  CHECK_THAT(cpus.output, ContainsSubstring("--cpus"));
  ChildResult both = capture("cold_path_roundtrip --cpus 2 --topology sockets=2");
  CHECK(both.exit_status == 2);
  CHECK(files() == 0);
}

}  // namespace ktape::test
