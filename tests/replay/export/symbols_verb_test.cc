// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "guest/kernel/image/elf_image.h"
#include "replay/tape/tape_kernel.h"
#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr size_t kMaxFile = size_t{256} << 20;

// Its standard output and error.
ChildResult program(const std::string& line) {
  return must(run_child("/bin/sh", {"-c", line + " 2>&1"}, 1 << 24));
}

struct Symbols {
  explicit Symbols(const std::string& version)
      : tape(KTAPE_TAPES "/kernel-" + version + ".ktape"), path(folder.file("symbols")) {}

  ChildResult make() const {
    return program(KTAPE_BIN "/ktape-export " + tape + " --symbols " + path);
  }

  TempDir folder;
  std::string tape;
  std::string path;
};

std::vector<std::byte> contents(const ElfImage& elf, const char* section) {
  const ElfSection* found = elf.section(section);
  REQUIRE(found != nullptr);
  return {found->bytes.begin(), found->bytes.end()};
}

// As in nm: "ffffffff81000000 _text", in the order of the table.
std::vector<std::string> symbols_of(const ElfImage& elf) {
  const std::vector<std::byte> table = contents(elf, ".symtab");
  const std::vector<std::byte> names = contents(elf, ".strtab");
  std::vector<std::string> symbols;
  for (size_t at = sizeof(Elf64_Sym); at < table.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, table.data() + at, sizeof symbol);
    char address[20];
    std::snprintf(address, sizeof address, "%016lx ", symbol.st_value);
    symbols.push_back(address + std::string(reinterpret_cast<const char*>(&names[symbol.st_name])));
  }
  return symbols;
}

}  // namespace

TEST_CASE("symbols are System.map, raw BTF and an ELF file with both") {
  const Symbols symbols(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  const ChildResult child = symbols.make();
  INFO(child.output);
  REQUIRE(child.exit_status == 0);
  const auto tape = must(TapeReader::open(symbols.tape));
  const Kernel kernel = must(restore_kernel(*tape, must(TapeIndex::make(*tape))));
  const KernelKnowledge& knows = kernel.knowledge();
  CHECK_THAT(child.output, ContainsSubstring(fmt::format("slide of the kernel in this run: {:#x}\n",
                                                         kernel.facts().slide)));
  std::string map;
  std::vector<std::string> expected;
  for (const auto& symbol : knows.symbols.symbols()) {
    // The marks of what a slim tape leaves out are not symbols.
    if (symbol.name == "left_out") continue;
    map += fmt::format("{:016x} {} {}\n", symbol.address, symbol.type, symbol.name);
    expected.push_back(fmt::format("{:016x} {}", symbol.address, symbol.name));
  }
  CHECK(must(read_text_file(symbols.path + "/System.map", kMaxFile)) == map);
  CHECK(must(read_file(symbols.path + "/vmlinux.btf", kMaxFile)) == knows.btf_raw);

  const std::vector<std::byte> file = must(read_file(symbols.path + "/vmlinux", kMaxFile));
  const ElfImage elf = must(ElfImage::parse(file));
  CHECK(contents(elf, ".BTF") == knows.btf_raw);
  CHECK(elf.build_id() == knows.build_id);
  CHECK(elf.section(".text")->address == *knows.symbols.find("_text"));
  std::vector<std::string> found = symbols_of(elf);
  std::ranges::sort(expected);
  std::ranges::sort(found);
  CHECK(found == expected);
}

TEST_CASE("the DWARF of the symbols is valid") {
  const Symbols symbols(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  REQUIRE(symbols.make().exit_status == 0);
  const ChildResult verified =
      program("llvm-dwarfdump --version | grep -i version; llvm-dwarfdump --verify " +
              symbols.path + "/vmlinux");
  INFO(verified.output);
  CHECK(verified.exit_status == 0);
  CHECK_THAT(verified.output, ContainsSubstring("No errors."));
  const ChildResult types = program("llvm-dwarfdump --name runqueues " + symbols.path + "/vmlinux");
  CHECK_THAT(types.output, ContainsSubstring("\"rq\""));
}

TEST_CASE("symbols of a slim tape come with a word about what they lack") {
  const Symbols symbols("6.16.12");
  CHECK_THAT(symbols.make().output,
             ContainsSubstring("ktape export: the tape is slim, and has only the symbols and types "
                               "that its run used\n"));
}

TEST_CASE("symbols are never written over anything") {
  const Symbols symbols("6.16.12");
  std::filesystem::create_directory(symbols.path);
  const ChildResult child = symbols.make();
  CHECK(child.exit_status == 2);
  CHECK(child.output == "ktape export: '" + symbols.path +
                            "' already exists\nhint: give another name, or move the folder away\n");
  CHECK(std::filesystem::is_empty(symbols.path));
}

TEST_CASE("the folder of symbols is there complete or not at all") {
  const Symbols symbols("6.16.12");
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(symbols.folder.path()))
      names.push_back(file.path().filename());
    return names;
  };
  // Files of at most 4 KiB: a write fails, or ends the program.
  const std::string failing =
      KTAPE_BIN "/ktape-export " + symbols.tape + " --symbols " + symbols.path;
  const ChildResult failed = program("ulimit -f 8; exec env --ignore-signal=XFSZ " + failing);
  CHECK(failed.exit_status == 4);
  CHECK_THAT(failed.output, ContainsSubstring("File too large"));
  CHECK(files().empty());
  CHECK(program("ulimit -f 8; exec env --default-signal=XFSZ " + failing).signal == SIGXFSZ);
  REQUIRE(files().size() == 1);
  CHECK_THAT(files().front(), StartsWith("symbols.partial."));
  CHECK(program(KTAPE_BIN "/ktape-export " + symbols.tape + " --symbols " + symbols.path + "/")
            .exit_status == 0);
  CHECK(files().size() == 2);
}

TEST_CASE("a tape without symbols says so") {
  const TempDir folder;
  const std::string path = folder.file("symbols");
  const ChildResult child =
      program(KTAPE_BIN "/ktape-export " KTAPE_TAPES "/format-1.ktape --symbols " + path);
  CHECK(child.exit_status == 77);
  CHECK(child.output ==
        "ktape export: record 4 (kernelIdentified) names no blob with the kernel's symbols\n");
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("export takes one format, and --output where the format does not name its folder") {
  const std::string export_it = KTAPE_BIN "/ktape-export " KTAPE_TAPES "/format-1.ktape ";
  const auto mistake = [&](const std::string& options) {
    const ChildResult child = program(export_it + options);
    CHECK(child.exit_status == 2);
    return child.output;
  };
  CHECK(mistake("--csv") ==
        "ktape export: --output is required\nhint: see 'ktape export --help'\n");
  CHECK(mistake("--csv --symbols x") ==
        "ktape export: several output formats are given\n"
        "hint: give one of --perfetto, --jsonl, --csv, --core and --symbols\n");
  CHECK_THAT(mistake("--symbols x -o y"), ContainsSubstring("--symbols"));
}

}  // namespace ktape::test
