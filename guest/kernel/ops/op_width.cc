// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_width.h"

#include <fmt/format.h>

namespace ktape {

namespace {

uint32_t bytes_of(schema::ValueKind kind) {
  switch (kind) {
    case schema::ValueKind::U8: return 1;
    case schema::ValueKind::U16: return 2;
    case schema::ValueKind::U32: return 4;
    case schema::ValueKind::U64: return 8;
    default: return 0;
  }
}

// Structs, unions and arrays have no value of their own: they are kept as bytes and decoded when
// shown.
schema::ValueKind scalar_kind(const TypeInfo& type) {
  const bool scalar = type.kind == TypeKind::kInteger || type.kind == TypeKind::kEnum ||
                      type.kind == TypeKind::kPointer;
  if (scalar && type.size_bytes == 1) return schema::ValueKind::U8;
  if (scalar && type.size_bytes == 2) return schema::ValueKind::U16;
  if (scalar && type.size_bytes == 4) return schema::ValueKind::U32;
  if (scalar && type.size_bytes == 8) return schema::ValueKind::U64;
  return schema::ValueKind::WHOLE;
}

// The size of the whole object as a width.
Result<OpWidth> whole(const TypeInfo& type, schema::ValueKind kind) {
  // An incomplete type, a function or a flexible array.
  if (type.size_bytes == 0)
    return refused(fmt::format("'{}' has no size of its own", type.name),
                   "ask for bytes, with a length");
  if (type.size_bytes > kMaxValueBytes) {
    return refused(fmt::format("'{}' has {} bytes, and {} is the most that a value may have",
                               type.name, type.size_bytes, kMaxValueBytes));
  }
  return OpWidth{kind, static_cast<uint32_t>(type.size_bytes), true};
}

Result<OpWidth> run_of_bytes(uint64_t length, const std::optional<TypeInfo>& type) {
  if (length == 0) return refused("a value of bytes needs a length");
  if (length > kMaxValueBytes) {
    return refused(fmt::format("{} bytes were asked, and {} is the most that a value may have",
                               length, kMaxValueBytes));
  }
  // An object without a size, such as an array at the end of its struct, extends as far as it was
  // allocated.
  const bool sized = type && type->size_bytes != 0;
  if (sized && length > type->size_bytes) {
    return refused(
        fmt::format("{} bytes were asked, and '{}' has {}", length, type->name, type->size_bytes));
  }
  return OpWidth{schema::ValueKind::BYTES, static_cast<uint32_t>(length), sized};
}

Result<OpWidth> fixed(schema::ValueKind kind, const std::optional<TypeInfo>& type) {
  const uint32_t bytes = bytes_of(kind);
  if (!type) return OpWidth{kind, bytes, false};
  if (type->size_bytes != bytes) {
    return refused(fmt::format("u{} was asked, and '{}' has {} {}", bytes * 8, type->name,
                               type->size_bytes, type->size_bytes == 1 ? "byte" : "bytes"));
  }
  return OpWidth{kind, bytes, true};
}

Result<OpWidth> asked(schema::ValueKind kind, uint64_t length,
                      const std::optional<TypeInfo>& type) {
  switch (kind) {
    case schema::ValueKind::AUTO:
    case schema::ValueKind::WHOLE:
      if (!type)
        return refused("this target has no type in BTF", "ask for u8, u16, u32, u64 or bytes");
      return whole(*type, kind == schema::ValueKind::AUTO ? scalar_kind(*type) : kind);
    case schema::ValueKind::BYTES: return run_of_bytes(length, type);
    case schema::ValueKind::U8:
    case schema::ValueKind::U16:
    case schema::ValueKind::U32:
    case schema::ValueKind::U64: return fixed(kind, type);
  }
  return refused("a value of a kind that this ktape does not know");
}

}  // namespace

Result<OpWidth> width_of(const Op& op, const std::optional<TypeInfo>& type) {
  if (const auto* read = std::get_if<ReadAction>(&op.action))
    return asked(read->kind, read->length, type);
  // A write goes through the same comparison as a read of the same kind.
  const OpValue& value = std::get<WriteAction>(op.action).value;
  KTAPE_ASSIGN(const OpWidth width, asked(value.kind, value.bytes.size(), type));
  if (width.bytes != value.bytes.size()) {
    return refused(
        fmt::format("{} bytes were given for a value of {}", value.bytes.size(), width.bytes));
  }
  return width;
}

}  // namespace ktape
