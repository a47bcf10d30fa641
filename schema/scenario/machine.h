// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/scenario.capnp.h"

namespace ktape {

inline constexpr uint32_t kMaxCpus = 64;
inline constexpr uint32_t kMinMemoryMb = 128;
inline constexpr uint32_t kMaxMemoryMb = 1u << 20;

// CPUs and their topology; 0 means "the default", as in the schema.
struct MachineShape {
  uint32_t cpus = 0;
  uint32_t sockets = 0;
  uint32_t cores = 0;
  uint32_t threads = 0;
  uint32_t llcs = 0;
  uint32_t numa_nodes = 0;
  bool operator==(const MachineShape&) const = default;
};

// What replaces parts of a scenario's machine. A shape replaces the scenario's whole shape: two
// halves would contradict each other.
struct MachineOverride {
  std::optional<MachineShape> shape;
  std::optional<uint32_t> memory_mb;
  bool operator==(const MachineOverride&) const = default;

  // Whether it overrides this field of MachineSpec.
  [[nodiscard]] bool decides(std::string_view field) const;
};

void apply_override(const MachineOverride& from, schema::MachineSpec::Builder machine);

// Fills in the defaults that the schema names. `cores` stays 0 if no number of them would fit.
void complete_machine(schema::MachineSpec::Builder machine);

struct MachineProblem {
  std::string_view field;  // of MachineSpec
  std::string sentence;
  std::string hint;
};

// Why such a machine cannot exist; `machine` is a completed one.
[[nodiscard]] std::optional<MachineProblem> find_machine_problem(
    schema::MachineSpec::Reader machine);

}  // namespace ktape
