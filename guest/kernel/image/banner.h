// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Parts of a kernel's banner (`linux_banner`, init/version-timestamp.c); empty if not found.

// "6.16.12+deb13-cloud-amd64" from "Linux version 6.16.12+deb13-cloud-amd64 (...)".
[[nodiscard]] std::string release_in(std::string_view banner);

// "PREEMPT_DYNAMIC" from "... #1 SMP PREEMPT_DYNAMIC Debian ...".
[[nodiscard]] std::string preemption_in(std::string_view banner);

}  // namespace ktape
