// SPDX-License-Identifier: Apache-2.0
#include <capnp/dynamic.h>
#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "schema/record.capnp.h"
#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture {
  Fixture()
      : tape(folder.file("run.ktape"), [](schema::KernelIdentified::Builder kernel, TapeWriter&) {
          kernel.setVmcoreinfo(as_data("OSRELEASE=6.99.0-fake\n"));
        }) {}

  ChildResult export_core() {
    tape.serve({read_line("jiffies_64:u64")});
    path = tape.seal().path;
    return again();
  }
  ChildResult again() {
    const std::string line =
        KTAPE_BIN "/ktape-export " + path + " --core freeze:last -o " + core + " 2>&1";
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

TEST_CASE_METHOD(Fixture,
                 "a core has memory by physical, direct-map and image addresses, and VMCOREINFO") {
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
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + notes.p_offset,
                              notes.p_filesz);
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

namespace {

constexpr uint64_t kRip = 0xffffffff81234567;

// CPU 0 has every register, each with another value; CPU 1 has those that older recorders kept.
void set_registers(schema::Record::Builder record) {
  if (!record.isFrozen()) return;
  auto vcpus = record.getFrozen().getVcpus();
  for (auto vcpu : vcpus) {
    vcpu.setKnown(true);
    vcpu.setRip(kRip);
    vcpu.setCpl(3);
    vcpu.setInterruptsEnabled(true);
  }
  capnp::DynamicStruct::Builder registers = vcpus[0].initRegisters();
  for (const auto field : registers.getSchema().getFields())
    registers.set(field, 100 + field.getIndex());
}

// The notes NT_PRSTATUS of a core.
std::vector<elf_prstatus> statuses(const std::vector<std::byte>& file) {
  const auto notes = at<Elf64_Phdr>(file, at<Elf64_Ehdr>(file, 0).e_phoff);
  std::vector<elf_prstatus> found;
  for (size_t offset = notes.p_offset; offset < notes.p_offset + notes.p_filesz;) {
    const auto header = at<Elf64_Nhdr>(file, offset);
    offset += sizeof header + (header.n_namesz + 3) / 4 * 4;
    if (header.n_type == NT_PRSTATUS) found.push_back(at<elf_prstatus>(file, offset));
    offset += (header.n_descsz + 3) / 4 * 4;
  }
  return found;
}

user_regs_struct registers_of(const elf_prstatus& status) {
  user_regs_struct registers;
  std::memcpy(&registers, &status.pr_reg, sizeof registers);
  return registers;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a core has every register of a vCPU in its place") {
  tape.set_edit(set_registers);
  REQUIRE(export_core().exit_status == 0);
  const auto vcpus = statuses(must(read_file(core, size_t{64} << 20)));
  REQUIRE(vcpus.size() == 2);
  const user_regs_struct got = registers_of(vcpus[0]);
  CHECK(got.rip == kRip);
  // By the order of the fields of schema::Registers.
  const unsigned long long fields[] = {
      got.rax, got.rbx, got.rcx, got.rdx, got.rsi, got.rdi,     got.rbp,    got.rsp,    got.r8,
      got.r9,  got.r10, got.r11, got.r12, got.r13, got.r14,     got.r15,    got.eflags, got.cs,
      got.ss,  got.ds,  got.es,  got.fs,  got.gs,  got.fs_base, got.gs_base};
  for (size_t i = 0; i < std::size(fields); ++i) CHECK(fields[i] == 100 + i);
  CHECK(got.orig_rax == 0);
}

TEST_CASE_METHOD(Fixture, "each vCPU of a core is a thread of its own, also those that are idle") {
  tape.set_edit([](schema::Record::Builder record) {
    if (!record.isFrozen()) return;
    for (auto vcpu : record.getFrozen().getVcpus()) vcpu.setCurrentPid(0);
  });
  REQUIRE(export_core().exit_status == 0);
  const auto vcpus = statuses(must(read_file(core, size_t{64} << 20)));
  REQUIRE(vcpus.size() == 2);
  CHECK(vcpus[0].pr_pid == 1);
  CHECK(vcpus[1].pr_pid == 2);
}

TEST_CASE_METHOD(Fixture,
                 "a core of a tape without all registers has three of them, and export says so") {
  tape.set_edit(set_registers);
  const ChildResult child = export_core();
  REQUIRE(child.exit_status == 0);
  CHECK_THAT(
      child.output,
      ContainsSubstring(
          "ktape export: for 1 vCPU only rip, privilege level and interrupt flag are on the tape; "
          "the other registers are 0 in the core\n"));
  const auto vcpus = statuses(must(read_file(core, size_t{64} << 20)));
  REQUIRE(vcpus.size() == 2);
  user_regs_struct expected{};
  expected.rip = kRip;
  expected.cs = 0x33;
  expected.eflags = 0x202;
  const user_regs_struct got = registers_of(vcpus[1]);
  CHECK(std::memcmp(&got, &expected, sizeof got) == 0);
}

TEST_CASE_METHOD(Fixture, "export reports the number of vCPUs without registers on the tape") {
  tape.set_edit([](schema::Record::Builder record) {
    if (!record.isFrozen()) return;
    for (auto vcpu : record.getFrozen().getVcpus()) vcpu.setKnown(false);
  });
  const ChildResult child = export_core();
  CHECK(child.exit_status == 0);
  CHECK_THAT(
      child.output,
      ContainsSubstring("ktape export: the registers of 2 vCPUs are not on the tape, and are 0 in "
                        "the core\n"));
}

TEST_CASE_METHOD(Fixture,
                 "a core is not written over a file, nor of memory without the kernel's image") {
  SECTION("a file that exists") {
    REQUIRE(export_core().exit_status == 0);
    const ChildResult child = again();
    CHECK(child.exit_status == 2);
    CHECK(child.output == "ktape export: cannot create '" + core + "': File exists\n");
  }
  SECTION("an image that was not captured whole") {
    tape.keep_frames([](uint64_t frame) { return frame != 600; });
    const ChildResult child = export_core();
    CHECK(child.exit_status == 77);
    CHECK_THAT(child.output,
               ContainsSubstring("the kernel's image was not captured completely\nhint: "));
    CHECK_FALSE(std::filesystem::exists(core));
  }
}

}  // namespace ktape::test
