// SPDX-License-Identifier: Apache-2.0
#include "replay/export/core_verb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "replay/export/core_writer.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/text_writer.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape export";

void show_progress(uint64_t done, uint64_t total) {
  constexpr uint64_t kEvery = 1024;
  if (::isatty(STDERR_FILENO) == 0 || (done % kEvery != 0 && done != total)) return;
  fmt::print(stderr, "\r{} of {} pages{}", done, total, done == total ? "\n" : "");
}

// What a core needs besides pages.
struct CoreRecords {
  uint64_t memory_bytes = 0;
  OwnedMessage<schema::Frozen> frozen;
};

Result<CoreRecords> core_records(const TapeReader& tape, const Freeze& freeze) {
  CoreRecords found;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known) return {};
    if (view.record.isRunStarted())
      found.memory_bytes = view.record.getRunStarted().getMemoryBytes();
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

void tell_registers(const CoreFacts& facts) {
  if (facts.vcpus_unknown > 0) {
    fmt::print(stderr, "{}: the registers of {} are not on the tape, and are 0 in the core\n",
               kProgram, count_text(facts.vcpus_unknown, "vCPU"));
  }
  if (facts.vcpus_without_most > 0) {
    fmt::print(stderr,
               "{}: for {} only rip, privilege level and interrupt flag are on the tape; the "
               "other registers are 0 in the core\n",
               kProgram, count_text(facts.vcpus_without_most, "vCPU"));
  }
}

}  // namespace

Result<ExitCode> export_core(const std::string& path, const std::string& at,
                             const std::string& output) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(path));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const Freeze* freeze, index.freeze_at(at));
  KTAPE_ASSIGN(const RecordedMemory memory, memory_at(*tape, *freeze));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(*tape, index));
  KTAPE_ASSIGN(const ImagePlace image, image_of(kernel, memory));
  KTAPE_ASSIGN(std::vector<FreezePage> rows, rows_at(*tape, *freeze));
  KTAPE_ASSIGN(const CoreRecords records, core_records(*tape, *freeze));
  const CoreSource source{std::move(rows), [&](const Digest& hash) { return tape->page(hash); },
                          index.kernel(), records.frozen.get(), image};
  KTAPE_ASSIGN(const CoreFacts facts, write_core(source, output, show_progress));
  fmt::print("{}: {} of memory in {}, {}, {}\n", printable(output), bytes_text(facts.bytes),
             count_text(facts.segments, "segment"), count_text(facts.pages, "page"),
             count_text(facts.vcpus, "vCPU"));
  tell_registers(facts);
  if (facts.bytes < records.memory_bytes) {
    fmt::print(stderr,
               "{}: the tape kept {} of the guest's {}\nhint: capture the run with "
               "'ktape capture --memory full'\n",
               kProgram, bytes_text(facts.bytes), bytes_text(records.memory_bytes));
  }
  return ExitCode::kGood;
}

}  // namespace ktape
