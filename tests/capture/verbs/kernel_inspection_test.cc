// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_inspection.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "guest/kernel/image/elf_image.h"
#include "schema/scenario/load.h"
#include "tests/support/kernel/btf_builder.h"
#include "tests/support/kernel/synthetic_guest.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using synthetic::Guest;

namespace {

constexpr char kScenario[] = R"((
  name = "look",
  steps = [(name = "only", actions = [
    (op = (entry = (tag = "queued", target = (perCpu = (symbol = "runqueues", cpu = 0), path = "nr"), read = u32))),
    (op = (entry = (tag = "nothing", target = (symbol = "absent"), read = u64))),
  ])],
))";

// A kernel whose `runqueues` has a type.
Guest typed_kernel() {
  BtfBuilder types;
  const int number = types.integer("unsigned int", 4);
  types.per_cpu_variable("runqueues",
                         types.structure("rq", 8, {{"clock", number, 0}, {"nr", number, 4}}));
  synthetic::GuestOptions options;
  options.btf = types.bytes();
  return Guest(options);
}

KernelInspection inspect(std::vector<std::byte> vmlinux, const char* scenario = kScenario) {
  KernelImage image;
  image.vmlinux = PageBuffer(vmlinux);
  return inspect_kernel(image, must(parse_scenario("look.scenario", scenario)).get());
}

std::vector<std::byte> without_section(const Guest& guest, std::string_view name) {
  std::vector<synthetic::Section> sections;
  const ElfImage elf = must(ElfImage::parse(guest.vmlinux()));
  for (const ElfSection& section : elf.sections()) {
    if (section.name != name && section.name != ".shstrtab")
      sections.push_back(
          {section.name, section.address, {section.bytes.begin(), section.bytes.end()}});
  }
  return synthetic::make_elf(sections);
}

}  // namespace

TEST_CASE("an inspection shows the facts in an image") {
  const KernelInspection kernel = inspect(typed_kernel().vmlinux());
  CHECK(kernel.release == "6.99.1-test");
  CHECK(kernel.preemption == "PREEMPT_DYNAMIC");
  CHECK(kernel.format == "vmlinux");
  CHECK(kernel.hz == 250);
  CHECK_FALSE(kernel.sched_ext);
  CHECK(kernel.btf_types > 3);
  CHECK(kernel.symbols > 10);
}

TEST_CASE(
    "an inspection says where the fields that a scenario names are, and which ops cannot be "
    "served") {
  const KernelInspection kernel = inspect(typed_kernel().vmlinux());
  REQUIRE(kernel.layouts.size() == 1);
  CHECK(kernel.layouts[0].type == "struct rq");
  CHECK(kernel.layouts[0].path == "nr");
  CHECK(kernel.layouts[0].offset_bytes == 4);
  REQUIRE(kernel.ops.size() == 2);
  CHECK(kernel.ops[0].problem.empty());
  CHECK(kernel.ops[1].problem == "no symbol 'absent' in this kernel");
}

TEST_CASE("an inspection names what a guest needs and the kernel does not have built in") {
  const KernelInspection kernel = inspect(typed_kernel().vmlinux());
  const auto console =
      std::find_if(kernel.built_in.begin(), kernel.built_in.end(),
                   [](const FoundBuiltIn& found) { return found.what.name == "VIRTIO_CONSOLE"; });
  REQUIRE(console != kernel.built_in.end());
  CHECK_FALSE(console->present);
  const std::string text = inspection_text(kernel, "look");
  CHECK_THAT(text, ContainsSubstring("VIRTIO_CONSOLE       needed by the channel to the agent\n"));
  CHECK_THAT(text, ContainsSubstring("UNUSABLE: VIRTIO_CONSOLE is not built in\n"));
  CHECK_THAT(text, !ContainsSubstring("UNUSABLE: PVH"));
}

TEST_CASE("an inspection names the kfuncs that schedulers built for other kernels cannot call") {
  BtfBuilder types;
  const int aux = types.pointer(types.structure("bpf_prog_aux", 8, {}));
  types.function("scx_bpf_create_dsq", {{"aux", aux}});
  synthetic::GuestOptions options;
  options.btf = types.bytes();
  const KernelInspection kernel = inspect(Guest(options).vmlinux());
  CHECK_THAT(
      inspection_text(kernel, "look"),
      ContainsSubstring(
          "(1);\nschedulers built for the other form will not load\n  scx_bpf_create_dsq\n"));
  CHECK_THAT(inspection_json(kernel, "look"),
             ContainsSubstring(R"("kfuncsWithShownAux":["scx_bpf_create_dsq"],)"));
  CHECK_THAT(inspection_text(inspect(typed_kernel().vmlinux()), "look"),
             !ContainsSubstring("kfuncs"));
}

TEST_CASE("an inspection names a scenario's triggers that the kernel does not have") {
  constexpr char kFreezing[] = R"((
    name = "look",
    freezes = (on = ["symbol:schedule", "symbol:shedule*3", "scx-error", "none"]),
    steps = [(name = "only", actions = [(sleepMs = 1)])],
  ))";
  const KernelInspection kernel = inspect(typed_kernel().vmlinux(), kFreezing);
  REQUIRE(kernel.triggers.size() == 4);
  CHECK(kernel.triggers[0].problem.empty());
  CHECK(kernel.triggers[1].problem == "kernel 6.99.1-test has no function 'shedule'");
  CHECK(kernel.triggers[2].problem ==
        "kernel 6.99.1-test has no scheduler exit to freeze on: no sched_ext");
  CHECK(kernel.triggers[3].problem.empty());
  CHECK_THAT(inspection_text(kernel, "look"),
             ContainsSubstring("\nfreeze triggers that this kernel does not support\n"
                               "  symbol:shedule*3: kernel 6.99.1-test has no function 'shedule'\n"
                               "  scx-error: "));
  CHECK_THAT(
      inspection_json(kernel, "look"),
      ContainsSubstring(R"("freezeOn":[{"on":"symbol:schedule","problem":""},)"
                        R"({"on":"symbol:shedule*3","problem":"kernel 6.99.1-test has no )"));
}

TEST_CASE(
    "triggers that are wrong only in combination are found too, and then no run takes place") {
  const KernelInspection kernel = inspect(typed_kernel().vmlinux(), R"((
    name = "look", freezes = (on = ["symbol:schedule", "symbol:schedule*2"]),
    steps = [(name = "only", actions = [(sleepMs = 1)])]))");
  for (const InspectedTrigger& trigger : kernel.triggers) CHECK(trigger.problem.empty());
  CHECK(kernel.scenario_problem == "'symbol:schedule' is given twice");
}

TEST_CASE("an image without type information is inspected as far as it goes") {
  const KernelInspection kernel = inspect(without_section(typed_kernel(), ".BTF"));
  CHECK(kernel.release == "6.99.1-test");
  CHECK(kernel.btf_bytes == 0);
  CHECK(kernel.symbols > 10);
  REQUIRE_FALSE(kernel.unusable.empty());
  CHECK_THAT(kernel.unusable[0], ContainsSubstring(".BTF"));
}

TEST_CASE("an ELF file that is not a kernel is reported as that") {
  const KernelInspection kernel =
      inspect(synthetic::make_elf({{".text", 0x1000, std::vector<std::byte>(64)}}));
  REQUIRE_FALSE(kernel.unusable.empty());
  CHECK(kernel.unusable[0] == "it is not a kernel: it has no text that begins 'Linux version'");
}

TEST_CASE("an inspection for programs is one line of JSON") {
  const std::string text = inspection_json(inspect(typed_kernel().vmlinux()), "look");
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK_THAT(text, ContainsSubstring(R"("release":"6.99.1-test")"));
  CHECK_THAT(text, ContainsSubstring(
                       R"({"type":"struct rq","path":"nr","offsetBytes":"4","sizeBytes":"4",)"
                       R"("encoding":"unsigned int"})"));
  CHECK_THAT(text, ContainsSubstring(
                       R"({"tag":"nothing","target":"absent","problem":"no symbol 'absent')"));
}

}  // namespace ktape::test
