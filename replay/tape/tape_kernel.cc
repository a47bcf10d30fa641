// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/tape_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "schema/base/text.h"
#include "schema/tape/page_list.h"

namespace ktape {

namespace {

// A blob that the KernelIdentified record names.
Result<std::vector<std::byte>> named_blob(const TapeReader& tape, const TapeIndex& index,
                                          const char* name, capnp::Data::Reader key) {
  Digest hash;
  if (key.size() != hash.size()) {
    return Error{ErrorCode::kNotApplicable,
                 fmt::format("record {} (kernelIdentified) names no blob with the kernel's {}",
                             index.kernel_seq().value, name),
                 ""};
  }
  std::ranges::copy(as_bytes(chars(key)), hash.begin());
  auto content = tape.blob(hash);
  if (content.ok()) return content;
  return Error{content.error().code,
               fmt::format("record {} (kernelIdentified): the kernel's {}: {}",
                           index.kernel_seq().value, name, content.error().message),
               ""};
}

Error bad_blob(const char* name, const Error& why) {
  return Error{why.code, fmt::format("blob '{}': {}", name, why.message), ""};
}

Result<std::shared_ptr<const KernelKnowledge>> recorded_knowledge(const TapeReader& tape,
                                                                  const TapeIndex& index) {
  const schema::KernelIdentified::Reader record = index.kernel();
  auto knowledge = std::make_shared<KernelKnowledge>();
  knowledge->release = chars(record.getRelease());
  knowledge->banner = chars(record.getBanner());
  const auto build_id = as_bytes(chars(record.getBuildId()));
  knowledge->build_id.assign(build_id.begin(), build_id.end());
  knowledge->hz = record.getHz();

  KTAPE_ASSIGN(const auto symbols, named_blob(tape, index, "symbols", record.getSymbolsDigest()));
  auto table =
      SymbolTable::from_text({reinterpret_cast<const char*>(symbols.data()), symbols.size()});
  if (!table.ok()) return bad_blob("symbols", table.error());
  knowledge->symbols = std::move(*table);

  KTAPE_ASSIGN(knowledge->btf_raw, named_blob(tape, index, "btf", record.getBtfDigest()));
  auto btf = Btf::parse(knowledge->btf_raw);
  if (!btf.ok()) return bad_blob("btf", btf.error());
  knowledge->btf = std::move(*btf);
  return std::shared_ptr<const KernelKnowledge>(std::move(knowledge));
}

KernelFacts recorded_facts(schema::KernelIdentified::Reader record) {
  KernelFacts facts;
  facts.slide = record.getKaslrSlide();
  facts.phys_base = record.getPhysBase();
  facts.page_offset = record.getPageOffset();
  // Any number that is not 4 or 5 is refused by restore(); a cast must not make one of them.
  facts.paging_levels = static_cast<int>(std::min<uint32_t>(record.getPagingLevels(), 99));
  facts.hz = record.getHz();
  facts.cpus = record.getCpus();
  facts.banner = chars(record.getBanner());
  facts.preemption = chars(record.getPreemption());
  facts.vmcoreinfo = chars(record.getVmcoreinfo());
  facts.vmcoreinfo_agrees = record.getVmcoreinfoAgrees();
  return facts;
}

}  // namespace

Result<Kernel> restore_kernel(const TapeReader& tape, const TapeIndex& index) {
  if (index.kernel_seq() == Seq(0)) {
    return Error{ErrorCode::kNotApplicable,
                 "the tape has no kernelIdentified record: it ends before that", ""};
  }
  KTAPE_ASSIGN(auto knowledge, recorded_knowledge(tape, index));
  auto kernel = Kernel::restore(std::move(knowledge), recorded_facts(index.kernel()));
  if (kernel.ok()) return kernel;
  return Error{kernel.error().code,
               fmt::format("record {} (kernelIdentified): {}", index.kernel_seq().value,
                           kernel.error().message),
               ""};
}

Result<std::unique_ptr<Btf>> restore_types(const TapeReader& tape, const TapeIndex& index) {
  KTAPE_ASSIGN(const auto raw, named_blob(tape, index, "btf", index.kernel().getBtfDigest()));
  auto btf = Btf::parse(raw);
  return btf.ok() ? std::move(btf) : bad_blob("btf", btf.error());
}

Result<std::vector<FreezePage>> rows_at(const TapeReader& tape, const Freeze& freeze) {
  if (!freeze.pages_digest) {
    return Error{ErrorCode::kNotApplicable,
                 fmt::format("no memory of freeze {} was kept", freeze.id),
                 "capture the run with 'ktape capture --memory sched'"};
  }
  KTAPE_ASSIGN(std::vector<FreezePage> rows, tape.freeze_pages(freeze.id));
  // The rows are only well formed so far; the Thawed record vouches for them.
  PageListDigest list;
  for (const FreezePage& row : rows) list.add(row);
  if (list.finish() != *freeze.pages_digest) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("the freeze_page rows of freeze {} do not match record {} (thawed)",
                             freeze.id, freeze.thawed.value),
                 "check the whole tape with 'ktape verify'"};
  }
  return rows;
}

Result<RecordedMemory> memory_at(const TapeReader& tape, const Freeze& freeze) {
  KTAPE_ASSIGN(std::vector<FreezePage> rows, rows_at(tape, freeze));
  // Loaded when they are read, each checked against its hash.
  return RecordedMemory::make(std::move(rows),
                              [&tape](const Digest& hash) { return tape.page(hash); });
}

}  // namespace ktape
