// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/target_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "guest/kernel/sched/walk_memory.h"
#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr std::string_view kIdr = "struct idr";
// A red-black tree of n nodes is at most 2 * log2(n + 1) deep (lib/rbtree.c).
constexpr size_t kMaxTreeDepth = 34;

// The types that a kind of walk needs, and where its pointers are (include/linux/types.h,
// include/linux/llist.h, include/linux/rbtree_types.h).
struct Shape {
  std::string_view head;
  std::string_view first;
  std::string_view link;
  std::string_view next;
};

Shape shape_of(WalkKind kind, const TypeInfo& head) {
  switch (kind) {
    case WalkKind::kHlist: return {"struct hlist_head", "first", "struct hlist_node", "next"};
    case WalkKind::kLlist: return {"struct llist_head", "first", "struct llist_node", "next"};
    case WalkKind::kRbtree:
      if (head.name == "struct rb_root_cached")
        return {"struct rb_root_cached", "rb_root.rb_node", "struct rb_node", "rb_left"};
      return {"struct rb_root", "rb_node", "struct rb_node", "rb_left"};
    case WalkKind::kXarray:
      if (head.name == kIdr) return {kIdr, "idr_rt", "", ""};
      return {"struct xarray", "", "", ""};
    case WalkKind::kRhashtable: return {"struct rhashtable", "", "struct rhash_head", "next"};
    case WalkKind::kList: break;
  }
  return {"struct list_head", "next", "struct list_head", "next"};
}

// include/linux/sched/ext.h: a BPF iterator over a DSQ links its own node into the list.
void find_cursor(const Btf& btf, const ListStep& step, LayoutLog& log, TargetWalk& walk) {
  const size_t dot = step.link.rfind('.');
  if (dot == std::string::npos) return;
  const std::string holder = step.link.substr(0, dot);
  const auto type = btf.field(step.container, holder);
  const auto mask = btf.enumerator("scx_dsq_lnode_flags", "SCX_DSQ_LNODE_ITER_CURSOR");
  if (!type.ok() || type->type.name != "struct scx_dsq_list_node" || !mask) return;
  const auto flags = log.field(step.container, holder + ".flags");
  if (!flags.ok()) return;
  walk.cursor_flags = *flags;
  walk.cursor_mask = *mask;
}

// "the list does not end within 3 entries"
std::string_view word_for(WalkKind kind) {
  switch (kind) {
    case WalkKind::kRbtree: return "tree";
    case WalkKind::kXarray: return "xarray";
    case WalkKind::kRhashtable: return "table";
    default: return "list";
  }
}

// One walk. The memory may be hostile: each step counts against the limit and the budget.
class Walker final : public WalkMemory {
 public:
  Walker(const Kernel& kernel, const GuestMemory& memory, const TargetWalk& walk, Lists lists,
         std::vector<GuestVirtual>& entries, PathBudget& budget)
      : kernel_(kernel),
        memory_(memory),
        walk_(walk),
        lists_(lists),
        entries_(entries),
        budget_(budget) {}

  // The first part that was left out, also of a walk that went on to its end.
  [[nodiscard]] Result<void> run(GuestVirtual head) {
    const Result<void> walked = walk_from(head);
    return skipped_ ? Result<void>(*skipped_) : walked;
  }

 private:
  Result<void> walk_from(GuestVirtual head) {
    switch (walk_.kind) {
      case WalkKind::kList: return list(head);
      case WalkKind::kHlist:
      case WalkKind::kLlist: return chain(head);
      case WalkKind::kRbtree: return tree(head);
      case WalkKind::kXarray: return xarray(head);
      case WalkKind::kRhashtable: return table(head);
    }
    return {};
  }

  // A circle that ends at its head.
  Result<void> list(GuestVirtual head) {
    KTAPE_ASSIGN(uint64_t link, pointer(head + walk_.first_offset));
    for (; link != head.value; ++seen_) {
      KTAPE_TRY(count());
      if (link == 0) return failure(fmt::format("entry {} of the list is NULL", seen_));
      KTAPE_TRY(add(link));
      KTAPE_ASSIGN(link, pointer(GuestVirtual(link) + walk_.next_offset));
    }
    return {};
  }

  // Ends with NULL.
  Result<void> chain(GuestVirtual head) {
    KTAPE_ASSIGN(uint64_t link, pointer(head + walk_.first_offset));
    for (; link != 0; ++seen_) {
      KTAPE_TRY(count());
      KTAPE_TRY(add(link));
      KTAPE_ASSIGN(link, pointer(GuestVirtual(link) + walk_.next_offset));
    }
    return {};
  }

  // From left to right. `above` has the nodes whose left side is being walked.
  Result<void> tree(GuestVirtual root) {
    KTAPE_ASSIGN(uint64_t node, pointer(root + walk_.first_offset));
    std::vector<uint64_t> above;
    while (node != 0 || !above.empty()) {
      KTAPE_TRY(spend(budget_, 1));
      if (node != 0) {
        if (above.size() == kMaxTreeDepth)
          return failure("the tree is too deep: it is damaged, or was being changed");
        const Result<uint64_t> left = pointer(GuestVirtual(node) + walk_.next_offset);
        if (left.ok()) {
          above.push_back(node);
        } else {
          KTAPE_TRY(unreadable(left.error()));
        }
        node = left.ok() ? *left : 0;
        continue;
      }
      node = above.back();
      above.pop_back();
      KTAPE_TRY(count());
      KTAPE_TRY(add(node));
      ++seen_;
      const Result<uint64_t> right = pointer(GuestVirtual(node) + walk_.right_offset);
      if (!right.ok()) KTAPE_TRY(unreadable(right.error()));
      node = right.ok() ? *right : 0;
    }
    return {};
  }

  Result<void> xarray(GuestVirtual head) {
    using Entries = XarrayWalk::Entries;
    // An IDR has no entries of several indexes (lib/radix-tree.c).
    const Entries kind = walk_.is_idr ? Entries::kSingle : Entries::kMulti;
    return walk_.xarray->walk(
        *this, head + walk_.first_offset, kind, [&](uint64_t index, uint64_t entry) {
          return xarray::is_number(entry)
                     ? damaged(fmt::format("entry {} is a number, not a pointer", index))
                     : next(entry);
        });
  }

  Result<void> table(GuestVirtual head) {
    return walk_.table->walk(*this, head, [&](GuestVirtual node) { return next(node.value); });
  }

  // As WalkMemory.
  Result<void> read(GuestVirtual at, std::span<std::byte> out) override {
    const Result<void> paid = spend(budget_, std::max<uint64_t>(1, out.size() / kPointerBytes));
    is_over_ = !paid.ok();
    return is_over_ ? paid : kernel_.read(memory_, at, out);
  }
  Result<void> unreadable(const Error& why) override {
    return is_over_ ? Result<void>(why) : skip(why);
  }
  Result<void> damaged(std::string_view what) override { return skip(failure(what)); }

  // A part that cannot be walked.
  Result<void> skip(const Error& why) {
    if (lists_ == Lists::kWhole) return why;
    if (!skipped_) skipped_ = why;
    return {};
  }

  // The next entry of a structure that others walk.
  Result<void> next(uint64_t link) {
    KTAPE_TRY(count());
    ++seen_;
    return add(link);
  }

  Result<uint64_t> pointer(GuestVirtual at) const {
    return kernel_.read_uint(memory_, at, kPointerBytes);
  }

  Error failure(std::string_view what) const {
    return Error{ErrorCode::kBadInput, fmt::format("'{}': {}", walk_.path, what), ""};
  }

  // Before an entry is added.
  Result<void> count() {
    KTAPE_TRY(spend(budget_, 1));
    if (seen_ < walk_.limit) return {};
    return failure(
        fmt::format("the {} does not end within {} entries", word_for(walk_.kind), walk_.limit));
  }

  Result<void> add(uint64_t link) {
    // container_of().
    const GuestVirtual entry(link - walk_.link_offset);
    uint64_t flags = 0;
    if (walk_.cursor_flags) {
      const FieldInfo& field = *walk_.cursor_flags;
      KTAPE_ASSIGN(flags,
                   kernel_.read_uint(memory_, entry + field.offset_bytes, field.type.size_bytes));
    }
    if ((flags & walk_.cursor_mask) == 0) entries_.push_back(entry);
    return {};
  }

  const Kernel& kernel_;
  const GuestMemory& memory_;
  const TargetWalk& walk_;
  const Lists lists_;
  std::vector<GuestVirtual>& entries_;
  PathBudget& budget_;
  uint32_t seen_ = 0;
  bool is_over_ = false;  // the budget: nothing more is read
  std::optional<Error> skipped_;
};

}  // namespace

Result<void> spend(PathBudget& budget, uint64_t steps) {
  if (steps > budget.steps)
    return Error{ErrorCode::kOutOfRange, "the paths of this request lead to too many places", ""};
  budget.steps -= steps;
  return {};
}

namespace {

Result<FieldInfo> link_of(const ListStep& step, const Shape& shape, const std::string& path,
                          LayoutLog& log) {
  KTAPE_ASSIGN(FieldInfo link, log.field(step.container, step.link));
  if (link.type.name == shape.link) return link;
  return refused(fmt::format("'{}': '{}' of '{}' is a '{}', not a '{}'", path, step.link,
                             step.container, link.type.name, shape.link));
}

// Its entries are pointers to objects, which need no member for it.
Result<TargetWalk> plan_xarray(const Btf& btf, const Shape& shape, TargetWalk walk,
                               LayoutLog& log) {
  KTAPE_ASSIGN(walk.xarray, XarrayWalk::create(btf, log));
  walk.is_idr = shape.head == kIdr;
  if (!walk.is_idr) return walk;
  KTAPE_ASSIGN(const FieldInfo tree, log.field(shape.head, shape.first));
  walk.first_offset = tree.offset_bytes;
  return walk;
}

Result<TargetWalk> plan_links(const Btf& btf, const ListStep& step, const Shape& shape,
                              TargetWalk walk, LayoutLog& log) {
  KTAPE_ASSIGN(const FieldInfo next, log.field(shape.link, shape.next));
  walk.first_offset = next.offset_bytes;
  walk.next_offset = next.offset_bytes;
  if (step.kind == WalkKind::kList) {
    find_cursor(btf, step, log, walk);
    return walk;
  }
  KTAPE_ASSIGN(const FieldInfo first, log.field(shape.head, shape.first));
  walk.first_offset = first.offset_bytes;
  if (step.kind != WalkKind::kRbtree) return walk;
  KTAPE_ASSIGN(const FieldInfo right, log.field(shape.link, "rb_right"));
  walk.right_offset = right.offset_bytes;
  return walk;
}

}  // namespace

Result<TargetWalk> plan_walk(const Btf& btf, const ListStep& step, const TypeInfo& head,
                             std::string path, LayoutLog& log) {
  const Shape shape = shape_of(step.kind, head);
  if (head.name != shape.head) {
    return refused(
        fmt::format("'{}': '{}' is not a '{}': cannot walk it", path, head.name, shape.head));
  }
  if (step.limit > kMaxListEntries) {
    return refused(fmt::format("'{}': a list may have {} entries at most", path, kMaxListEntries));
  }
  TargetWalk walk;
  walk.kind = step.kind;
  walk.limit = step.limit;
  walk.path = path;
  if (step.kind == WalkKind::kXarray) return plan_xarray(btf, shape, std::move(walk), log);
  KTAPE_ASSIGN(const FieldInfo link, link_of(step, shape, path, log));
  walk.link_offset = link.offset_bytes;
  if (step.kind != WalkKind::kRhashtable) return plan_links(btf, step, shape, std::move(walk), log);
  KTAPE_ASSIGN(walk.table, RhashtableWalk::create(log));
  return walk;
}

Result<void> walk_target(const Kernel& kernel, const GuestMemory& memory, GuestVirtual head,
                         const TargetWalk& walk, Lists lists, std::vector<GuestVirtual>& entries,
                         PathBudget& budget) {
  return Walker(kernel, memory, walk, lists, entries, budget).run(head);
}

}  // namespace ktape
