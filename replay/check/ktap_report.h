// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "replay/check/check_run.h"

namespace ktape {

// Results of a check as one KTAP stream, which kunit.py, prove and node's tap-parser read: a result
// for each assertion, below its evidence as diagnostics. Several tapes are subtests, each with its
// own plan. The results of a tape are consecutive.
class KtapReport {
 public:
  // `planned`: results of all tapes; `runs`: of a tape that is judged.
  KtapReport(size_t tapes, size_t runs, size_t planned)
      : several_(tapes > 1), runs_(runs), plan_(several_ ? tapes : planned) {}

  // Each returns the text to print next.
  [[nodiscard]] std::string begin() const;
  [[nodiscard]] std::string add(const CheckStep& step);
  [[nodiscard]] std::string finish(const CheckSummary& summary);

 private:
  [[nodiscard]] std::string open_tape() const;
  [[nodiscard]] std::string close_tape();

  const bool several_;
  const size_t runs_;
  const size_t plan_;
  size_t number_ = 0;                  // of the last result in this plan
  size_t tapes_ = 0;                   // that have results, if there are several
  const CheckedTape* tape_ = nullptr;  // whose subtest is open
  CheckSummary of_tape_;
};

}  // namespace ktape
