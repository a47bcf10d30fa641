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
constexpr size_t kMaxDepth = 256;  // of nested cgroups: a damaged chain may be endless

// include/linux/sched.h, scale_load_down(): shares have 10 more bits on 64-bit machines, and 1024
// of them are the weight 100 (kernel/sched/core.c, cpu_weight_read_u64()).
ViewCell weight(KernelObjects& objects, const KernelObject& group) {
  const auto shares = objects.number(group, {"shares"});
  if (!shares.ok()) return ViewCell::of(shares.error());
  // The root has none.
  if (!*shares || **shares == 0) return {};
  constexpr uint64_t kFixedPoint = 1024;
  const uint64_t down = **shares / kFixedPoint;
  return ViewCell::of(std::to_string((down * 100 + kFixedPoint / 2) / kFixedPoint));
}

// "max", as in cpu.max: no limit (RUNTIME_INF of kernel/sched/sched.h).
ViewCell quota(KernelObjects& objects, const KernelObject& group) {
  const auto limit = objects.number(group, {"cfs_bandwidth.quota"});
  if (!limit.ok()) return ViewCell::of(limit.error());
  if (!*limit) return {};
  return ViewCell::of(**limit == ~uint64_t{0} ? "max" : std::to_string(**limit));
}

// "/a/b", from the kernfs nodes of the hierarchy; the root's name is empty.
Result<std::string> path_of(KernelObjects& objects, GuestVirtual node) {
  std::string path;
  std::optional<GuestVirtual> at = node;
  for (size_t depth = 0; at && depth < kMaxDepth; ++depth) {
    const KernelObject of{*at, kNode};
    KTAPE_ASSIGN(const std::string name, objects.pointed_text(of, {"name"}));
    // 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.")
    KTAPE_ASSIGN(at, objects.pointer(of, {"__parent", "parent"}));
    if (at || !name.empty()) path.insert(0, "/" + name);
  }
  return path.empty() ? "/" : path;
}

void add_group(KernelObjects& objects, GuestVirtual at, ViewTable& table) {
  const KernelObject group{at, kGroup};
  ViewCell path, id;
  const auto cgroup = objects.pointer(group, {"css.cgroup"});
  const auto node = cgroup.ok() && *cgroup ? objects.pointer({**cgroup, kCgroup}, {"kn"}) : cgroup;
  if (!node.ok()) {
    path = id = ViewCell::of(node.error());
  } else if (*node) {
    const Result<std::string> text = path_of(objects, **node);
    path = text.ok() ? ViewCell::of(*text) : ViewCell::of(text.error());
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

ViewTable maps_view(const ViewSource& source) {
  ViewTable table{"maps", {"id", "name", "type", "key_size", "value_size", "max_entries"}, {}, {}};
  KernelObjects objects(source);
  const auto idr = source.kernel.symbol("map_idr");  // kernel/bpf/syscall.c
  if (!idr.ok()) {
    table.lacks("maps", idr.error());
    return table;
  }
  for (const GuestVirtual map :
       objects.walk({*idr, "struct idr"}, "{xarray struct bpf_map 65536}", table, "maps")) {
    const KernelObject of{map, kMap};
    table.rows.push_back({objects.cell(of, {"id"}), objects.cell(of, {"name"}),
                          objects.cell(of, {"map_type"}), objects.cell(of, {"key_size"}),
                          objects.cell(of, {"value_size"}), objects.cell(of, {"max_entries"})});
  }
  return table;
}

ViewTable cgroups_view(const ViewSource& source) {
  ViewTable table{"cgroups", {"path", "id", "weight", "scx_weight", "idle", "quota"}, {}, {}};
  KernelObjects objects(source);
  const auto root = source.kernel.symbol("root_task_group");  // kernel/sched/core.c
  if (!root.ok()) {
    table.lacks("cgroups", root.error());
    return table;
  }
  // Each before its children. Damaged memory may lead to a group again.
  std::vector<GuestVirtual> waiting = {*root};
  std::set<uint64_t> seen = {root->value};
  while (!waiting.empty() && table.rows.size() < kMaxListEntries) {
    const KernelObject group{waiting.back(), kGroup};
    waiting.pop_back();
    add_group(objects, group.at, table);
    const std::vector<GuestVirtual> children =
        objects.walk(group, "children{list struct task_group siblings 65536}", table, "cgroups");
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      if (seen.insert(child->value).second) waiting.push_back(*child);
    }
  }
  return table;
}

}  // namespace ktape
