// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "schema/base/result.h"
#include "schema/scenario.capnp.h"

namespace ktape {

// What a guest needs to be built into its kernel: there are no modules in it.
struct BuiltIn {
  std::string_view name;    // of the kernel's option
  std::string_view symbol;  // a function that a kernel has exactly when it has the option
  std::string_view needed;  // by what
  bool always = true;       // false: some runs do without
};

struct FoundBuiltIn {
  BuiltIn what;
  bool present = false;
};

// An op of a scenario, and what this kernel makes of it.
struct InspectedOp {
  std::string tag;
  std::string target;   // in one line
  std::string problem;  // why the kernel cannot serve it; empty when it can
};

// One of what a scenario freezes on, and what this kernel makes of it.
struct InspectedTrigger {
  std::string on;       // as in the scenario
  std::string problem;  // why the kernel cannot be frozen on it; empty when it can
};

// What a kernel image tells before anything boots.
struct KernelInspection {
  std::string format;  // "bzImage, zstd", "vmlinux"
  std::string release, banner;
  std::vector<std::byte> build_id;
  bool sched_ext = false;
  size_t btf_bytes = 0;
  uint32_t btf_types = 0;
  // Kfuncs of sched_ext in another form than schedulers have; see kfuncs.h.
  std::vector<std::string> shown_aux;
  size_t symbols = 0;
  uint32_t hz = 0;  // 0: not known
  std::string preemption;
  std::vector<FoundBuiltIn> built_in;
  std::string scenario_problem;  // why the scenario cannot run on it at all; empty when it can
  std::vector<InspectedOp> ops;  // of the scenario, in order
  std::vector<InspectedTrigger> triggers;  // of the scenario's `freezes.on`, in order
  std::vector<UsedLayout> layouts;         // of the fields that its ops name
  // Why ktape cannot use this kernel; what it says of itself is above.
  std::vector<std::string> unusable;
};

// `scenario` has its paths parsed. A kernel without types or symbols is described as far as it
// goes, and `unusable` says what it lacks.
[[nodiscard]] KernelInspection inspect_kernel(const KernelImage& image,
                                              schema::Scenario::Reader scenario);

// For people; ends with a newline. `scenario_name` is where the ops came from.
[[nodiscard]] std::string inspection_text(const KernelInspection& kernel,
                                          std::string_view scenario_name);
// One JSON object, with a newline behind it.
[[nodiscard]] std::string inspection_json(const KernelInspection& kernel,
                                          std::string_view scenario_name);

}  // namespace ktape
