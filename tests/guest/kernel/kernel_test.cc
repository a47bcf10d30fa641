// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/kernel.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/kernel/btf_builder.h"
#include "tests/support/kernel/synthetic_guest.h"

namespace ktape {
namespace {

using Catch::Matchers::ContainsSubstring;
using synthetic::Guest;
using synthetic::GuestOptions;
using synthetic::Kallsyms;

Kernel must_adopt(const Guest& guest) {
  auto kernel = guest.adopt();
  if (!kernel.ok()) FAIL(kernel.error().message);
  return std::move(kernel).value();
}

std::string refusal(const Guest& guest) {
  auto kernel = guest.adopt();
  REQUIRE_FALSE(kernel.ok());
  CHECK(kernel.error().code == ErrorCode::kNotFound);
  return kernel.error().message;
}

std::vector<std::byte> sched_ext_btf() {
  test::BtfBuilder builder;
  builder.structure("sched_ext_entity", 8, {});
  builder.structure("sched_ext_ops", 8, {});
  return builder.bytes();
}

std::vector<synthetic::Section> sections_without(const Guest& guest, std::string_view name) {
  auto elf = ElfImage::parse(guest.vmlinux());
  REQUIRE(elf.ok());
  std::vector<synthetic::Section> sections;
  for (const ElfSection& section : elf->sections()) {
    if (section.name == name || section.name == ".shstrtab") continue;
    sections.push_back(
        {section.name, section.address, {section.bytes.begin(), section.bytes.end()}});
  }
  return sections;
}

constexpr uint64_t kTextLink = 0xffffffff81000000;

}  // namespace

TEST_CASE("an image has release, banner, HZ and types") {
  Guest guest;
  const KernelKnowledge& knowledge = *guest.knowledge();
  CHECK(knowledge.release == "6.99.1-test");
  CHECK(knowledge.banner == Guest::kBanner);
  CHECK(knowledge.hz == 250);
  CHECK_FALSE(knowledge.has_sched_ext());
  CHECK(knowledge.btf->type("int").ok());
}

TEST_CASE("sched_ext is found by its types") {
  GuestOptions options;
  options.btf = sched_ext_btf();
  CHECK(Guest(options).knowledge()->has_sched_ext());
}

TEST_CASE("an image that is taken over yields the same facts") {
  Guest guest;
  const auto knowledge = learn_kernel(PageBuffer(guest.vmlinux()));
  REQUIRE(knowledge.ok());
  CHECK((*knowledge)->symbols.text() == guest.knowledge()->symbols.text());
  CHECK((*knowledge)->btf_raw == guest.knowledge()->btf_raw);
  CHECK((*knowledge)->banner == guest.knowledge()->banner);
  CHECK((*knowledge)->build_id == guest.knowledge()->build_id);
  CHECK((*knowledge)->hz == 250);
}

TEST_CASE("an image without type information is refused with the option that is missing") {
  Guest guest;
  auto knowledge = learn_kernel(synthetic::make_elf(sections_without(guest, ".BTF")));
  REQUIRE_FALSE(knowledge.ok());
  CHECK(knowledge.error().code == ErrorCode::kBadInput);
  CHECK_THAT(knowledge.error().hint, ContainsSubstring("CONFIG_DEBUG_INFO_BTF"));
}

TEST_CASE("an image without its initial jiffies has no known HZ") {
  Guest guest;
  auto knowledge = learn_kernel(synthetic::make_elf(sections_without(guest, ".data")));
  REQUIRE(knowledge.ok());
  CHECK((*knowledge)->hz == 0);
}

TEST_CASE(
    "a running kernel is adopted, whatever its encoding of symbols, paging levels and slide") {
  GuestOptions options;
  options.form =
      GENERATE(Kallsyms::kAbsolutePerCpu, Kallsyms::kBaseRelative, Kallsyms::kPlaceRelative);
  options.levels = GENERATE(4, 5);
  options.slide = GENERATE(uint64_t{0}, uint64_t{0x2ac00000});
  Guest guest(options);
  Kernel kernel = must_adopt(guest);
  const KernelFacts& facts = kernel.facts();
  CHECK(facts.slide == options.slide);
  CHECK(facts.phys_base == options.text_physical - 0x1000000 - options.slide);
  CHECK(facts.page_offset == guest.direct_map());
  CHECK(facts.paging_levels == options.levels);
  CHECK(facts.hz == 250);
  CHECK(facts.cpus == Guest::kCpus);
  CHECK(facts.banner == Guest::kBanner);
  CHECK(facts.preemption == "PREEMPT_DYNAMIC (full)");
  CHECK_THAT(facts.vmcoreinfo, ContainsSubstring("OSRELEASE=6.99.1-test\n"));
  CHECK(facts.vmcoreinfo_agrees);
  for (uint32_t cpu = 0; cpu < Guest::kCpus; ++cpu) {
    auto runqueue = kernel.per_cpu(guest.memory(), "runqueues", CpuId(cpu));
    REQUIRE(runqueue.ok());
    CHECK(kernel.read_uint(guest.memory(), *runqueue, 8).value() == 0x1000 + cpu);
  }
}

TEST_CASE("a symbol's address includes the slide and leads to its place in RAM") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  auto spare = kernel.symbol("spare");
  REQUIRE(spare.ok());
  CHECK(spare->value == *guest.knowledge()->symbols.find("spare") + 0x1e000000);
  CHECK(kernel.translate(guest.memory(), *spare).value() == guest.physical("spare"));
  CHECK(kernel.symbol("nope").error().code == ErrorCode::kNotFound);
}

TEST_CASE("per-CPU addresses are refused for ordinary symbols and for CPUs that do not exist") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  CHECK(kernel.per_cpu(guest.memory(), "spare", CpuId(0)).error().code == ErrorCode::kNotFound);
  CHECK(kernel.per_cpu(guest.memory(), "nope", CpuId(0)).error().code == ErrorCode::kNotFound);
  auto beyond = kernel.per_cpu(guest.memory(), "runqueues", CpuId(2));
  REQUIRE_FALSE(beyond.ok());
  CHECK(beyond.error().code == ErrorCode::kOutOfRange);
  CHECK_THAT(beyond.error().message, ContainsSubstring("no CPU 2"));
}

TEST_CASE("a kernel restored from its facts reads what the adopted one reads") {
  GuestOptions options;
  options.form = GENERATE(Kallsyms::kAbsolutePerCpu, Kallsyms::kPlaceRelative);
  options.levels = GENERATE(4, 5);
  Guest guest(options);
  Kernel adopted = must_adopt(guest);
  auto restored = Kernel::restore(guest.knowledge(), adopted.facts());
  REQUIRE(restored.ok());
  CHECK(restored->facts().slide == adopted.facts().slide);
  GuestVirtual spare = restored->symbol("spare").value();
  CHECK(spare == adopted.symbol("spare").value());
  CHECK(restored->translate(guest.memory(), spare).value() == guest.physical("spare"));
  for (uint32_t cpu = 0; cpu < Guest::kCpus; ++cpu) {
    CHECK(restored->per_cpu(guest.memory(), "runqueues", CpuId(cpu)).value() ==
          adopted.per_cpu(guest.memory(), "runqueues", CpuId(cpu)).value());
  }
  CHECK(restored->per_cpu(guest.memory(), "runqueues", CpuId(2)).error().code ==
        ErrorCode::kOutOfRange);
}

TEST_CASE("facts that no kernel has are refused") {
  Guest guest;
  KernelFacts facts = must_adopt(guest).facts();
  auto refused = [&](KernelFacts wrong) {
    auto kernel = Kernel::restore(guest.knowledge(), std::move(wrong));
    return !kernel.ok() && kernel.error().code == ErrorCode::kBadInput;
  };
  CHECK_FALSE(refused(facts));
  facts.cpus = 8193;
  CHECK(refused(facts));
  facts.cpus = 0;
  CHECK(refused(facts));
  facts.cpus = 1;
  facts.paging_levels = 6;
  CHECK(refused(facts));
}

TEST_CASE("memory that does not hold the kernel is refused") {
  Guest guest;
  guest.put_text(guest.physical("linux_banner"), "Linux version 6.99.2");
  CHECK_THAT(refusal(guest), ContainsSubstring("'6.99.1-test' is not in guest memory"));
}

TEST_CASE("a banner left behind below the kernel is not mistaken for it") {
  GuestOptions options;
  options.text_physical = 0xa00000;
  Guest guest(options);
  GuestPhysical stale(guest.physical("linux_banner").value - (4 << 20));
  guest.put_text(stale, Guest::kBanner);
  CHECK(must_adopt(guest).facts().phys_base == options.text_physical - 0x1000000 - options.slide);
}

TEST_CASE("a kernel whose page tables are not set up is not adopted") {
  Guest guest;
  guest.put(guest.physical("init_top_pgt") + 511 * 8, 0);
  CHECK_THAT(refusal(guest), ContainsSubstring("its page tables do not map it"));
}

TEST_CASE("a kernel with an impossible phys_base is not adopted") {
  Guest guest;
  guest.put(guest.physical("phys_base"), 0x1234);
  CHECK_THAT(refusal(guest), ContainsSubstring("phys_base 0x1234"));
}

TEST_CASE("a kernel whose per-CPU areas are not set up is not adopted") {
  Guest guest;
  guest.put(guest.cpu_area(1) + 0x28, 0);
  CHECK_THAT(refusal(guest), ContainsSubstring("per-CPU area of CPU 1"));
}

TEST_CASE("a kernel with an impossible number of CPUs is not adopted") {
  Guest guest;
  guest.put(guest.physical("nr_cpu_ids"), GENERATE(0u, 100000u), 4);
  CHECK_THAT(refusal(guest), ContainsSubstring("nr_cpu_ids"));
}

TEST_CASE("a slide that VMCOREINFO contradicts is reported, not hidden") {
  Guest guest;
  GuestPhysical pointer = guest.physical("vmcoreinfo_data");
  guest.put_text(GuestPhysical(Guest::kFreePhysical), "KERNELOFFSET=7c00000\n");
  guest.put(pointer, guest.direct_map() + Guest::kFreePhysical);
  KernelFacts facts = must_adopt(guest).facts();
  CHECK_THAT(facts.vmcoreinfo, ContainsSubstring("KERNELOFFSET=7c00000"));
  CHECK_FALSE(facts.vmcoreinfo_agrees);
}

TEST_CASE("a kernel without VMCOREINFO is adopted without it") {
  Guest guest;
  guest.put(guest.physical("vmcoreinfo_data"), 0);
  KernelFacts facts = must_adopt(guest).facts();
  CHECK(facts.vmcoreinfo.empty());
  CHECK_FALSE(facts.vmcoreinfo_agrees);
}

TEST_CASE("bytes are read across pages that are not neighbours in RAM") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  constexpr uint64_t kPlace = 0xffffc90000000000;
  guest.map(kPlace, Guest::kFreePhysical + 0x3000, 1);
  guest.map(kPlace + 0x1000, Guest::kFreePhysical, 1);
  guest.put_text(GuestPhysical(Guest::kFreePhysical + 0x3ffc), "abcd");
  guest.put_text(GuestPhysical(Guest::kFreePhysical), "efgh");
  std::string text(8, '?');
  auto out = std::as_writable_bytes(std::span(text.data(), text.size()));
  REQUIRE(kernel.read(guest.memory(), GuestVirtual(kPlace + 0xffc), out).ok());
  CHECK(text == "abcdefgh");
  CHECK(kernel.read_uint(guest.memory(), GuestVirtual(kPlace + 0xffe), 4).value() == 0x66656463);
}

TEST_CASE("bytes are written across pages that are not neighbours in RAM") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  constexpr uint64_t kPlace = 0xffffc90000000000;
  guest.map(kPlace, Guest::kFreePhysical + 0x3000, 1);
  guest.map(kPlace + 0x1000, Guest::kFreePhysical, 1);
  REQUIRE(
      kernel.write(guest.memory(), GuestVirtual(kPlace + 0xffe), synthetic::bytes_of("wxyz")).ok());
  CHECK(kernel.read_uint(guest.memory(), GuestVirtual(kPlace + 0xffe), 4).value() == 0x7a797877);
  CHECK(guest.memory().at(GuestPhysical(Guest::kFreePhysical), 1)->front() == std::byte{'y'});
}

TEST_CASE("a write that reaches a page that is not mapped writes nothing") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  constexpr uint64_t kPlace = 0xffffc90000000000;
  guest.map(kPlace, Guest::kFreePhysical, 1);
  auto written =
      kernel.write(guest.memory(), GuestVirtual(kPlace + 0xffe), synthetic::bytes_of("wxyz"));
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().code == ErrorCode::kOutOfRange);
  CHECK(guest.memory().at(GuestPhysical(Guest::kFreePhysical + 0xffe), 1)->front() == std::byte{0});
}

TEST_CASE("an integer has 1, 2, 4 or 8 bytes") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  guest.put(guest.physical("spare"), 0x8877665544332211);
  GuestVirtual spare = kernel.symbol("spare").value();
  CHECK(kernel.read_uint(guest.memory(), spare, 1).value() == 0x11);
  CHECK(kernel.read_uint(guest.memory(), spare, 2).value() == 0x2211);
  CHECK(kernel.read_uint(guest.memory(), spare, 4).value() == 0x44332211);
  CHECK(kernel.read_uint(guest.memory(), spare, 8).value() == 0x8877665544332211);
  for (size_t width : {0, 3, 16})
    CHECK(kernel.read_uint(guest.memory(), spare, width).error().code == ErrorCode::kUsage);
}

TEST_CASE("run-time addresses within the kernel are described, others are not") {
  Guest guest;
  Kernel kernel = must_adopt(guest);
  uint64_t slide = kernel.facts().slide;
  CHECK(kernel.describe(GuestVirtual(kTextLink + slide + 0x45)) == "schedule+0x5");
  CHECK(kernel.describe(kernel.symbol("spare").value()) == "spare");
  CHECK(kernel.describe(GuestVirtual(kTextLink - 0x200000)).empty());
  CHECK(kernel.describe(GuestVirtual(guest.direct_map())).empty());
  CHECK(kernel.describe(GuestVirtual(0x400000)).empty());
}

}  // namespace ktape
