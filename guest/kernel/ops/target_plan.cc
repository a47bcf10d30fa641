// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/target_plan.h"

#include <fmt/format.h>

#include <utility>

#include "guest/kernel/sched/dsq_lock.h"

namespace ktape {

namespace {

constexpr uint64_t kPointerBytes = 8;
// Far above any list of a scheduler; limits the cost of an untrusted path.
constexpr uint32_t kMaxListEntries = 65536;

// Takes `steps` from the budget; an error if there are not enough. Counts list entries as well as
// pointers: a list of lists is impossible, but 1024 entries may each walk a long one.
Result<void> spend(PathBudget& budget, uint64_t steps) {
  if (steps > budget.steps)
    return Error{ErrorCode::kOutOfRange, "the paths of this request lead to too many places", ""};
  budget.steps -= steps;
  return {};
}

Error refused(std::string message, std::string hint = "") {
  return Error{ErrorCode::kRefused, std::move(message), std::move(hint)};
}

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
  Maker(const Btf& btf, const std::string& root_name, LayoutLog& log)
      : btf_(btf), root_name_(root_name), log_(log) {}

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
    if (plan_.walks_list_) return refused(fmt::format("'{}': a path walks one list only", text()));
    if (at_.name != "struct list_head") {
      return refused(
          fmt::format("'{}': '{}' is not a 'struct list_head': cannot walk it", text(), at_.name));
    }
    if (list.limit > kMaxListEntries) {
      return refused(
          fmt::format("'{}': a list may have {} entries at most", text(), kMaxListEntries));
    }
    // The container and link are the scenario's words: the list itself has no type (struct
    // list_head).
    KTAPE_ASSIGN(const TypeInfo entry, btf_.type(list.container));
    KTAPE_ASSIGN(const FieldInfo link, log_.field(list.container, list.link));
    if (link.type.name != "struct list_head") {
      return refused(fmt::format("'{}': '{}' of '{}' is a '{}', not a 'struct list_head'", text(),
                                 list.link, list.container, link.type.name));
    }
    KTAPE_ASSIGN(const FieldInfo next, log_.field("struct list_head", "next"));
    Walk walk{text(), next.offset_bytes, link.offset_bytes, list.limit, std::nullopt, 0};
    find_cursor(list, walk);
    end_object();
    plan_.actions_.emplace_back(std::move(walk));
    plan_.walks_list_ = true;
    // Each entry is another object, with its own lock.
    plan_.follows_pointers_ = true;
    begin_object(entry);
    return {};
  }

  // include/linux/sched/ext.h: a BPF iterator over a DSQ links its own node into the list.
  void find_cursor(const ListStep& list, Walk& walk) {
    const size_t dot = list.link.rfind('.');
    if (dot == std::string::npos) return;
    const std::string holder = list.link.substr(0, dot);
    const auto type = btf_.field(list.container, holder);
    const auto mask = btf_.enumerator("scx_dsq_lnode_flags", "SCX_DSQ_LNODE_ITER_CURSOR");
    if (!type.ok() || type->type.name != "struct scx_dsq_list_node" || !mask) return;
    const auto flags = log_.field(list.container, holder + ".flags");
    if (!flags.ok()) return;
    walk.cursor_flags = *flags;
    walk.cursor_mask = *mask;
  }

  const Btf& btf_;
  const std::string& root_name_;
  LayoutLog& log_;
  TargetPlan plan_;
  std::vector<PathStep> taken_;   // all steps so far, for messages
  std::vector<PathStep> within_;  // those in the current object
  TypeInfo object_, at_;
  uint64_t offset_ = 0;
};

Result<TargetPlan> TargetPlan::make(const Btf& btf, const std::optional<TypeInfo>& root,
                                    const std::string& root_name, const std::vector<PathStep>& path,
                                    LayoutLog& log) {
  return Maker(btf, root_name, log).make(root, path);
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

Result<void> TargetPlan::walk(const Kernel& kernel, const GuestMemory& memory, GuestVirtual head,
                              const Walk& walk, std::vector<GuestVirtual>& entries,
                              PathBudget& budget) const {
  KTAPE_ASSIGN(uint64_t link, kernel.read_uint(memory, head + walk.next_offset, kPointerBytes));
  // The limit comes with the path: a list that is being changed, or a hostile one, may never come
  // back to its head.
  for (uint32_t seen = 0; link != head.value; ++seen) {
    KTAPE_TRY(spend(budget, 1));
    if (seen == walk.limit) {
      return Error{
          ErrorCode::kBadInput,
          fmt::format("'{}': the list does not end within {} entries", walk.path, walk.limit), ""};
    }
    if (link == 0) {
      return Error{ErrorCode::kBadInput,
                   fmt::format("'{}': entry {} of the list is NULL", walk.path, seen), ""};
    }
    // container_of().
    const GuestVirtual entry(link - walk.link_offset);
    uint64_t flags = 0;
    if (walk.cursor_flags) {
      KTAPE_ASSIGN(flags, kernel.read_uint(memory, entry + walk.cursor_flags->offset_bytes,
                                           walk.cursor_flags->type.size_bytes));
    }
    // A cursor is not a task: reading it as one would give nonsense.
    if ((flags & walk.cursor_mask) == 0) entries.push_back(entry);
    KTAPE_ASSIGN(link,
                 kernel.read_uint(memory, GuestVirtual(link) + walk.next_offset, kPointerBytes));
  }
  return {};
}

Result<TargetPlan::Places> TargetPlan::run(const Kernel& kernel, const GuestMemory& memory,
                                           GuestVirtual root, Lists lists,
                                           PathBudget& budget) const {
  Places places{{root}, {}, std::nullopt};
  for (const Action& action : actions_) {
    if (const auto* list = std::get_if<Walk>(&action)) {
      std::vector<GuestVirtual> entries;
      // With kAsFarAsTheyGo a first entry that cannot be read is still an error: an empty answer
      // would look like an empty list.
      const Result<void> walked = walk(kernel, memory, places.values[0], *list, entries, budget);
      if (!walked.ok() && (lists == Lists::kWhole || entries.empty())) return walked.error();
      if (!walked.ok()) places.broke_off = walked.error();
      places.values = std::move(entries);
      continue;
    }
    KTAPE_TRY(spend(budget, places.values.size()));
    for (GuestVirtual& place : places.values) {
      if (const auto* queue = std::get_if<Queue>(&action)) {
        places.queues.push_back(place + queue->bytes);
      } else {
        KTAPE_ASSIGN(place, step(kernel, memory, place, action));
      }
    }
  }
  return places;
}

}  // namespace ktape
