// SPDX-License-Identifier: Apache-2.0
#include "capture/run/load_failure.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/kernel/btf_builder.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// A kernel whose BTF shows the verifier's argument of scx_bpf_create_dsq.
KernelKnowledge kernel_with_mismatch() {
  BtfBuilder types;
  const int aux = types.pointer(types.structure("bpf_prog_aux", 8, {}));
  types.function("scx_bpf_create_dsq", {{"aux", aux}});
  types.function("scx_bpf_kick_cpu", {});
  KernelKnowledge kernel;
  kernel.release = "7.1.13+deb13-cloud-amd64";
  kernel.btf_raw = types.bytes();
  return kernel;
}

constexpr char kMismatch[] =
    "the scheduler's program '/usr/bin/scx_simple' exited with status 1 and has not attached a "
    "scheduler: "
    "libbpf: extern (func ksym) 'scx_bpf_create_dsq': func_proto [67] incompatible with vmlinux "
    "[57311]";
constexpr char kOption[] =
    "libbpf: extern 'CONFIG_HZ' (strong): not resolved | libbpf: failed to load object";

}  // namespace

TEST_CASE("a program that cannot load because of a kernel's BTF is named with the kfunc") {
  const std::string explained = explain_load_failure(kMismatch, kernel_with_mismatch(), true);
  CHECK_THAT(explained,
             StartsWith("; the BTF of kernel 7.1.13+deb13-cloud-amd64 shows an argument in 1 "
                        "sched_ext kfuncs, including 'scx_bpf_create_dsq'"));
  CHECK_THAT(explained, ContainsSubstring("schedulers built for the other form do not load;"));
}

TEST_CASE("a kfunc named for another reason, or the same as in every kernel, is not blamed") {
  CHECK(explain_load_failure("scx_bpf_create_dsq returned -12", kernel_with_mismatch(), true)
            .empty());
  CHECK(explain_load_failure("libbpf: extern (func ksym) 'scx_bpf_kick_cpu': func_proto [1] "
                             "incompatible with vmlinux [2]",
                             kernel_with_mismatch(), true)
            .empty());
  CHECK(explain_load_failure("", kernel_with_mismatch(), true).empty());
}

TEST_CASE("a program that needs a missing kernel configuration is reported with the remedy") {
  CHECK_THAT(
      explain_load_failure(kOption, kernel_with_mismatch(), false),
      StartsWith("; the program reads CONFIG_HZ from '/boot/config-7.1.13+deb13-cloud-amd64'") &&
          ContainsSubstring("save the full configuration beside the image, as 'config'"));
  CHECK_THAT(
      explain_load_failure("libbpf: failed to open system Kconfig", kernel_with_mismatch(), false),
      StartsWith("; the program reads options from '/boot/config-"));
  CHECK(explain_load_failure(kOption, kernel_with_mismatch(), true)
            .empty());  // the kernel does not have it
  CHECK(explain_load_failure("libbpf: extern 'CONFIG_HZ", kernel_with_mismatch(), false).empty());
}

}  // namespace ktape::test
