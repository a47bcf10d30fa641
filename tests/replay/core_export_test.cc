// SPDX-License-Identifier: Apache-2.0
#include <elf.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <filesystem>

#include "replay/child.h"
#include "schema/base/file.h"
#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture {
  Fixture()
      : tape(folder.file("run.ktape"), [](schema::KernelIdentified::Builder kernel, JournalWriter&) {
          kernel.setVmcoreinfo(as_data("OSRELEASE=6.99.0-fake\n"));
        }) {}

  ChildResult export_core() {
    tape.serve({read_line("jiffies_64:u64")});
    path = tape.seal().path;
    return again();
  }
  ChildResult again() {
    const std::string line = KTAPE_BIN "/ktape-export " + path + " --core freeze:last -o " + core + " 2>&1";
    return must(run_child("/bin/sh", {"-c", line}, 1 << 20));
  }

  TempDir folder;
  FakeTape tape;
  std::string path;
  std::string core = folder.file("core");
};

template <typename T>
T at(const std::vector<std::byte>& file, size_t offset) {
  T value;
  REQUIRE(offset + sizeof value <= file.size());
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a core has memory by physical, direct-map and image addresses, and VMCOREINFO") {
  const ChildResult child = export_core();
  INFO(child.output);
  REQUIRE(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring(": 8 MiB of memory in 1 segment, "));
  const std::vector<std::byte> file = must(read_file(core, size_t{64} << 20));
  const auto header = at<Elf64_Ehdr>(file, 0);
  CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
  CHECK(header.e_type == ET_CORE);
  REQUIRE(header.e_phnum == 3);
  const auto notes = at<Elf64_Phdr>(file, header.e_phoff);
  const auto image = at<Elf64_Phdr>(file, header.e_phoff + sizeof(Elf64_Phdr));
  const auto memory = at<Elf64_Phdr>(file, header.e_phoff + 2 * sizeof(Elf64_Phdr));
  CHECK(notes.p_type == PT_NOTE);
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + notes.p_offset, notes.p_filesz);
  CHECK_THAT(std::string(text), ContainsSubstring("OSRELEASE=6.99.0-fake\n"));

  CHECK(memory.p_paddr == 0);
  CHECK(memory.p_vaddr == tape.kernel().kernel().facts().page_offset);
  const std::vector<std::byte>& ram = tape.kernel().ram();
  REQUIRE(memory.p_filesz == ram.size());
  REQUIRE(file.size() == memory.p_offset + memory.p_filesz);
  CHECK(std::equal(ram.begin(), ram.end(), file.begin() + static_cast<ptrdiff_t>(memory.p_offset)));
  CHECK(image.p_vaddr == tape.kernel().symbol("_text").value);
  CHECK(image.p_offset == memory.p_offset + image.p_paddr);
}

TEST_CASE_METHOD(Fixture, "a core is not written over a file, nor of memory without the kernel's image") {
  SECTION("a file that exists") {
    REQUIRE(export_core().exit_status == 0);
    const ChildResult child = again();
    CHECK(child.exit_status == 2);
    CHECK(child.output == "ktape export: cannot make '" + core + "': File exists\n");
  }
  SECTION("an image that was not captured whole") {
    tape.keep_frames([](uint64_t frame) { return frame != 600; });
    const ChildResult child = export_core();
    CHECK(child.exit_status == 77);
    CHECK_THAT(child.output, ContainsSubstring("the kernel's image was not captured whole\nhint: "));
    CHECK_FALSE(std::filesystem::exists(core));
  }
}

}  // namespace ktape::test
