// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/recorded_kernel.h"

#include <algorithm>

#include "replay/tape/tape_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

RecordedKernel::RecordedKernel(const std::string& tape)
    : tape_(must(TapeReader::open(KTAPE_GOLDEN "/" + tape))),
      index_(must(TapeIndex::make(*tape_))),
      kernel_(std::make_unique<Kernel>(must(restore_kernel(*tape_, index_)))) {
  const auto last = std::find_if(
      index_.freezes().rbegin(), index_.freezes().rend(),
      [](const Freeze& freeze) { return freeze.cause == schema::FreezeCause::REQUEST; });
  if (last == index_.freezes().rend())
    throw std::runtime_error("golden tape '" + tape + "' has no request");
  freeze_ = &*last;
}

RecordedMemory RecordedKernel::memory() const { return must(memory_at(*tape_, *freeze_)); }

TaskRoot RecordedKernel::worker(const std::string& name) const {
  const RecordedWorker* worker = must(index_.worker(name, freeze_->began));
  return {worker->pid, worker->start_boottime_ns, worker->name};
}

}  // namespace ktape::test
