// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/bpf_survey.h"

#include <algorithm>
#include <span>
#include <vector>

#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/survey_types.h"

namespace ktape {

namespace {

constexpr uint64_t kMaxMapBuckets = 65536;
constexpr uint64_t kMaxElements = 65536;

// Takes `bytes` from the budget; false if there are not enough.
bool take(uint64_t& budget_bytes, uint64_t bytes) {
  if (bytes > budget_bytes) return false;
  budget_bytes -= bytes;
  return true;
}

}  // namespace

BpfSurvey::BpfSurvey(const Kernel& kernel) : idr_(IdrSurvey::create(kernel.btf())) {
  const Btf& btf = kernel.btf();
  map_bytes_ = size_of(btf, "struct bpf_map");
  struct_ops_bytes_ = size_of(btf, "struct bpf_struct_ops_map");
  type_ = offset_of(btf, "struct bpf_map", "map_type");
  value_size_ = offset_of(btf, "struct bpf_map", "value_size");
  max_entries_ = offset_of(btf, "struct bpf_map", "max_entries");
  element_size_ = offset_of(btf, "struct bpf_array", "elem_size");
  values_ = offset_of(btf, "struct bpf_array", "value");
  queue_size_ = offset_of(btf, "struct bpf_queue_stack", "size");
  queue_head_ = offset_of(btf, "struct bpf_queue_stack", "head");
  queue_tail_ = offset_of(btf, "struct bpf_queue_stack", "tail");
  queue_elements_ = offset_of(btf, "struct bpf_queue_stack", "elements");
  htab_bytes_ = size_of(btf, "struct bpf_htab");
  buckets_ = offset_of(btf, "struct bpf_htab", "buckets");
  bucket_count_ = offset_of(btf, "struct bpf_htab", "n_buckets");
  htab_element_size_ = offset_of(btf, "struct bpf_htab", "elem_size");
  // Other parts of the kernel have their own struct bucket: this one is the type that the hash
  // table points to.
  if (const auto buckets = field_of(btf, "struct bpf_htab", "buckets")) {
    const Result<TypeInfo> bucket = btf.type(buckets->type.target_id);
    const Result<FieldInfo> head =
        bucket.ok() ? btf.member(bucket->id, "head") : Result<FieldInfo>(bucket.error());
    if (head.ok()) {
      bucket_bytes_ = bucket->size_bytes;
      bucket_first_ = head->offset_bytes;
    }
  }
  auto type = [&](const char* name) { return btf.enumerator("bpf_map_type", name); };
  type_array_ = type("BPF_MAP_TYPE_ARRAY");
  type_per_cpu_array_ = type("BPF_MAP_TYPE_PERCPU_ARRAY");
  type_hash_ = type("BPF_MAP_TYPE_HASH");
  type_lru_hash_ = type("BPF_MAP_TYPE_LRU_HASH");
  type_queue_ = type("BPF_MAP_TYPE_QUEUE");
  type_stack_ = type("BPF_MAP_TYPE_STACK");
  type_struct_ops_ = type("BPF_MAP_TYPE_STRUCT_OPS");
}

void BpfSurvey::maps(MemorySurvey& survey) const {
  const auto map_idr = survey.symbol("map_idr");  // kernel/bpf/syscall.c
  if (!map_idr || !idr_ || !type_ || !value_size_ || !max_entries_) return;
  // One budget for all maps, in the order of their ids; what no longer fits is counted as lost.
  uint64_t budget_bytes = kMaxContentBytes;
  idr_->entries(survey, *map_idr,
                [&](uint64_t entry) { map(survey, GuestVirtual(entry), budget_bytes); });
}

void BpfSurvey::map(MemorySurvey& survey, GuestVirtual at, uint64_t& budget_bytes) const {
  // A head that cannot be read says nothing about its contents either; keep() has counted the loss.
  if (!survey.keep(at, map_bytes_)) return;
  const auto type = survey.number(at + *type_, sizeof(uint32_t));
  const auto value_bytes = survey.number(at + *value_size_, sizeof(uint32_t));
  const auto entries = survey.number(at + *max_entries_, sizeof(uint32_t));
  if (!type || !value_bytes || !entries) return;
  const Map map{at, *type, *value_bytes, *entries};
  if (type == type_array_) return array(survey, map, budget_bytes);
  if (type == type_per_cpu_array_) return per_cpu_array(survey, map, budget_bytes);
  if (type == type_hash_ || type == type_lru_hash_) return hash_table(survey, map, budget_bytes);
  if (type == type_queue_ || type == type_stack_) return queue(survey, map, budget_bytes);
  if (type != type_struct_ops_) return;
  // A struct_ops map's value is behind its head.
  const uint64_t bytes = struct_ops_bytes_ + map.value_bytes;
  if (!take(budget_bytes, bytes)) return survey.lose();
  survey.keep(at, bytes);
}

void BpfSurvey::array(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const {
  if (!element_size_ || !values_) return;
  const auto element_bytes = survey.number(map.at + *element_size_, sizeof(uint32_t));
  if (!element_bytes) return;
  const uint64_t bytes = *element_bytes * map.entries;  // each has 32 bits
  if (!take(budget_bytes, bytes)) return survey.lose();
  survey.keep(map.at + *values_, bytes);
}

// kernel/bpf/queue_stack_maps.c: a ring, in use from its tail to its head. Schedulers create
// thousands of queues, most of them empty.
void BpfSurvey::queue(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const {
  if (!queue_size_ || !queue_head_ || !queue_tail_ || !queue_elements_) return;
  if (!survey.keep(map.at, *queue_elements_)) return;
  const auto size = survey.number(map.at + *queue_size_, sizeof(uint32_t));
  const auto head = survey.number(map.at + *queue_head_, sizeof(uint32_t));
  const auto tail = survey.number(map.at + *queue_tail_, sizeof(uint32_t));
  // The ring's indexes are below its size, unless an update is half done or the map is hostile.
  if (!size || !head || !tail || *head >= *size || *tail >= *size) return;
  const auto keep = [&](uint64_t first, uint64_t end) {
    const uint64_t bytes = (end - first) * map.value_bytes;  // each has 32 bits
    if (!take(budget_bytes, bytes)) return survey.lose();
    survey.keep(map.at + *queue_elements_ + first * map.value_bytes, bytes);
  };
  if (*tail <= *head) return keep(*tail, *head);
  keep(*tail, *size);
  keep(0, *head);
}

void BpfSurvey::per_cpu_array(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const {
  if (!values_) return;
  const Kernel& kernel = survey.kernel();
  // 64-bit arithmetic: both factors are at most 2^32 and the CPUs at most 8192.
  const uint64_t bytes = map.entries * (kPointerBytes + map.value_bytes * kernel.facts().cpus);
  // Both limits: a few huge elements, or many small ones whose pointers alone take long.
  if (map.entries > kMaxElements || !take(budget_bytes, bytes)) return survey.lose();
  std::vector<uint64_t> pointers(map.entries);
  if (!survey.read(map.at + *values_, std::as_writable_bytes(std::span(pointers)))) return;
  for (const uint64_t pointer : pointers) {
    for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
      const Result<GuestVirtual> value =
          kernel.per_cpu_pointer(survey.memory(), pointer, CpuId(cpu));
      if (value.ok()) survey.keep(*value, map.value_bytes);
    }
  }
}

// kernel/bpf/hashtab.c: chains end in a marker whose lowest bit is set.
void BpfSurvey::hash_table(MemorySurvey& survey, const Map& map, uint64_t& budget_bytes) const {
  if (!buckets_ || !bucket_count_ || !htab_element_size_ || !bucket_first_) return;
  if (!survey.keep(map.at, htab_bytes_)) return;
  const auto buckets = survey.pointer(map.at + *buckets_);
  const auto count = survey.number(map.at + *bucket_count_, sizeof(uint32_t));
  const auto element_bytes = survey.number(map.at + *htab_element_size_, sizeof(uint32_t));
  if (!buckets || !count || !element_bytes) return;
  // The table of buckets is read as a whole, so it is paid for as a whole.
  if (*count > kMaxMapBuckets || !take(budget_bytes, *count * bucket_bytes_)) return survey.lose();
  for (uint64_t i = 0; i < *count; ++i) {
    const auto first = survey.number(*buckets + i * bucket_bytes_ + *bucket_first_, kPointerBytes);
    if (!first) return;
    chain(survey, *first, *element_bytes, budget_bytes);
  }
}

void BpfSurvey::chain(MemorySurvey& survey, uint64_t first, uint64_t element_bytes,
                      uint64_t& budget_bytes) const {
  uint64_t element = first;
  // The marker ends the chain; kMaxElements ends one that never does.
  for (uint64_t elements = 0; (element & 1) == 0; ++elements) {
    if (elements == kMaxElements || !take(budget_bytes, element_bytes)) return survey.lose();
    if (!survey.keep(GuestVirtual(element), element_bytes)) return;
    const auto next = survey.number(GuestVirtual(element), kPointerBytes);
    if (!next) return;
    element = *next;
  }
}

}  // namespace ktape
