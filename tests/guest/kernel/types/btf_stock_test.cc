// SPDX-License-Identifier: Apache-2.0
// Layouts of stock Debian kernels that were read in running guests, for the kernels in the cache.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/kernel/sched/scx_exit.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;

namespace {

std::shared_ptr<const KernelKnowledge> learn(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  return must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
}

// The offsets of a release hold for that release only; the golden tapes replace one that is gone
// (tests/golden/recorded_layout_test.cc).
bool is_exactly(const std::string& version, const std::string& series) {
  if (version_for(series) == version) return true;
  WARN(version_for(series) << " stands in for " << version
                           << ", and may keep its fields elsewhere");
  return false;
}

void check_field(const Btf& btf, std::string_view type, std::string_view path, uint64_t offset,
                 uint64_t size) {
  INFO(type << " " << path);
  const auto field = btf.field(type, path);
  REQUIRE(field.ok());
  CHECK(field->offset_bytes == offset);
  CHECK(field->type.size_bytes == size);
}

// The fields that gates, task lookup and evidence read on every kernel with sched_ext.
constexpr std::string_view kTaskFields[] = {"__state",
                                            "on_rq",
                                            "on_cpu",
                                            "policy",
                                            "sched_class",
                                            "pi_lock.raw_lock.val.counter",
                                            "pid",
                                            "comm",
                                            "scx.dsq",
                                            "start_boottime",
                                            "scx.runnable_node",
                                            "scx.ddsp_dsq_id",
                                            "se.sched_delayed",
                                            "scx.flags",
                                            "start_time",
                                            "scx.dsq_vtime",
                                            "scx.ops_state.counter",
                                            "pid_links[0]",
                                            "thread_info.cpu"};

void check_complete(const Btf& btf) {
  for (std::string_view path : kTaskFields) {
    INFO(path);
    CHECK(btf.has_field("struct task_struct", path));
  }
  CHECK(btf.has_field("struct rq", "__lock.raw_lock.val.counter"));
  CHECK(btf.has_field("struct pid_namespace", "idr.idr_rt.xa_head"));
  CHECK(btf.has_field("struct xa_node", "slots[63]"));
  CHECK(btf.has_field("struct static_key", "enabled.counter"));
  CHECK(btf.enumerator("scx_dsq_id_flags", "SCX_DSQ_INVALID") == uint64_t{1} << 63);
  CHECK(btf.enumerator("scx_ops_state", "SCX_OPSS_NONE") == 0);
  CHECK(btf.enumerator("scx_ops_state", "SCX_OPSS_QSEQ_SHIFT") == 2);
  CHECK(btf.enumerator("scx_ent_flags", "SCX_TASK_STATE_MASK").has_value());
  CHECK(must(btf.variable("runqueues")).name == "struct rq");
}

}  // namespace

TEST_CASE("6.16 has sched_ext's fields at the offsets observed in its guests") {
  const auto kernel = learn("6.16");
  const Btf& btf = *kernel->btf;
  check_complete(btf);
  if (!is_exactly("6.16.12", "6.16")) return;
  check_field(btf, "struct task_struct", "scx", 688, 200);
  check_field(btf, "struct sched_ext_entity", "dsq_vtime", 160, 8);
  check_field(btf, "struct task_struct", "scx.dsq_vtime", 848, 8);
  check_field(btf, "struct task_struct", "on_rq", 104, 4);
  CHECK(must(btf.type("struct scx_rq")).size_bytes == 272);
  CHECK(must(btf.variable("__preempt_count")).size_bytes == 4);
  CHECK(btf.enumerator("scx_task_state", "SCX_TASK_ENABLED") == 3);
}

TEST_CASE("6.19 has sched_ext's fields at the offsets observed in its guests") {
  const auto kernel = learn("6.19");
  const Btf& btf = *kernel->btf;
  check_complete(btf);
  if (!is_exactly("6.19.14", "6.19")) return;
  check_field(btf, "struct task_struct", "scx", 680, 200);
  check_field(btf, "struct task_struct", "scx.dsq_vtime", 840, 8);
  check_field(btf, "struct task_struct", "on_rq", 104, 4);
  CHECK(must(btf.type("struct scx_rq")).size_bytes == 408);
}

TEST_CASE("7.3 has sched_ext's fields at the offsets observed in its guests") {
  const auto kernel = learn("7.3");
  const Btf& btf = *kernel->btf;
  check_complete(btf);
  if (!is_exactly("7.3.4", "7.3")) return;
  check_field(btf, "struct task_struct", "scx", 776, 272);
  check_field(btf, "struct sched_ext_entity", "dsq_vtime", 216, 8);
  check_field(btf, "struct task_struct", "on_rq", 53, 1);
  check_field(btf, "struct task_struct", "on_cpu", 52, 1);
  CHECK(must(btf.type("struct scx_rq")).size_bytes == 672);
  CHECK(must(btf.variable("__preempt_count")).size_bytes == 8);
  // No longer a separate enum.
  CHECK(btf.enumerator("scx_ent_flags", "SCX_TASK_ENABLED") == 0x400);
  CHECK_FALSE(btf.enumerator("scx_task_state", "SCX_TASK_ENABLED").has_value());
}

namespace {

// Offsets and sizes in bytes, as `bpftool btf dump` shows them.
struct ShownLayout {
  const char* version;
  uint64_t scx, scx_bytes, dsq_vtime, on_rq, on_rq_bytes, scx_rq_bytes;
  uint64_t enabled;  // SCX_TASK_ENABLED
};
constexpr ShownLayout kBetween[] = {
    {"6.17.13", 680, 200, 160, 104, 4, 272, 3},   {"6.18.15", 680, 200, 160, 104, 4, 272, 3},
    {"7.0.13", 744, 200, 160, 104, 4, 408, 3},    {"7.1.13", 776, 208, 168, 104, 4, 392, 0x400},
    {"7.2.13", 776, 224, 184, 53, 1, 384, 0x400},
};

}  // namespace

TEST_CASE("every kernel has the fields of sched_ext that ktape reads") {
  const std::vector<std::string> versions = versions_with_sched_ext();
  if (versions.empty()) SKIP("no kernel is cached: tools/kernel tests");
  const std::string version = GENERATE_COPY(from_range(versions));
  INFO(version);
  const auto kernel = learn(version);
  check_complete(*kernel->btf);
  // Needed by the host's own freezes.
  CHECK_FALSE(scx_exit_function(*kernel).empty());
  CHECK(kernel->symbols.find(kSchedulerFreeFunction).has_value());
}

TEST_CASE("the kernels in between have sched_ext's fields at the offsets that another tool shows") {
  std::vector<ShownLayout> cached(std::begin(kBetween), std::end(kBetween));
  std::erase_if(cached, [](const ShownLayout& layout) { return !is_cached(layout.version); });
  if (cached.empty()) SKIP("none of them is in the cache: tools/test --full fetches them");
  const ShownLayout shown = GENERATE_COPY(from_range(cached));
  INFO(shown.version);
  const auto kernel = learn(shown.version);
  const Btf& btf = *kernel->btf;
  check_field(btf, "struct task_struct", "scx", shown.scx, shown.scx_bytes);
  check_field(btf, "struct task_struct", "scx.dsq_vtime", shown.scx + shown.dsq_vtime, 8);
  check_field(btf, "struct task_struct", "on_rq", shown.on_rq, shown.on_rq_bytes);
  CHECK(must(btf.type("struct scx_rq")).size_bytes == shown.scx_rq_bytes);
  const auto state = btf.enumerator("scx_task_state", "SCX_TASK_ENABLED");
  CHECK((state ? state : btf.enumerator("scx_ent_flags", "SCX_TASK_ENABLED")) == shown.enabled);
}

TEST_CASE("6.12 has no sched_ext, and has its hot per-CPU variables in one struct") {
  const auto kernel = learn("6.12");
  const Btf& btf = *kernel->btf;
  CHECK_FALSE(btf.has_field("struct task_struct", "scx"));
  CHECK(btf.has_field("struct pcpu_hot", "preempt_count"));
  CHECK(btf.has_field("struct pcpu_hot", "current_task"));
  CHECK(must(btf.variable("pcpu_hot")).name == "struct pcpu_hot");
}
