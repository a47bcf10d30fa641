// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"

namespace ktape {

// The kernel configuration embedded in a vmlinux, as text, if built with CONFIG_IKCONFIG
// (kernel/configs.c); nothing if not, or if it is damaged.
[[nodiscard]] std::optional<std::vector<std::byte>> config_in(std::span<const std::byte> vmlinux);

// What is known about the configuration of a kernel without CONFIG_IKCONFIG: lines "CONFIG_HZ=250",
// for BPF programs that read one of them (__kconfig). All other options are missing, even if set; a
// comment in the text says so.
[[nodiscard]] std::string known_config(const KernelKnowledge& kernel);

}  // namespace ktape
