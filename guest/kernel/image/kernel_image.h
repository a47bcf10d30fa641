// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schema/base/digest.h"
#include "schema/base/page_buffer.h"
#include "schema/base/result.h"

namespace ktape {

// A parsed kernel file: the ELF vmlinux, unpacked if the file is a bzImage.
struct KernelImage {
  bool is_bzimage = false;
  std::string codec;     // of a bzImage's payload: "gzip", "xz", "lz4", "zstd"
  Digest file_digest{};  // SHA-256 of the file
  PageBuffer vmlinux;    // ELF64
};

// kNotFound; or kBadInput, naming what the file is instead or which codec is not supported.
[[nodiscard]] Result<KernelImage> load_kernel_image(const std::string& path);

// The same for the bytes of a file. Takes ownership of them; `name` is for messages. kBadInput.
[[nodiscard]] Result<KernelImage> unpack_kernel_image(PageBuffer file, std::string_view name);

}  // namespace ktape
