// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/kfuncs.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "tests/support/kernel/btf_builder.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

using Names = std::vector<std::string>;

// scx_bpf_shown(u64 id, aux), scx_bpf_tagged(u64 id) and its twin, and functions that are not
// kfuncs of sched_ext.
std::vector<std::byte> kernel_btf() {
  BtfBuilder types;
  const int number = types.integer("unsigned long long", 8);
  const int aux =
      types.pointer(types.constant(types.structure("bpf_prog_aux", 8, {{"id", number, 0}})));
  const int task = types.pointer(types.structure("task_struct", 8, {{"pid", number, 0}}));
  types.function("scx_bpf_shown", {{"id", number}, {"aux", aux}});
  types.function("scx_bpf_tagged", {{"id", number}});
  types.function("scx_bpf_tagged_impl", {{"id", number}, {"aux", aux}});
  types.function("scx_bpf_nothing", {});
  types.function("scx_bpf_task", {{"p", task}});
  types.function("bpf_prog_free", {{"aux", aux}});
  types.function("bpf_iter_scx_dsq_new", {{"id", number}, {"aux", aux}});
  return types.bytes();
}

Names shown_by(const std::string& version) {
  if (!is_cached(version))
    SKIP("kernel " << version << " is not cached: tools/kernel fetch " << version);
  return kfuncs_with_shown_aux(
      must(learn_kernel(must(load_kernel_image(cached_kernel(version))).vmlinux))->btf_raw);
}

}  // namespace

TEST_CASE(
    "kfuncs of sched_ext that show the verifier's argument are listed, and no other function is") {
  CHECK(kfuncs_with_shown_aux(kernel_btf()) == Names{"bpf_iter_scx_dsq_new", "scx_bpf_shown"});
  CHECK(kfuncs_with_shown_aux({}).empty());
}

TEST_CASE("7.1.13 shows the verifier's argument in 19 kfuncs of sched_ext") {
  const Names shown = shown_by("7.1.13");
  CHECK(shown.size() == 19);
  CHECK(kfunc_named_in("extern (func ksym) 'scx_bpf_create_dsq': func_proto [7]", shown) ==
        "scx_bpf_create_dsq");
}

TEST_CASE(
    "7.2.12 shows the verifier's argument in 22 kfuncs of sched_ext, in its generic build in 11") {
  CHECK(shown_by("7.2.12").size() == 22);
  CHECK(shown_by("7.2.12-generic").size() == 11);
}

TEST_CASE("7.3.4 shows the verifier's argument in no kfunc of sched_ext") {
  CHECK(shown_by("7.3.4").empty());
}

TEST_CASE("a kfunc is found in a loader's output only as a whole word") {
  const Names kfuncs = {"scx_bpf_create_dsq", "scx_bpf_kick_cpu"};
  CHECK(kfunc_named_in("'scx_bpf_kick_cpu'", kfuncs) == "scx_bpf_kick_cpu");
  CHECK(kfunc_named_in("scx_bpf_create_dsq_now, scx_bpf_create_dsq", kfuncs) ==
        "scx_bpf_create_dsq");
  CHECK(kfunc_named_in("__scx_bpf_kick_cpu scx_bpf_kick_cpus", kfuncs).empty());
  CHECK(kfunc_named_in("", kfuncs).empty());
}

}  // namespace ktape::test
