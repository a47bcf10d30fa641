// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "guest/kernel/ops/op.h"
#include "guest/kernel/types/btf.h"
#include "schema/base/result.h"

namespace ktape {

// How many bytes an op reads or writes, and how they are shown.
struct OpWidth {
  schema::ValueKind kind = schema::ValueKind::BYTES;  // u8 to u64, bytes or whole
  uint32_t bytes = 0;
  bool checked = false;  // compared with BTF's width
};

// Compares the width requested by an op with the type that its path reaches (nothing: unknown
// type). For a typed target they must be equal, except that `bytes` may ask for less; `auto` and
// `whole` need a type. kRefused names both.
[[nodiscard]] Result<OpWidth> width_of(const Op& op, const std::optional<TypeInfo>& type);

}  // namespace ktape
