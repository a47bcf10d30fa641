// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/btf.h"

#include <limits>
#include <unordered_map>
#include <utility>

#include "guest/kernel/types/btf_names.h"
#include "guest/kernel/types/btf_table.h"
#include "guest/kernel/types/sizes.h"
#include "schema/base/nearest.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

// Chains of qualifiers, nested anonymous members and derived types are much shorter than this; a
// loop in damaged BTF is not.
constexpr int kMaxDepth = 32;
// Members that one lookup may visit: nested anonymous ones multiply.
constexpr uint32_t kMaxMembersSeen = 1u << 18;

bool is_modifier(BtfKind kind) {
  switch (kind) {
    case BtfKind::kTypedef:
    case BtfKind::kVolatile:
    case BtfKind::kConst:
    case BtfKind::kRestrict:
    case BtfKind::kTypeTag: return true;
    default: return false;
  }
}

bool is_composite(const BtfType& type) {
  return type.kind == BtfKind::kStruct || type.kind == BtfKind::kUnion;
}

TypeKind kind_of(const BtfType& type) {
  switch (type.kind) {
    case BtfKind::kVoid: return TypeKind::kVoid;
    case BtfKind::kInteger: return TypeKind::kInteger;
    case BtfKind::kEnum:
    case BtfKind::kEnum64: return TypeKind::kEnum;
    case BtfKind::kPointer: return TypeKind::kPointer;
    case BtfKind::kStruct: return TypeKind::kStruct;
    case BtfKind::kUnion: return TypeKind::kUnion;
    case BtfKind::kArray: return TypeKind::kArray;
    default: return TypeKind::kOther;
  }
}

Error bad_type(uint32_t id, std::string_view why) {
  return Error{ErrorCode::kBadInput, "BTF type " + std::to_string(id) + " " + std::string(why), ""};
}

}  // namespace

struct Btf::Impl {
  explicit Impl(BtfTable parsed) : table(std::move(parsed)) { index(); }

  BtfTable table;
  BtfNames structs, unions, enums, others, variables;
  mutable std::unordered_map<std::string, Result<FieldInfo>> fields;

  std::string_view text(uint32_t name) const { return table.text(name); }

  void index();
  void index_type(uint32_t id, const BtfType& type);
  uint32_t defined(uint32_t id, const BtfType& type) const;
  Result<uint32_t> resolve(uint32_t id) const;
  std::string name(uint32_t id, int depth) const;
  Result<TypeInfo> info(uint32_t id, int depth) const;
  Result<void> array_info(const BtfType& type, int depth, TypeInfo& to) const;
  Result<std::optional<FieldInfo>> find_member(uint32_t id, std::string_view wanted, int depth,
                                               uint32_t& seen) const;
  Result<FieldInfo> member_info(const BtfType& owner, const BtfMember& member,
                                std::string_view wanted) const;
  void member_names(uint32_t id, int depth, uint32_t& seen, std::vector<std::string>& to) const;
  Result<FieldInfo> element(const TypeInfo& array, uint64_t index) const;
  std::pair<const BtfNames*, std::string_view> split(std::string_view type_name) const;
  std::optional<uint32_t> find_type(std::string_view name) const;
  Error no_type(std::string_view name) const;
  std::vector<BtfEnumerator> enumerators(std::string_view enum_name) const;
};

void Btf::Impl::index_type(uint32_t id, const BtfType& type) {
  switch (type.kind) {
    case BtfKind::kStruct: structs.add(text(type.name), id); break;
    case BtfKind::kUnion: unions.add(text(type.name), id); break;
    case BtfKind::kVariable: variables.add(text(type.name), id); break;
    case BtfKind::kEnum:
    case BtfKind::kEnum64: enums.add(text(type.name), id); break;
    case BtfKind::kInteger:
    case BtfKind::kFloat:
    case BtfKind::kTypedef: others.add(text(type.name), id); break;
    default: break;
  }
}

void Btf::Impl::index() {
  for (uint32_t id = 1; id < table.size(); ++id) index_type(id, table.type(id));
  for (BtfNames* names : {&structs, &unions, &enums, &others, &variables}) names->finish();
}

// A forward declaration is replaced by the struct or union with that name, if there is one.
// Deduplication leaves some references to a declaration although the definition is in the same BTF.
uint32_t Btf::Impl::defined(uint32_t id, const BtfType& type) const {
  if (type.kind != BtfKind::kForward) return id;
  return (type.flag ? unions : structs).first(table, text(type.name)).value_or(id);
}

Result<uint32_t> Btf::Impl::resolve(uint32_t id) const {
  // Ids inside the table were checked when it was parsed; this is for ids from callers.
  if (!table.contains(id)) return bad_type(id, "does not exist");
  uint32_t at = id;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const BtfType type = table.type(at);
    if (!is_modifier(type.kind)) return defined(at, type);
    at = type.target;
  }
  return bad_type(id, "is a chain of typedefs without an end");
}

std::string Btf::Impl::name(uint32_t id, int depth) const {
  // Recursion through pointers to arrays of pointers; a loop in damaged BTF ends here, as "?".
  if (depth > kMaxDepth) return "?";
  const BtfType type = table.type(id);
  std::string named = type.name == 0 ? "(anonymous)" : std::string(text(type.name));
  switch (type.kind) {
    case BtfKind::kVoid: return "void";
    case BtfKind::kStruct: return "struct " + named;
    case BtfKind::kUnion: return "union " + named;
    case BtfKind::kForward: return (type.flag ? "union " : "struct ") + named;
    case BtfKind::kEnum:
    case BtfKind::kEnum64: return "enum " + named;
    case BtfKind::kConst:
    case BtfKind::kVolatile:
    case BtfKind::kRestrict:
    // Qualifiers are not a part of the name: two kernels that differ in a `const` have the same
    // layout.
    case BtfKind::kTypeTag: return name(type.target, depth + 1);
    case BtfKind::kFunctionProto: return "function";
    case BtfKind::kArray: {
      const BtfArray array = table.array(type);
      return name(array.element, depth + 1) + "[" + std::to_string(array.count) + "]";
    }
    case BtfKind::kPointer: {
      const std::string target = name(type.target, depth + 1);
      return target + (target.ends_with('*') ? "*" : " *");
    }
    default: return named;
  }
}

Result<void> Btf::Impl::array_info(const BtfType& type, int depth, TypeInfo& to) const {
  const BtfArray array = table.array(type);
  KTAPE_ASSIGN(const TypeInfo element, info(array.element, depth + 1));
  to.target_id = array.element;
  to.elements = array.count;
  // Limits offsets to 32 bits, so that sums of a few of them cannot wrap around.
  if (element.size_bytes != 0 &&
      to.elements > std::numeric_limits<uint32_t>::max() / element.size_bytes) {
    return bad_type(to.id, "is an array of more than 4 GiB");
  }
  to.size_bytes = to.elements * element.size_bytes;
  return {};
}

Result<TypeInfo> Btf::Impl::info(uint32_t id, int depth) const {
  if (depth > kMaxDepth) return bad_type(id, "is nested too deeply");
  KTAPE_ASSIGN(const uint32_t resolved, resolve(id));
  const BtfType type = table.type(resolved);
  // Of the resolved type, but named as declared: "u64" is more useful than "unsigned long long".
  TypeInfo to;
  to.id = resolved;
  to.kind = kind_of(type);
  to.name = name(id, 0);
  to.size_bytes = type.size;
  if (type.kind == BtfKind::kPointer) {
    to.size_bytes = kPointerBytes;
    to.target_id = type.target;
  }
  if (type.kind == BtfKind::kArray) KTAPE_TRY(array_info(type, depth, to));
  return to;
}

Result<FieldInfo> Btf::Impl::member_info(const BtfType& owner, const BtfMember& member,
                                         std::string_view wanted) const {
  KTAPE_ASSIGN(TypeInfo type, info(member.type, 0));
  const BtfType raw_type = table.type(type.id);
  const bool narrow_integer =
      raw_type.kind == BtfKind::kInteger && table.integer(raw_type).bits != type.size_bytes * 8;
  // An old way to encode a bit-field: an integer of fewer bits than its bytes have (BTF_INT_BITS).
  if (member.bits != 0 || member.bit_offset % 8 != 0 || narrow_integer) {
    return Error{ErrorCode::kRefused,
                 "'" + std::string(wanted) + "' is a bit-field: it has no address of its own",
                 "read the whole object, or the bytes around it"};
  }
  // The table checks a member's start and bits, but not the size of its type.
  if (member.bit_offset / 8 + type.size_bytes > owner.size) {
    return Error{ErrorCode::kBadInput,
                 "'" + std::string(wanted) + "' reaches beyond its struct in BTF", ""};
  }
  return FieldInfo{member.bit_offset / 8, std::move(type)};
}

Result<std::optional<FieldInfo>> Btf::Impl::find_member(uint32_t id, std::string_view wanted,
                                                        int depth, uint32_t& seen) const {
  if (depth > kMaxDepth) return bad_type(id, "is nested too deeply");
  const BtfType owner = table.type(id);
  for (uint32_t i = 0; i < owner.count; ++i) {
    // Nested anonymous members multiply: each level may have many, so depth alone is no bound.
    if (++seen > kMaxMembersSeen) return bad_type(id, "has too many members to look through");
    const BtfMember member = table.member(owner, i);
    if (member.name != 0) {
      if (text(member.name) != wanted) continue;
      KTAPE_ASSIGN(FieldInfo found, member_info(owner, member, wanted));
      return std::optional<FieldInfo>(std::move(found));
    }
    KTAPE_ASSIGN(const uint32_t inner, resolve(member.type));
    if (!is_composite(table.type(inner))) continue;  // an unnamed bit-field is padding
    KTAPE_ASSIGN(std::optional<FieldInfo> found, find_member(inner, wanted, depth + 1, seen));
    if (found) {
      found->offset_bytes += member.bit_offset / 8;
      return found;
    }
  }
  return std::optional<FieldInfo>();
}

void Btf::Impl::member_names(uint32_t id, int depth, uint32_t& seen,
                             std::vector<std::string>& to) const {
  const BtfType owner = table.type(id);
  for (uint32_t i = 0; i < owner.count && depth <= kMaxDepth && ++seen <= kMaxMembersSeen; ++i) {
    const BtfMember member = table.member(owner, i);
    if (member.name != 0) {
      to.emplace_back(text(member.name));
      continue;
    }
    const auto inner = resolve(member.type);
    if (inner.ok() && is_composite(table.type(*inner))) member_names(*inner, depth + 1, seen, to);
  }
}

// The index that a type's name belongs to, and the keyword that determines it.
std::pair<const BtfNames*, std::string_view> Btf::Impl::split(std::string_view type_name) const {
  if (type_name.starts_with("struct ")) return {&structs, "struct "};
  if (type_name.starts_with("union ")) return {&unions, "union "};
  if (type_name.starts_with("enum ")) return {&enums, "enum "};
  return {&others, ""};
}

// The enumerators of every enum with that name: a kernel has several.
std::vector<BtfEnumerator> Btf::Impl::enumerators(std::string_view enum_name) const {
  std::vector<BtfEnumerator> found;
  for (const uint32_t id : enums.all(table, enum_name)) {
    const BtfType type = table.type(id);
    for (uint32_t i = 0; i < type.count; ++i) found.push_back(table.enumerator(type, i));
  }
  return found;
}

std::optional<uint32_t> Btf::Impl::find_type(std::string_view name) const {
  const auto [names, tag] = split(name);
  return names->first(table, name.substr(tag.size()));
}

Error Btf::Impl::no_type(std::string_view name) const {
  const auto [names, tag] = split(name);
  std::string hint;
  if (tag.empty() && structs.first(table, name)) {
    hint = "did you mean 'struct " + std::string(name) + "'?";
  } else {
    hint = did_you_mean(name.substr(tag.size()), names->names(table));
  }
  return Error{ErrorCode::kNotFound, "no type '" + std::string(name) + "' in this kernel's BTF",
               hint};
}

Result<FieldInfo> Btf::Impl::element(const TypeInfo& array, uint64_t index) const {
  const std::string number = std::to_string(index);
  if (array.kind != TypeKind::kArray) {
    return Error{ErrorCode::kRefused,
                 "'" + array.name + "' is not an array: cannot take element " + number, ""};
  }
  // An array declared without a length extends as far as its owner was allocated.
  if (array.elements != 0 && index >= array.elements) {
    return Error{ErrorCode::kOutOfRange, "index " + number + " is outside '" + array.name + "'",
                 ""};
  }
  KTAPE_ASSIGN(TypeInfo type, info(array.target_id, 0));
  if (type.size_bytes != 0 && index > std::numeric_limits<uint32_t>::max() / type.size_bytes) {
    return Error{ErrorCode::kOutOfRange,
                 "index " + number + " is too large for '" + array.name + "'", ""};
  }
  return FieldInfo{index * type.size_bytes, std::move(type)};
}

Btf::Btf(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Btf::~Btf() = default;

Result<std::unique_ptr<Btf>> Btf::parse(std::span<const std::byte> raw) {
  KTAPE_ASSIGN(BtfTable table, BtfTable::parse(raw));
  return std::unique_ptr<Btf>(new Btf(std::make_unique<Impl>(std::move(table))));
}

uint32_t Btf::types() const { return impl_->table.size(); }

Result<TypeInfo> Btf::type(std::string_view name) const {
  const std::optional<uint32_t> id = impl_->find_type(name);
  if (!id) return impl_->no_type(name);
  return impl_->info(*id, 0);
}

Result<TypeInfo> Btf::type(uint32_t id) const { return impl_->info(id, 0); }

Result<FieldInfo> Btf::member(uint32_t type_id, std::string_view name) const {
  KTAPE_ASSIGN(const TypeInfo owner, impl_->info(type_id, 0));
  if (owner.kind != TypeKind::kStruct && owner.kind != TypeKind::kUnion) {
    return Error{ErrorCode::kNotFound,
                 "'" + owner.name + "' has no members: cannot take '" + std::string(name) + "'",
                 owner.kind == TypeKind::kPointer ? "follow the pointer with '->'" : ""};
  }
  uint32_t seen = 0;
  KTAPE_ASSIGN(std::optional<FieldInfo> found, impl_->find_member(owner.id, name, 0, seen));
  if (found) return std::move(*found);
  std::vector<std::string> names;
  seen = 0;
  impl_->member_names(owner.id, 0, seen, names);
  return Error{ErrorCode::kNotFound,
               "'" + owner.name + "' has no member '" + std::string(name) + "'",
               did_you_mean(name, names)};
}

Result<std::vector<MemberInfo>> Btf::members(uint32_t type_id) const {
  KTAPE_ASSIGN(const uint32_t id, impl_->resolve(type_id));
  const BtfType owner = impl_->table.type(id);
  if (!is_composite(owner))
    return Error{ErrorCode::kNotFound, "'" + impl_->name(id, 0) + "' has no members", ""};
  std::vector<MemberInfo> list;
  list.reserve(owner.count);
  for (uint32_t i = 0; i < owner.count; ++i) {
    const BtfMember member = impl_->table.member(owner, i);
    list.push_back(
        {std::string(impl_->text(member.name)), member.type, member.bit_offset, member.bits});
  }
  return list;
}

Result<IntegerInfo> Btf::integer(uint32_t type_id) const {
  KTAPE_ASSIGN(const uint32_t id, impl_->resolve(type_id));
  const BtfType type = impl_->table.type(id);
  if (type.kind != BtfKind::kInteger)
    return Error{ErrorCode::kNotFound, "'" + impl_->name(id, 0) + "' is not an integer", ""};
  const BtfInteger integer = impl_->table.integer(type);
  return IntegerInfo{integer.is_signed, integer.is_character, integer.is_bool};
}

Result<FieldInfo> Btf::element(const TypeInfo& array, uint64_t index) const {
  return impl_->element(array, index);
}

Result<FieldInfo> Btf::field(std::string_view type_name, std::string_view path) const {
  std::string key = std::string(type_name) + "\n" + std::string(path);
  const auto cached = impl_->fields.find(key);
  if (cached != impl_->fields.end()) return cached->second;
  // Errors are cached as well: a hot path may ask for a field that the kernel lacks.
  return impl_->fields.emplace(std::move(key), find_field(type_name, path)).first->second;
}

Result<FieldInfo> Btf::find_field(std::string_view type_name, std::string_view path) const {
  KTAPE_ASSIGN(TypeInfo start, type(type_name));
  KTAPE_ASSIGN(const std::vector<PathStep> steps, parse_target_path(path));
  FieldInfo reached{0, std::move(start)};
  for (const PathStep& step : steps) {
    // Overwritten below for the two kinds of steps that need no memory.
    Result<FieldInfo> next =
        Error{ErrorCode::kUsage, "'" + std::string(path) + "' has more than members and [i]", ""};
    if (const auto* named = std::get_if<MemberStep>(&step))
      next = member(reached.type.id, named->name);
    if (const auto* at = std::get_if<IndexStep>(&step)) next = element(reached.type, at->index);
    if (!next.ok()) return next.error();
    reached = FieldInfo{reached.offset_bytes + next->offset_bytes, std::move(next->type)};
  }
  return reached;
}

bool Btf::has_field(std::string_view type_name, std::string_view path) const {
  // Checked first, because the error for an unknown type searches all types for the nearest.
  return impl_->find_type(type_name).has_value() && field(type_name, path).ok();
}

Result<TypeInfo> Btf::variable(std::string_view name) const {
  const std::optional<uint32_t> found = impl_->variables.first(impl_->table, name);
  if (found) return impl_->info(impl_->table.type(*found).target, 0);
  return Error{
      ErrorCode::kNotFound,
      "no variable '" + std::string(name) + "' in this kernel's BTF: it has per-CPU variables only",
      did_you_mean(name, impl_->variables.names(impl_->table))};
}

bool Btf::has_variable(std::string_view name) const {
  return impl_->variables.first(impl_->table, name).has_value();
}

std::optional<uint64_t> Btf::enumerator(std::string_view enum_name, std::string_view name) const {
  for (const BtfEnumerator& entry : impl_->enumerators(enum_name)) {
    if (impl_->text(entry.name) == name) return entry.value;
  }
  return std::nullopt;
}

std::optional<std::string> Btf::enumerator_name(std::string_view enum_name, uint64_t value) const {
  for (const BtfEnumerator& entry : impl_->enumerators(enum_name)) {
    if (entry.value == value) return std::string(impl_->text(entry.name));
  }
  return std::nullopt;
}

std::optional<std::string> Btf::enumerator_name(uint32_t type_id, uint64_t value) const {
  const Result<uint32_t> id = impl_->resolve(type_id);
  if (!id.ok()) return std::nullopt;
  const BtfType type = impl_->table.type(*id);
  if (type.kind != BtfKind::kEnum && type.kind != BtfKind::kEnum64) return std::nullopt;
  // A bit-field or a smaller enum: only its own bytes are compared, since the caller's value was
  // zero-extended and BTF's is sign-extended.
  const uint64_t counted = type.size < 8 ? (uint64_t{1} << type.size * 8) - 1 : ~uint64_t{0};
  for (uint32_t i = 0; i < type.count; ++i) {
    const BtfEnumerator entry = impl_->table.enumerator(type, i);
    if (((entry.value ^ value) & counted) == 0) return std::string(impl_->text(entry.name));
  }
  return std::nullopt;
}

}  // namespace ktape
