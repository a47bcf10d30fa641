// SPDX-License-Identifier: Apache-2.0
// The offsets of sched_ext's fields in each release, on the golden tapes of their kernels: mirrors
// drop releases, and the replacement for one in tests/guest/kernel/types/stock_btf_test.cc may have
// other offsets.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/golden/recorded_kernel.h"

namespace ktape::test {

namespace {

// Offsets and sizes in bytes, as observed in guests of these kernels.
struct Shown {
  const char* version;
  uint64_t scx, dsq_vtime, on_rq, on_rq_bytes;
};

void check_field(const Btf& btf, std::string_view type, std::string_view path, uint64_t offset,
                 uint64_t size) {
  INFO(type << " " << path);
  const auto field = btf.field(type, path);
  REQUIRE(field.ok());
  CHECK(field->offset_bytes == offset);
  CHECK(field->type.size_bytes == size);
}

}  // namespace

TEST_CASE("golden tapes have sched_ext's fields where guests of their kernels showed them") {
  const Shown shown = GENERATE(Shown{"6.16.12", 688, 160, 104, 4},
                               Shown{"6.19.14", 680, 160, 104, 4}, Shown{"7.3.4", 776, 216, 53, 1});
  INFO(shown.version);
  const RecordedKernel kernel("kernel-" + std::string(shown.version) + ".ktape");
  const Btf& btf = kernel.kernel().btf();
  check_field(btf, "struct sched_ext_entity", "dsq_vtime", shown.dsq_vtime, 8);
  check_field(btf, "struct task_struct", "scx.dsq_vtime", shown.scx + shown.dsq_vtime, 8);
  check_field(btf, "struct task_struct", "on_rq", shown.on_rq, shown.on_rq_bytes);
}

}  // namespace ktape::test
