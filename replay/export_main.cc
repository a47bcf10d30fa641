// SPDX-License-Identifier: Apache-2.0

// ktape-export: a tape, or a part of it, in the form that another tool reads.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "replay/core_dump.h"
#include "replay/page.h"
#include "replay/tape_index.h"
#include "replay/tape_kernel.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"
#include "schema/journal/reader.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape export";

constexpr char kHelp[] =
    "Writes the memory of a freeze as an ELF core file of the kernel: PT_LOAD segments by physical address\n"
    "and by that of the direct map, a note for each vCPU with what the tape has of its registers, and the\n"
    "VMCOREINFO note. drgn and crash open it. The file is as long as the guest's memory, and sparse.";

constexpr char kFooter[] =
    "drgn walks the kernel's page tables in it and reads by virtual address. It has no types and few "
    "symbols\n"
    "unless it is given the kernel's debug information with -s: 'ktape read --json' tells addresses.\n"
    "\n"
    "Examples:\n"
    "  ktape capture SCENARIO --memory full -o run.ktape\n"
    "  ktape export run.ktape --core freeze:last -o core\n"
    "  drgn -c core -s vmlinux\n"
    "\n"
    "Exit status: 0 written; 77 no memory of that freeze was kept; 2 usage, which includes a file that\n"
    "exists; 3 the tape is altered or unusable; 4 the file cannot be written.";

struct Options {
  std::string tape;
  std::string core;
  std::string output;
};

void show_progress(uint64_t done, uint64_t total) {
  constexpr uint64_t kEvery = 1024;
  if (::isatty(STDERR_FILENO) == 0 || (done % kEvery != 0 && done != total)) return;
  fmt::print(stderr, "\r{} of {} pages{}", done, total, done == total ? "\n" : "");
}

// What a core needs besides pages.
struct CoreRecords {
  uint64_t memory_bytes = 0;
  Kept<schema::Frozen> frozen;
};

Result<CoreRecords> core_records(const JournalReader& tape, const RecordedFreeze& freeze) {
  CoreRecords found;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known) return {};
    if (view.record.isRunStarted()) found.memory_bytes = view.record.getRunStarted().getMemoryBytes();
    const bool ours = view.record.isFrozen() && view.record.getFrozen().getFreeze() == freeze.id;
    if (ours) found.frozen.keep(view.record.getFrozen());
    return {};
  }));
  return found;
}

Result<ImagePlace> image_of(const Kernel& kernel, const GuestMemory& memory) {
  KTAPE_ASSIGN(const GuestVirtual start, kernel.symbol("_text"));
  KTAPE_ASSIGN(const GuestVirtual end, kernel.symbol("_end"));
  KTAPE_ASSIGN(const GuestPhysical physical, kernel.translate(memory, start));
  return ImagePlace{start, physical, end.value - start.value};
}

Result<ExitCode> export_core(const Options& options) {
  KTAPE_ASSIGN(auto tape, JournalReader::open(options.tape));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const RecordedFreeze* freeze, index.freeze_at(options.core));
  KTAPE_ASSIGN(const RecordedMemory memory, memory_at(*tape, *freeze));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(*tape, index));
  KTAPE_ASSIGN(const ImagePlace image, image_of(kernel, memory));
  KTAPE_ASSIGN(std::vector<FreezePage> rows, rows_at(*tape, *freeze));
  KTAPE_ASSIGN(const CoreRecords records, core_records(*tape, *freeze));
  const CoreSource source{std::move(rows), [&](const Digest& hash) { return tape->page(hash); },
                          index.kernel(), records.frozen.get(), image};
  KTAPE_ASSIGN(const CoreFacts facts, write_core(source, options.output, show_progress));
  fmt::print("{}: {} of memory in {}, {}, {}\n", printable(options.output), bytes_text(facts.bytes),
             count_text(facts.segments, "segment"), count_text(facts.pages, "page"),
             count_text(facts.vcpus, "vCPU"));
  if (facts.bytes < records.memory_bytes) {
    fmt::print(
        stderr,
        "{}: the tape kept {} of the guest's {}\nhint: 'ktape capture --memory full' keeps all of it\n",
        kProgram, bytes_text(facts.bytes), bytes_text(records.memory_bytes));
  }
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  CLI::App app(std::string(ktape::kHelp) + "\n", ktape::kProgram);
  app.footer(ktape::kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  ktape::Options options;
  app.add_option("TAPE", options.tape, "a tape, or the .partial that a recorder left")->required();
  app.add_option("--core", options.core, "the freeze: freeze:N, or freeze:last")
      ->type_name("FREEZE")
      ->required();
  app.add_option("-o,--output", options.output, "the file to write")->type_name("FILE")->required();
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  ktape::Result<ktape::ExitCode> result = ktape::export_core(options);
  if (result.ok()) return static_cast<int>(result.value());
  std::fputs(ktape::describe(ktape::kProgram, result.error()).c_str(), stderr);
  return static_cast<int>(ktape::exit_code(result.error()));
}
