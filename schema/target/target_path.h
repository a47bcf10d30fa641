// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/result.h"
#include "schema/op.capnp.h"

namespace ktape {

// The largest size of one value: a request or a reply has to fit into one message, with room for
// other values.
inline constexpr uint32_t kMaxValueBytes = 64u << 10;

// The steps of a target path, as plain values; schema/op.capnp describes each.
struct MemberStep {
  std::string name;
  bool operator==(const MemberStep&) const = default;
};
struct DerefStep {
  bool operator==(const DerefStep&) const = default;
};
struct IndexStep {
  uint64_t index = 0;
  bool operator==(const IndexStep&) const = default;
};
struct CpuStep {
  uint32_t cpu = 0;
  bool operator==(const CpuStep&) const = default;
};
enum class WalkKind { kList, kHlist, kLlist, kRbtree, kXarray, kRhashtable };
struct ListStep {
  std::string container;
  std::string link;  // of an xarray: empty
  uint32_t limit = 0;
  WalkKind kind = WalkKind::kList;
  bool operator==(const ListStep&) const = default;
};
using PathStep = std::variant<MemberStep, DerefStep, IndexStep, CpuStep, ListStep>;

// Parses a path as written: members joined by '.', '->' follows a pointer, '[i]' indexes,
// '{cpu N}' takes a CPU's instance of a per-CPU pointer, '{list TYPE LINK LIMIT}' walks a list;
// 'hlist', 'llist', 'rbtree' and 'rhashtable' likewise; '{xarray TYPE LIMIT}' has no link.
// kUsage names the column and what was expected there.
[[nodiscard]] Result<std::vector<PathStep>> parse_target_path(std::string_view text);

// The inverse: text that parses to the same steps.
[[nodiscard]] std::string target_path_text(const std::vector<PathStep>& steps);

void write_steps(const std::vector<PathStep>& steps, schema::Target::Builder target);
[[nodiscard]] Result<std::vector<PathStep>> read_steps(schema::Target::Reader target);

// "task 'sleeper' scx.dsq_vtime", "runqueues[cpu 0].nr_running": a target on one line, for people.
[[nodiscard]] std::string target_text(schema::Target::Reader target);

// Characters of a number, and of a name in a path.
[[nodiscard]] bool is_digit(char c);
[[nodiscard]] bool is_name_part(char c);

}  // namespace ktape
