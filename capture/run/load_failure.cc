// SPDX-License-Identifier: Apache-2.0
#include "capture/run/load_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "guest/kernel/types/kfuncs.h"

namespace ktape {

namespace {

// What libbpf prints (tools/lib/bpf/libbpf.c) for a kfunc with other arguments and for a call to an
// unresolved weak one, and what the verifier prints for one that a scheduler may not call.
constexpr std::array<std::string_view, 3> kOtherForm = {"incompatible with", "wasn't resolved",
                                                        "kernel function"};
constexpr std::string_view kNoConfig = "failed to open system Kconfig";
constexpr std::string_view kOption = "extern 'CONFIG_";
constexpr std::string_view kUnresolved = " (strong): not resolved";

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Returns "CONFIG_HZ" from "libbpf: extern 'CONFIG_HZ' (strong): not resolved".
std::string option_missed(std::string_view printed) {
  const size_t at = printed.find(kOption);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = printed.substr(at + kOption.find('C'));
  const size_t quote = rest.find('\'');
  return quote != std::string_view::npos && rest.substr(quote + 1).starts_with(kUnresolved)
             ? std::string(rest.substr(0, quote))
             : "";
}

}  // namespace

std::string explain_load_failure(std::string_view printed, const KernelKnowledge& kernel,
                                 bool config_is_whole) {
  const auto said = [&](std::string_view words) { return has(printed, words); };
  // Words of libbpf and the verifier, whatever the program prints around them.
  if (std::any_of(kOtherForm.begin(), kOtherForm.end(), said)) {
    const std::vector<std::string> shown = kfuncs_with_shown_aux(kernel.btf_raw);
    // Only if the kfunc is named in the output: the message alone has other causes.
    if (const std::string kfunc = kfunc_named_in(printed, shown); !kfunc.empty()) {
      return fmt::format(
          "; the BTF of kernel {} shows an argument in {} sched_ext kfuncs, including '{}', that "
          "other kernels hide, so schedulers built for the other form do not load; "
          "'ktape kernel inspect' lists the kfuncs",
          kernel.release, shown.size(), kfunc);
    }
  }
  const std::string option = option_missed(printed);
  // A complete configuration that lacks the option is a property of the kernel.
  if (!config_is_whole && (!option.empty() || has(printed, kNoConfig))) {
    return fmt::format(
        "; the program reads {} from '/boot/config-{}', but ktape has only the part of that "
        "kernel's configuration that its image contains: save the full configuration beside the "
        "image, as 'config'",
        option.empty() ? "options" : option, kernel.release);
  }
  return "";
}

}  // namespace ktape
