// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/target_plan.h"

#include <fmt/format.h>

#include <utility>

#include "guest/kernel/sched/dsq_lock.h"
#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

// Types do not distinguish a per-CPU pointer from others, but its value does: it is relative to the
// kernel image's per-CPU section (include/asm-generic/percpu.h, mm/percpu.c: __addr_to_pcpu_ptr),
// so it is never an address in the direct map (Documentation/arch/x86/x86_64/mm.rst: 64 TB or
// less).
bool is_ordinary(const Kernel& kernel, uint64_t pointer) {
  constexpr uint64_t kDirectMapBytes = uint64_t{64} << 40;
  const uint64_t begin = kernel.facts().page_offset;
  return pointer >= begin && pointer - begin < kDirectMapBytes;
}

}  // namespace

// Takes the steps one by one. Members and indexes add up to one field of the object last reached
// through a pointer; that field goes into the layout log.
class TargetPlan::Maker {
 public:
  Maker(const Btf& btf, const std::string& root_name, LayoutLog& log, Lists lists)
      : btf_(btf), root_name_(root_name), log_(log), lists_(lists) {}

  Result<TargetPlan> make(const std::optional<TypeInfo>& root, const std::vector<PathStep>& path) {
    if (!root) return untyped(path);
    // Before the first step, too: the root itself may be a DSQ.
    begin_object(*root);
    note_queue();
    for (const PathStep& step : path) {
      taken_.push_back(step);
      KTAPE_TRY(take(step));
      note_queue();
    }
    end_object();
    plan_.type_ = at_;
    // Without actions, or with only an addition, the address is known without memory. A path that
    // passes a DSQ has a Queue action, so it is run each time.
    const auto& actions = plan_.actions_;
    if (actions.empty()) plan_.fixed_offset_ = 0;
    if (actions.size() == 1 && std::holds_alternative<Add>(actions[0]))
      plan_.fixed_offset_ = offset_;
    return std::move(plan_);
  }

 private:
  Result<TargetPlan> untyped(const std::vector<PathStep>& path) {
    plan_.fixed_offset_ = 0;
    if (path.empty()) return std::move(plan_);
    return refused(
        fmt::format("'{}' has no type in this kernel's BTF: a path needs one", root_name_),
        "use a 'virtual' target, which names the type that stands at an address");
  }

  Result<void> take(const PathStep& step) {
    if (const auto* named = std::get_if<MemberStep>(&step)) return member(named->name);
    if (const auto* element = std::get_if<IndexStep>(&step)) return index(element->index);
    if (const auto* instance = std::get_if<CpuStep>(&step)) return per_cpu(instance->cpu);
    if (const auto* list = std::get_if<ListStep>(&step)) return walk(*list);
    return follow();
  }

  std::string text() const { return target_path_text(taken_); }

  void begin_object(const TypeInfo& type) {
    object_ = type;
    at_ = type;
    offset_ = 0;
    within_.clear();
  }

  void note_queue() {
    if (at_.name == kDispatchQueue) plan_.actions_.emplace_back(Queue{offset_});
  }

  // Emits what was added up in the current object.
  void end_object() {
    if (!within_.empty()) {
      // Members and indexes of one object are one field in the log, since they are one offset.
      log_.note(object_.name, target_path_text(within_), FieldInfo{offset_, at_});
    }
    if (offset_ != 0) plan_.actions_.emplace_back(Add{offset_});
  }

  Result<void> member(const std::string& name) {
    if (at_.kind == TypeKind::kPointer) {  // which BTF may lack
      return Error{ErrorCode::kNotFound,
                   fmt::format("'{}' has no members: cannot take '{}'", at_.name, name),
                   "follow the pointer with '->'"};
    }
    KTAPE_ASSIGN(FieldInfo found, btf_.member(at_.id, name));
    return enter(MemberStep{name}, std::move(found));
  }

  Result<void> enter(PathStep step, FieldInfo found) {
    offset_ += found.offset_bytes;
    at_ = std::move(found.type);
    within_.push_back(std::move(step));
    return {};
  }

  Result<void> index(uint64_t number) {
    if (at_.kind != TypeKind::kPointer) {
      KTAPE_ASSIGN(FieldInfo found, btf_.element(at_, number));
      return enter(IndexStep{number}, std::move(found));
    }
    // Indexing a pointer means the array it points to, as in C: p[i].
    KTAPE_TRY(follow());
    // Bounded, so that the offset cannot wrap around.
    if (at_.size_bytes == 0 || number > UINT32_MAX / at_.size_bytes) {
      return refused(fmt::format("'{}': cannot take element {} of '{}'", text(), number, at_.name));
    }
    offset_ = number * at_.size_bytes;
    return {};
  }

  Result<TypeInfo> pointee(std::string_view what) {
    if (at_.kind != TypeKind::kPointer) {
      return refused(fmt::format("'{}': '{}' is not a pointer: cannot {}", text(), at_.name, what));
    }
    plan_.follows_pointers_ = true;
    return btf_.type(at_.target_id);
  }

  Result<void> follow() {
    KTAPE_ASSIGN(const TypeInfo target, pointee("follow it"));
    end_object();
    plan_.actions_.emplace_back(Follow{text()});
    begin_object(target);
    return {};
  }

  Result<void> per_cpu(uint32_t cpu) {
    KTAPE_ASSIGN(const TypeInfo target, pointee("take a CPU's instance"));
    end_object();
    // The pointer is followed per CPU when it is run; whether the CPU exists depends on memory.
    plan_.actions_.emplace_back(PerCpu{text(), CpuId(cpu)});
    begin_object(target);
    return {};
  }

  Result<void> walk(const ListStep& list) {
    if (plan_.walks_list_ && lists_ == Lists::kWhole)
      return refused(fmt::format("'{}': a path walks one list only", text()));
    KTAPE_ASSIGN(TargetWalk walk, plan_walk(btf_, list, at_, text(), log_));
    KTAPE_ASSIGN(const TypeInfo entry, btf_.type(list.container));
    end_object();
    plan_.actions_.emplace_back(std::move(walk));
    plan_.walks_list_ = true;
    // Each entry is another object, with its own lock.
    plan_.follows_pointers_ = true;
    begin_object(entry);
    return {};
  }

  const Btf& btf_;
  const std::string& root_name_;
  LayoutLog& log_;
  const Lists lists_;
  TargetPlan plan_;
  std::vector<PathStep> taken_;   // all steps so far, for messages
  std::vector<PathStep> within_;  // those in the current object
  TypeInfo object_, at_;
  uint64_t offset_ = 0;
};

Result<TargetPlan> TargetPlan::make(const Btf& btf, const std::optional<TypeInfo>& root,
                                    const std::string& root_name, const std::vector<PathStep>& path,
                                    LayoutLog& log, Lists lists) {
  return Maker(btf, root_name, log, lists).make(root, path);
}

Result<GuestVirtual> TargetPlan::step(const Kernel& kernel, const GuestMemory& memory,
                                      GuestVirtual from, const Action& action) const {
  if (const auto* add = std::get_if<Add>(&action)) return from + add->bytes;
  const auto* follow = std::get_if<Follow>(&action);
  const auto* instance = std::get_if<PerCpu>(&action);
  KTAPE_CHECK(follow != nullptr || instance != nullptr);
  KTAPE_ASSIGN(const uint64_t pointer, kernel.read_uint(memory, from, kPointerBytes));
  if (pointer == 0) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("'{}': the pointer is NULL", follow ? follow->path : instance->path),
                 ""};
  }
  if (follow != nullptr) return GuestVirtual(pointer);
  if (is_ordinary(kernel, pointer)) {
    return Error{
        ErrorCode::kBadInput,
        fmt::format(
            "'{}': the pointer is an ordinary one, to {:#x}: it has no instance for each CPU",
            instance->path, pointer),
        "'->' follows it"};
  }
  return kernel.per_cpu_pointer(memory, pointer, instance->cpu);
}

Result<void> TargetPlan::walk_all(const Kernel& kernel, const GuestMemory& memory,
                                  const TargetWalk& walk, Lists lists, PathBudget& budget,
                                  Places& places) {
  const bool is_first = places.numbers.empty();
  const std::vector<GuestVirtual> heads = std::exchange(places.values, {});
  const std::vector<EntryNumbers> above = std::exchange(places.numbers, {});
  for (size_t i = 0; i < heads.size(); ++i) {
    std::vector<GuestVirtual> entries;
    const Result<void> walked = walk_target(kernel, memory, heads[i], walk, lists, entries, budget);
    // A first entry that cannot be read is an error: an empty answer would look like an empty list.
    if (!walked.ok() && (lists == Lists::kWhole || (is_first && entries.empty())))
      return walked.error();
    if (!walked.ok()) places.leave_out(walked.error());
    const size_t room = kMaxListEntries - places.values.size();
    if (entries.size() > room) {
      places.leave_out({ErrorCode::kOutOfRange,
                        fmt::format("'{}': the lists have more than {} entries together", walk.path,
                                    kMaxListEntries),
                        ""});
      entries.resize(room);
    }
    places.values.insert(places.values.end(), entries.begin(), entries.end());
    for (uint32_t entry = 0; lists == Lists::kAsFarAsTheyGo && entry < entries.size(); ++entry) {
      EntryNumbers& numbers = places.numbers.emplace_back(is_first ? EntryNumbers() : above[i]);
      numbers.push_back(entry);
    }
  }
  return {};
}

Result<void> TargetPlan::step_all(const Kernel& kernel, const GuestMemory& memory,
                                  const Action& action, Lists lists, Places& places) const {
  const bool may_lack = lists == Lists::kAsFarAsTheyGo && !places.numbers.empty();
  size_t kept = 0;
  for (size_t i = 0; i < places.values.size(); ++i) {
    const Result<GuestVirtual> to = step(kernel, memory, places.values[i], action);
    if (!to.ok() && !may_lack) return to.error();
    if (!to.ok()) {
      places.leave_out(to.error());
      continue;
    }
    places.values[kept] = *to;
    if (may_lack && kept != i) places.numbers[kept] = std::move(places.numbers[i]);
    ++kept;
  }
  places.values.resize(kept);
  if (may_lack) places.numbers.resize(kept);
  return {};
}

Result<TargetPlan::Places> TargetPlan::run(const Kernel& kernel, const GuestMemory& memory,
                                           GuestVirtual root, Lists lists,
                                           PathBudget& budget) const {
  Places places{{root}, {}, {}, std::nullopt};
  for (const Action& action : actions_) {
    if (const auto* list = std::get_if<TargetWalk>(&action)) {
      KTAPE_TRY(walk_all(kernel, memory, *list, lists, budget, places));
      continue;
    }
    KTAPE_TRY(spend(budget, places.values.size()));
    if (const auto* queue = std::get_if<Queue>(&action)) {
      for (const GuestVirtual place : places.values) places.queues.push_back(place + queue->bytes);
    } else {
      KTAPE_TRY(step_all(kernel, memory, action, lists, places));
    }
  }
  return places;
}

}  // namespace ktape
