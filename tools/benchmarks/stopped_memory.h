// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <memory>

#include "guest/memory/flat_memory.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

// The memory of a golden tape laid out as in a machine. Zero pages take no memory until they are
// written.
class StoppedMemory {
 public:
  explicit StoppedMemory(const RecordedKernel& recorded)
      : ram_(static_cast<std::byte*>(std::calloc(kRamBytes, 1)), &std::free),
        memory({ram_.get(), kRamBytes}, kRamBytes) {
    const RecordedMemory pages = recorded.memory();
    for (const PhysicalRange& range : must(pages.populated()))
      must(pages.read(range.start, {ram_.get() + range.start.value, range.bytes}));
  }

 private:
  static constexpr uint64_t kRamBytes = uint64_t{512}
                                        << 20;  // the memory size of the golden tapes' machines
  std::unique_ptr<std::byte, decltype(&std::free)> ram_;

 public:
  FlatMemory memory;
};

}  // namespace ktape::test
