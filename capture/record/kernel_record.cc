// SPDX-License-Identifier: Apache-2.0
#include "capture/record/kernel_record.h"

#include <span>

#include "schema/base/digest.h"
#include "schema/wire/data.h"

namespace ktape {

Result<void> record_kernel(const KernelKnowledge& knowledge, const Kernel& kernel,
                           const LockupThresholds& lockups, std::chrono::nanoseconds took,
                           Recorder& recorder) {
  const KernelFacts& facts = kernel.facts();
  // As restore_kernel() will read them from the tape; the digest binds the blob to this record.
  const std::string symbols = knowledge.symbols.text();
  return recorder.record([&](schema::Record::Builder record) {
    auto to = record.initKernelIdentified();
    to.setRelease(as_data(knowledge.release));
    to.setBanner(as_data(facts.banner));
    to.setBuildId(as_data(std::span(knowledge.build_id)));
    to.setVmcoreinfo(as_data(facts.vmcoreinfo));
    to.setKaslrSlide(facts.slide);
    to.setPhysBase(facts.phys_base);
    to.setPageOffset(facts.page_offset);
    to.setPagingLevels(static_cast<uint32_t>(facts.paging_levels));
    to.setHz(facts.hz);
    to.setCpus(facts.cpus);
    to.setPreemption(as_data(facts.preemption));
    to.setBtfDigest(as_data(std::span<const std::byte>(sha256(knowledge.btf_raw))));
    to.setSymbolsDigest(as_data(std::span<const std::byte>(sha256(as_bytes(symbols)))));
    to.setAdoptionNs(static_cast<uint64_t>(took.count()));
    to.setVmcoreinfoAgrees(facts.vmcoreinfo_agrees);
    to.setSoftLockupMs(lockups.soft_lockup_ms);
    to.setRcuStallMs(lockups.rcu_stall_ms);
  });
}

}  // namespace ktape
