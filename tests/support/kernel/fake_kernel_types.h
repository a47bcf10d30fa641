// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "tests/support/kernel/fake_kernel.h"

namespace ktape::test {

// BTF of a fake kernel: the members that ktape looks at, placed as no real kernel places them.
[[nodiscard]] std::vector<std::byte> fake_kernel_btf(const FakeKernelShape& shape);

}  // namespace ktape::test
