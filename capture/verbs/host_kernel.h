// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

// The release of the kernel that this host runs: "6.1.0-30-amd64".
[[nodiscard]] std::string host_release();

// "/boot/vmlinuz-RELEASE"; tests set another folder with KTAPE_BOOT_FOLDER.
[[nodiscard]] std::string boot_image(const std::string& release);

// The image that a kernel's source tree or build folder has: arch/x86/boot/bzImage, or else
// vmlinux. kNotFound says what is missing; the hint is how to build it.
[[nodiscard]] Result<std::string> image_in_tree(const std::string& folder);

// kHost if this user may not read the image; the hint is the command that permits it. Nothing is
// wrong with an image that does not exist.
[[nodiscard]] Result<void> check_readable(const std::string& image);

}  // namespace ktape
