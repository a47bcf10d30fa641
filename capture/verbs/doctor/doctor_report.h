// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "guest/machine/host_probe.h"

namespace ktape {

// How this host installs packages, and who asks.
struct HostSystem {
  std::string installer;  // "apt install", "dnf install"; empty: not known
  std::string codename;   // of /etc/os-release: "bookworm"
  bool root = false;      // needs no sudo
};
[[nodiscard]] HostSystem this_system();

// Whether every fact that a capture needs is good.
[[nodiscard]] bool fit_for_capture(const std::vector<HostFact>& facts);

// The one command line that fixes whatever a command can fix; empty if there is nothing.
[[nodiscard]] std::string fixing_command(const std::vector<HostFact>& facts,
                                         const HostSystem& system);

// What `ktape doctor` prints.
[[nodiscard]] std::string doctor_text(const std::vector<HostFact>& facts, const std::string& fix);
[[nodiscard]] std::string doctor_json(const std::vector<HostFact>& facts, const std::string& fix);

}  // namespace ktape
