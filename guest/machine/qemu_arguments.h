// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "guest/machine/machine.h"

namespace ktape {

// Descriptors inherited by QEMU, by their numbers in QEMU. They are fixed, so that the arguments on
// the tape are the same for every run.
struct QemuDescriptors {
  static constexpr int kQmp = 3;
  static constexpr int kGdb = 4;
  static constexpr int kConsole = 5;
  static constexpr int kAgent = 6;
  static constexpr int kRam = 7;
};

// The version from QMP's greeting.
struct QemuVersion {
  int major = 0;
  int minor = 0;
  int micro = 0;
  std::string package;  // the distributor's, e.g. "Debian 1:10.0.2+ds-2"; may be empty

  [[nodiscard]] std::string text() const;  // "QEMU 10.0.2 (Debian 1:10.0.2+ds-2)"
};

// The oldest QEMU whose multi-threaded TCG survives a guest that patches its own code.
inline constexpr int kMinTcgMajor = 10;

// kUsage if no such machine can be made: no CPUs or more than 255; CPUs, LLCs or memory that cannot
// be divided evenly; memory below 64 MiB or not a multiple of 1 MiB; no kernel.
[[nodiscard]] Result<void> check_config(const MachineConfig& config);

// kHost if this QEMU is unsafe with the accelerator: TCG before QEMU 10 corrupts guests that patch
// their code, as attaching a scheduler does.
[[nodiscard]] Result<void> check_version(const QemuVersion& version, Accelerator used);

// The arguments after the program's name. The machine starts stopped; QMP `cont` starts it. `used`
// is kKvm or kTcg; `config` must pass `check_config`. `host_is_amd` matters only under KVM. The
// descriptor kRam holds the memory of all NUMA nodes, one after another, in the layout of
// `FlatMemory`.
[[nodiscard]] std::vector<std::string> qemu_arguments(const MachineConfig& config, Accelerator used,
                                                      bool host_is_amd);

}  // namespace ktape
