// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/idr_survey.h"
#include "guest/kernel/survey/memory_survey.h"

namespace ktape {

// Records the BPF maps that the guest has loaded, including those of its scheduler (.bss, .data,
// the struct_ops map, counters): the head of each, and the contents of arrays, per-CPU arrays, hash
// tables, queues and stacks, up to a total limit. Skips the contents of other kinds: task and
// cgroup storage, arenas, per-CPU hash tables. The number of heads is limited only by the survey's
// own limits, because schedulers create thousands of maps (scx_pair one for each possible cgroup).
// See SchedMemory.
class BpfSurvey {
 public:
  static constexpr uint64_t kMaxContentBytes = uint64_t{2} << 20;

  explicit BpfSurvey(const Kernel& kernel);

  // One pass; `survey` counts what did not fit as lost.
  void maps(MemorySurvey& survey) const;

 private:
  struct Map {
    GuestVirtual at;
    uint64_t type = 0, value_bytes = 0, entries = 0;
  };
  using Offset = std::optional<uint64_t>;

  void map(MemorySurvey& survey, GuestVirtual at, uint64_t& budget_bytes) const;
  void array(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const;
  void queue(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const;
  void per_cpu_array(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const;
  void hash_table(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const;
  void chain(MemorySurvey& survey, uint64_t first, uint64_t element_bytes,
             uint64_t& budget_bytes) const;

  std::optional<IdrSurvey> idr_;
  uint64_t map_bytes_ = 0, struct_ops_bytes_ = 0, htab_bytes_ = 0, bucket_bytes_ = 0;
  Offset type_, value_size_, max_entries_;                        // in struct bpf_map
  Offset element_size_, values_;                                  // in struct bpf_array
  Offset queue_size_, queue_head_, queue_tail_, queue_elements_;  // in struct bpf_queue_stack
  Offset buckets_, bucket_count_, htab_element_size_,
      bucket_first_;  // in struct bpf_htab, struct bucket
  Offset type_array_, type_per_cpu_array_, type_hash_, type_lru_hash_, type_queue_, type_stack_,
      type_struct_ops_;
};

}  // namespace ktape
