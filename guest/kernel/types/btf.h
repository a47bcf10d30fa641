// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

enum class TypeKind { kVoid, kInteger, kEnum, kPointer, kStruct, kUnion, kArray, kOther };

// A BTF type without typedefs and qualifiers.
struct TypeInfo {
  uint32_t id = 0;  // 0 also for a pointer that BTF itself may lack (op_plan.h)
  TypeKind kind = TypeKind::kVoid;
  std::string name;  // as declared: "u64", "struct task_struct"; typedef names are kept
  uint64_t size_bytes = 0;
  uint32_t target_id = 0;  // pointer: its target; array: its element
  uint64_t elements = 0;   // array
};

// A member found by a path of names without dereferences.
struct FieldInfo {
  uint64_t offset_bytes = 0;  // from the start of the type asked about
  TypeInfo type;
};

// A member as declared; may be anonymous, or a bit-field.
struct MemberInfo {
  std::string name;  // empty: anonymous
  uint32_t type_id = 0;
  uint64_t bit_offset = 0;  // from the start of its struct or union
  uint32_t bits = 0;        // of a bit-field; 0: a regular member
};

struct IntegerInfo {
  bool is_signed = false;
  bool is_character = false;
  bool is_bool = false;
};

// The types of one kernel. Safe for untrusted BTF, too: whatever the bytes are, memory, time and
// depth of each call are bounded, and an error says what is wrong with them. Names are looked up by
// hash; members are searched in their order, so resolve fields once and keep the result. Caches
// fields by path, so use it from one thread at a time.
class Btf {
 public:
  // kBadInput says why the bytes are not usable. Copies them.
  [[nodiscard]] static Result<std::unique_ptr<Btf>> parse(std::span<const std::byte> raw);
  ~Btf();

  // Number of types; ids start at 0, which is void.
  [[nodiscard]] uint32_t types() const;
  // Takes "struct rq", "union x", "enum y", or the bare name of a typedef or base type. kNotFound
  // names the nearest.
  [[nodiscard]] Result<TypeInfo> type(std::string_view name) const;
  [[nodiscard]] Result<TypeInfo> type(uint32_t id) const;
  // A member of a struct or union, including members of anonymous members. kNotFound names the
  // nearest existing members; kRefused, with its name, for a bit-field.
  [[nodiscard]] Result<FieldInfo> member(uint32_t type_id, std::string_view name) const;
  // All members of a struct or union, in declaration order. kNotFound for another type.
  [[nodiscard]] Result<std::vector<MemberInfo>> members(uint32_t type_id) const;
  // kNotFound if the type is not an integer.
  [[nodiscard]] Result<IntegerInfo> integer(uint32_t type_id) const;
  // Element of an array; kOutOfRange if the array has a length and `index` is beyond it.
  [[nodiscard]] Result<FieldInfo> element(const TypeInfo& array, uint64_t index) const;
  // "scx.dsq_vtime" in "struct task_struct": members and [i] only. Cached.
  [[nodiscard]] Result<FieldInfo> field(std::string_view type_name, std::string_view path) const;
  [[nodiscard]] bool has_field(std::string_view type_name, std::string_view path) const;
  // Type of a per-CPU variable, e.g. "runqueues"; kNotFound for ordinary globals, which BTF does
  // not contain.
  [[nodiscard]] Result<TypeInfo> variable(std::string_view name) const;
  [[nodiscard]] bool has_variable(std::string_view name) const;
  // Value of an enumerator, e.g. ("scx_task_state", "SCX_TASK_ENABLED"); searches enum and enum64.
  [[nodiscard]] std::optional<uint64_t> enumerator(std::string_view enum_name,
                                                   std::string_view name) const;
  [[nodiscard]] std::optional<std::string> enumerator_name(std::string_view enum_name,
                                                           uint64_t value) const;
  // The same for one enum, which may be anonymous; uses as many bytes of `value` as the enum has.
  [[nodiscard]] std::optional<std::string> enumerator_name(uint32_t type_id, uint64_t value) const;

 private:
  [[nodiscard]] Result<FieldInfo> find_field(std::string_view type_name,
                                             std::string_view path) const;

  struct Impl;
  explicit Btf(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
