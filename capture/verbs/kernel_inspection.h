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

// A kernel option that must be built in, because the guest has no modules.
struct BuiltIn {
  std::string_view name;    // of the option
  std::string_view symbol;  // a function that the kernel has if and only if the option is set
  std::string_view needed;  // what needs it
  bool always = true;       // false: some runs work without it
};

struct FoundBuiltIn {
  BuiltIn what;
  bool present = false;
};

// An op of a scenario, and whether this kernel can serve it.
struct InspectedOp {
  std::string tag;
  std::string target;   // on one line
  std::string problem;  // why the kernel cannot serve it; empty if it can
};

// A freeze trigger of a scenario, and whether this kernel supports it.
struct InspectedTrigger {
  std::string on;       // as in the scenario
  std::string problem;  // why the kernel cannot be frozen on it; empty if it can
};

// What a kernel image says before anything boots.
struct KernelInspection {
  std::string format;  // "bzImage, zstd", "vmlinux"
  std::string release, banner;
  std::vector<std::byte> build_id;
  bool sched_ext = false;
  size_t btf_bytes = 0;
  uint32_t btf_types = 0;
  // sched_ext kfuncs whose BTF has another form than the one schedulers declare; see kfuncs.h.
  std::vector<std::string> shown_aux;
  size_t symbols = 0;
  uint32_t hz = 0;  // 0: unknown
  std::string preemption;
  std::vector<FoundBuiltIn> built_in;
  std::string
      scenario_problem;  // why the scenario cannot run on this kernel at all; empty if it can
  std::vector<InspectedOp> ops;            // the scenario's ops, in order
  std::vector<InspectedTrigger> triggers;  // the scenario's `freezes.on`, in order
  std::vector<UsedLayout> layouts;         // of the fields that the ops name
  // Why ktape cannot use this kernel. Does not repeat the fields above.
  std::vector<std::string> unusable;
};

// The paths in `scenario` must be parsed. A kernel without types or symbols is described as far as
// possible, and `unusable` says what it lacks.
[[nodiscard]] KernelInspection inspect_kernel(const KernelImage& image,
                                              schema::Scenario::Reader scenario);

// For people; ends with a newline. `scenario_name` is the scenario that the ops come from.
[[nodiscard]] std::string inspection_text(const KernelInspection& kernel,
                                          std::string_view scenario_name);
// One JSON object and a newline.
[[nodiscard]] std::string inspection_json(const KernelInspection& kernel,
                                          std::string_view scenario_name);

}  // namespace ktape
