// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/tape/reading/reader.h"

namespace ktape::test {

// A real kernel on a golden tape, at the freeze of its last request: everything that a live one
// would have, without a guest. The test fails if it cannot be loaded.
class RecordedKernel {
 public:
  // `tape`: the file's name in this folder.
  explicit RecordedKernel(const std::string& tape);

  [[nodiscard]] const Kernel& kernel() const { return *kernel_; }
  // The memory as it was recorded. Each call returns a new copy: writes to one are not in another.
  [[nodiscard]] RecordedMemory memory() const;
  [[nodiscard]] TaskRoot worker(const std::string& name) const;
  // The worker of the reference scenario, which sleeps.
  [[nodiscard]] TaskRoot sleeper() const { return worker("sleeper"); }

 private:
  std::unique_ptr<TapeReader> tape_;
  TapeIndex index_;
  const Freeze* freeze_ = nullptr;
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace ktape::test
