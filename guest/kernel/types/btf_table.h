// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// include/uapi/linux/btf.h, BTF_KIND_*.
enum class BtfKind : uint8_t {
  kVoid = 0,
  kInteger = 1,
  kPointer = 2,
  kArray = 3,
  kStruct = 4,
  kUnion = 5,
  kEnum = 6,
  kForward = 7,
  kTypedef = 8,
  kVolatile = 9,
  kConst = 10,
  kRestrict = 11,
  kFunction = 12,
  kFunctionProto = 13,
  kVariable = 14,
  kDataSection = 15,
  kFloat = 16,
  kDeclTag = 17,
  kTypeTag = 18,
  kEnum64 = 19,
};

// One type as encoded in BTF.
struct BtfType {
  BtfKind kind = BtfKind::kVoid;
  // Forward: it is a union; enum: signed; struct and union: members may have bit sizes.
  bool flag = false;
  uint32_t count = 0;     // members, enumerators, parameters
  uint32_t name = 0;      // offset in the strings; 0: none
  uint32_t size = 0;      // bytes; integer, enum, float, struct, union
  uint32_t target = 0;    // id; pointer, typedef, qualifier, variable, function
  size_t first_item = 0;  // where its items begin
};

struct BtfMember {
  uint32_t name = 0;  // 0: anonymous
  uint32_t type = 0;
  uint32_t bit_offset = 0;
  uint32_t bits = 0;  // 0: not declared as a bit-field
};

struct BtfParameter {
  uint32_t name = 0;  // 0: none
  uint32_t type = 0;  // 0: the last one of a variadic function
};

struct BtfArray {
  uint32_t element = 0;
  uint32_t count = 0;
};

struct BtfInteger {
  bool is_signed = false;
  bool is_character = false;
  bool is_bool = false;
  uint32_t bits = 0;  // used bits; fewer than its bytes have in old bit-fields
};

struct BtfEnumerator {
  uint32_t name = 0;
  uint64_t value = 0;  // sign-extended
};

// Raw BTF (Documentation/bpf/btf.rst), checked once and then safe to use: every id and name in it
// is valid. The meaning of types is not checked: chains of them may be circular.
class BtfTable {
 public:
  // kBadInput says what is wrong, with the type's id. Takes time proportional to the bytes. Copies
  // them.
  [[nodiscard]] static Result<BtfTable> parse(std::span<const std::byte> raw);

  // Ids are 0 (void) to size() - 1.
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(offsets_.size()); }
  [[nodiscard]] bool contains(uint32_t id) const { return id < size(); }
  // Aborts the program if the id is out of range; ids found in types never are.
  [[nodiscard]] BtfType type(uint32_t id) const;
  // At most kMaxNameBytes. Valid as long as the table.
  [[nodiscard]] std::string_view text(uint32_t name) const;
  // All of them, each with its NUL; a name is an offset in it. Valid as long as the table.
  [[nodiscard]] std::string_view strings() const;

  // `index` must be below the type's count, and the type of the right kind.
  [[nodiscard]] BtfMember member(const BtfType& composite, uint32_t index) const;
  [[nodiscard]] BtfParameter parameter(const BtfType& prototype, uint32_t index) const;
  [[nodiscard]] BtfEnumerator enumerator(const BtfType& enumeration, uint32_t index) const;
  [[nodiscard]] BtfArray array(const BtfType& array) const;
  [[nodiscard]] BtfInteger integer(const BtfType& integer) const;

  // Longer strings are refused, so that no comparison of names takes long. The kernel's own limit
  // is KSYM_NAME_LEN, 512.
  static constexpr size_t kMaxNameBytes = 2048;

 private:
  class Parser;
  BtfTable() = default;

  std::vector<std::byte> bytes_;
  std::vector<uint32_t> offsets_;  // of each type within bytes_; unused for void
  uint32_t strings_ = 0;           // where they begin within bytes_
  uint32_t strings_bytes_ = 0;
};

}  // namespace ktape
