// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replay/diff/diff.h"

namespace ktape {

using FieldName = std::pair<std::string, std::string>;  // type, path

// Why a difference does not matter.
struct Aside {
  Weight weight = Weight::kMatters;  // it matters
  HiddenClass hidden = HiddenClass::kNone;
  std::string why;

  static Aside may_vary(std::string why) {
    return {Weight::kMayVary, HiddenClass::kNone, std::move(why)};
  }
  static Aside hide(HiddenClass why);
};

// Collects the differences of two sides.
class Differences {
 public:
  Differences(const DiffSide& a, const DiffSide& b)
      : repeated_(a.tapes.size() > 1 || b.tapes.size() > 1) {}

  // Adds nothing if all of both columns are the same. What only some tapes have is of kind
  // kMissing. What differs between repeats may vary, whatever it is.
  void add(DiffKind kind, std::string subject, RepeatColumn a, RepeatColumn b, Aside aside = {});

  [[nodiscard]] bool repeated() const { return repeated_; }
  [[nodiscard]] std::vector<Difference> take() { return std::move(found_); }

 private:
  bool repeated_;
  std::vector<Difference> found_;
};

// The entries of both sides' requests: values, replies, gates. `moved`: paths of fields whose
// layout changed.
void compare_entries(const DiffSide& a, const DiffSide& b, const std::set<std::string>& moved,
                     Differences& to);

// "failed: REASON"
[[nodiscard]] std::string with_reason(std::string text, const std::string& reason);

}  // namespace ktape
