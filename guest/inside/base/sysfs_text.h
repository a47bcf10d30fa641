// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The numbers in a kernel CPU list ("0-3,8"), in ascending order as listed. kBadInput for anything
// else, and for more than 65,536 numbers.
[[nodiscard]] Result<std::vector<uint32_t>> list_cpus(std::string_view text);

struct Vmcoreinfo {
  uint64_t address = 0;  // guest-physical
  uint64_t bytes = 0;
};

// The line of /sys/kernel/vmcoreinfo: a physical address and a size, both hexadecimal.
[[nodiscard]] Result<Vmcoreinfo> parse_vmcoreinfo(std::string_view text);

// One virtio-serial port: its folder in /sys/class/virtio-ports and the contents of its `name`.
struct VirtioPort {
  std::string device;  // "vport1p1", also its name in /dev
  std::string name;
};

// The device of the port with this name. A port without a name has an empty `name` and never
// matches.
[[nodiscard]] std::optional<std::string> find_port(const std::vector<VirtioPort>& ports,
                                                   std::string_view name);

// Without spaces, tabs and line ends at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace ktape
