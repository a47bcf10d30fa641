// SPDX-License-Identifier: Apache-2.0
// Each available stock kernel, the newest of its series; tools/kernels.list says which.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/types/kfuncs.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/vm/checks/reference_check.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char kCreateDsq[] = "scx_bpf_create_dsq";

std::string each_version() {
  const std::vector<std::string> versions = versions_with_sched_ext();
  if (versions.empty()) SKIP("no kernel is cached: tools/kernel tests --full");
  return GENERATE_COPY(from_range(versions));
}

std::string scheduler_output(const std::string& tape) {
  std::string output;
  must(must(TapeReader::open(tape))->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isSchedulerOutput())
      output += as_text(view.record.getSchedulerOutput().getText());
    return {};
  }));
  return output;
}

// Whether the kernel's BTF lets a scheduler create a DSQ.
bool lets_create_dsq(const std::string& version) {
  const auto kernel = must(learn_kernel(must(load_kernel_image(cached_kernel(version))).vmlinux));
  return kfunc_named_in(kCreateDsq, kfuncs_with_shown_aux(kernel->btf_raw)).empty();
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "the reference scenario passes on every kernel, and if no DSQ can be created the "
                 "tape says so") {
  const std::string version = each_version();
  INFO(version);
  const Captured captured = capture("cold_path_roundtrip", version);
  check_reference(captured);
  const std::string output = scheduler_output(captured.tape);
  if (lets_create_dsq(version)) {
    CHECK(output.empty());
  } else {
    CHECK_THAT(output, ContainsSubstring("tasks wait in SCX_DSQ_GLOBAL"));
  }
}

TEST_CASE_METHOD(CaptureFixture,
                 "a scheduler that cannot load because of a kernel's BTF is reported, with the "
                 "kfunc that it lacks") {
  std::vector<std::string> versions = versions_with_sched_ext();
  std::erase_if(versions, lets_create_dsq);
  // The words themselves are tested without a guest, in load_failure_test.cc.
  if (versions.empty()) SKIP("no kernel that can be had keeps schedulers from creating a DSQ");
  const std::string version = GENERATE_COPY(from_range(versions));
  INFO(version);
  const Captured captured =
      capture("foreign_scheduler", version, {"--scheduler-dir", example_schedulers("7.3")});
  CHECK(captured.facts.outcome == schema::Outcome::SCENARIO_FAILED);
  CHECK_THAT(captured.facts.detail, ContainsSubstring("including 'scx_bpf_create_dsq'"));
  CHECK_THAT(captured.program.output,
             ContainsSubstring("schedulers built for the other form do not load;"));
}

}  // namespace ktape::test
