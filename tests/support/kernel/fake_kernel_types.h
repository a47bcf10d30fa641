// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "tests/support/kernel/fake_kernel.h"

namespace ktape::test {

// BTF of a fake kernel: the members that ktape reads, at offsets that no real kernel has.
[[nodiscard]] std::vector<std::byte> fake_kernel_btf(const FakeKernelShape& shape);

}  // namespace ktape::test
