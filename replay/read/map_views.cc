// SPDX-License-Identifier: Apache-2.0

// The views of BPF maps and of task groups.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "replay/read/kernel_objects.h"
#include "replay/read/view.h"

namespace ktape {

namespace {

constexpr std::string_view kMap = "struct bpf_map";
constexpr std::string_view kGroup = "struct task_group";
constexpr std::string_view kCgroup = "struct cgroup";
constexpr std::string_view kNode = "struct kernfs_node";
// A damaged chain of nested cgroups may be endless.
constexpr size_t kMaxDepth = 256;
constexpr size_t kMaxPathBytes = 4096;  // PATH_MAX

// include/linux/sched.h, scale_load_down(): shares have 10 more bits on 64-bit machines, and 1024
// of them are the weight 100, which is in the range of cpu.weight (kernel/sched/core.c,
// sched_weight_to_cgroup()).
ViewCell weight(KernelObjects& objects, const KernelObject& group) {
  const auto shares = objects.number(group, {"shares"});
  if (!shares.ok()) return ViewCell::of(shares.error());
  // The root has none.
  if (!*shares || **shares == 0) return {};
  constexpr uint64_t kFixedPoint = 1024;
  const uint64_t down = **shares / kFixedPoint;
  const uint64_t scaled = (down * 100 + kFixedPoint / 2) / kFixedPoint;
  return ViewCell::of(std::to_string(std::clamp<uint64_t>(scaled, 1, 10000)));
}

// "max", as in cpu.max: no limit (RUNTIME_INF of kernel/sched/sched.h).
ViewCell quota(KernelObjects& objects, const KernelObject& group) {
  const auto limit = objects.number(group, {"cfs_bandwidth.quota"});
  if (!limit.ok()) return ViewCell::of(limit.error());
  if (!*limit) return {};
  return ViewCell::of(**limit == ~uint64_t{0} ? "max" : std::to_string(**limit));
}

// "/a/b", from the kernfs nodes of the hierarchy; the root's name is empty.
// Of a path that is too long, only its end is read.
Result<ViewCell> path_of(KernelObjects& objects, GuestVirtual node) {
  std::string path;
  std::optional<GuestVirtual> at = node;
  for (size_t depth = 0; at && depth < kMaxDepth && path.size() < kMaxPathBytes; ++depth) {
    const KernelObject of{*at, kNode};
    KTAPE_ASSIGN(const std::string name, objects.pointed_text(of, {"name"}));
    // 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.")
    KTAPE_ASSIGN(at, objects.pointer(of, {"__parent", "parent"}));
    if (at || !name.empty()) path.insert(0, "/" + name);
  }
  if (!at) return ViewCell{path.empty() ? "/" : path, ""};
  return ViewCell{"…" + path, "the path is too long"};
}

void add_group(KernelObjects& objects, GuestVirtual at, ViewTable& table) {
  const KernelObject group{at, kGroup};
  ViewCell path, id;
  const auto cgroup = objects.pointer(group, {"css.cgroup"});
  const auto node = cgroup.ok() && *cgroup ? objects.pointer({**cgroup, kCgroup}, {"kn"}) : cgroup;
  if (!node.ok()) {
    path = id = ViewCell::of(node.error());
  } else if (*node) {
    const Result<ViewCell> text = path_of(objects, **node);
    path = text.ok() ? *text : ViewCell::of(text.error());
    id = objects.cell({**node, kNode}, {"id"});
  } else if (const auto group_id = objects.pointer(group, {"autogroup"});
             group_id.ok() && *group_id) {
    const ViewCell number = objects.cell({**group_id, "struct autogroup"}, {"id"});
    path = ViewCell::of("autogroup " + number.text.value_or("?"));
  }
  table.rows.push_back({std::move(path), std::move(id), weight(objects, group),
                        objects.cell(group, {"scx.weight", "scx_weight"}),
                        objects.cell(group, {"idle"}), quota(objects, group)});
}

}  // namespace

void maps_view(const ViewSource& source, ViewTable& table) {
  KernelObjects objects(source);
  const auto idr = source.kernel.symbol("map_idr");  // kernel/bpf/syscall.c
  if (!idr.ok()) {
    table.lacks("maps", idr.error());
    return;
  }
  for (const GuestVirtual map :
       objects.walk({*idr, "struct idr"}, "{xarray struct bpf_map 65536}", table, "maps")) {
    if (objects.is_spent(table)) return;
    const KernelObject of{map, kMap};
    table.rows.push_back({objects.cell(of, {"id"}), objects.cell(of, {"name"}),
                          objects.cell(of, {"map_type"}), objects.cell(of, {"key_size"}),
                          objects.cell(of, {"value_size"}), objects.cell(of, {"max_entries"})});
  }
}

void cgroups_view(const ViewSource& source, ViewTable& table) {
  KernelObjects objects(source);
  const auto root = source.kernel.symbol("root_task_group");  // kernel/sched/core.c
  if (!root.ok()) {
    table.lacks("cgroups", root.error());
    return;
  }
  // Each before its children. Damaged memory may lead to a group again.
  std::vector<GuestVirtual> waiting = {*root};
  std::set<uint64_t> seen = {root->value};
  while (!waiting.empty() && table.rows.size() < kMaxListEntries) {
    if (objects.is_spent(table)) return;
    const KernelObject group{waiting.back(), kGroup};
    waiting.pop_back();
    add_group(objects, group.at, table);
    const std::vector<GuestVirtual> children =
        objects.walk(group, "children{list struct task_group siblings 65536}", table, "cgroups");
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      if (seen.insert(child->value).second) waiting.push_back(*child);
    }
  }
}

}  // namespace ktape
