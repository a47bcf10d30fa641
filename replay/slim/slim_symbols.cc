// SPDX-License-Identifier: Apache-2.0
#include "replay/slim/slim_symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <vector>

namespace ktape {

namespace {

// What guest/kernel looks up by name for any request, and variables that are worth a question.
constexpr std::array<std::string_view, 50> kNames = {
    // Adoption, restoring, address translation.
    "_text", "_etext", "_sdata", "_edata", "_end", "__per_cpu_start", "__per_cpu_end",
    "__per_cpu_offset", "linux_banner", "phys_base", "init_top_pgt", "page_offset_base",
    "vmalloc_base", "vmemmap_base", "nr_cpu_ids", "nr_node_ids", "this_cpu_off",
    "preempt_dynamic_mode", "vmcoreinfo_data", "vmcoreinfo_size",
    // Tasks, runqueues, gates, evidence.
    "init_task", "init_pid_ns", "nr_threads", "runqueues", "current_task", "__preempt_count",
    "pcpu_hot", "cpu_number", "root_task_group", "init_css_set", "def_root_domain",
    "sched_domains_numa_levels", "tasklist_lock", "total_forks", "sysctl_sched_features",
    "kernel_cpustat",
    // Queues, maps.
    "global_dsqs", "dsq_hash", "map_idr", "prog_idr",
    // Time, masks.
    "jiffies", "jiffies_64", "tick_cpu_device", "__cpu_possible_mask", "__cpu_present_mask",
    "__cpu_online_mask", "__cpu_active_mask", "__num_online_cpus", "panic_cpu", "crash_notes"};

bool is_common(std::string_view name) {
  return name.starts_with("scx_") || name.starts_with("__scx_") || name.ends_with("_sched_class") ||
         std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace

Result<SymbolTable> slim_symbols(const SymbolTable& symbols, const SymbolRoots& roots) {
  const auto address_of = [](const SymbolTable::Symbol& symbol) { return symbol.address; };
  // All symbols at one address are kept or left out together: the first of them names it.
  std::set<uint64_t> kept;
  for (const SymbolTable::Symbol& symbol : symbols.symbols()) {
    if (is_common(symbol.name) || roots.names.contains(symbol.name)) kept.insert(symbol.address);
  }
  for (const uint64_t address : roots.addresses) {
    // The symbol that describe() would name for this address.
    const auto above = std::ranges::upper_bound(symbols.symbols(), address, {}, address_of);
    if (above != symbols.symbols().begin()) kept.insert(std::prev(above)->address);
  }
  std::string text;
  bool gap = false;  // the symbols before were left out, which has to be marked
  for (const auto& [address, type, name] : symbols.symbols()) {
    if (kept.contains(address)) {
      text += fmt::format("{:016x} {} {}\n", address, type, name);
      gap = false;
    } else if (!gap) {
      // One mark per gap is enough: the next symbol ends it.
      text += fmt::format("{:016x} ? {}\n", address, kLeftOutSymbol);
      gap = true;
    }
  }
  return SymbolTable::from_text(text);
}

}  // namespace ktape
