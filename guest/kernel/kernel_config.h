// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"

namespace ktape {

// The configuration that a vmlinux holds of itself, as text, where it was built with
// CONFIG_IKCONFIG (kernel/configs.c); nothing where it was not, or where it is damaged.
[[nodiscard]] std::optional<std::vector<std::byte>> config_in(std::span<const std::byte> vmlinux);

// What is known of a kernel whose configuration is not: lines "CONFIG_HZ=250", for BPF programs
// that ask for one of them (__kconfig). Everything else is missing, also what is set; a comment
// says so.
[[nodiscard]] std::string known_config(const KernelKnowledge& kernel);

}  // namespace ktape
