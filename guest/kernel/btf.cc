// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <limits>
#include <unordered_map>
#include <utility>

#include "schema/base/nearest.h"
#include "schema/scenario/target_path.h"

namespace ktape {

namespace {

// Chains of qualifiers, nested anonymous members and derived types end long before this; a loop in
// damaged BTF does not.
constexpr int kMaxDepth = 32;
constexpr uint64_t kPointerBytes = 8;

struct FreeBtf {
  void operator()(struct btf* btf) const { btf__free(btf); }
};

// libbpf prints its complaints to stderr unless told not to; the error that it returns is enough.
class QuietLibbpf {
 public:
  QuietLibbpf() : before_(libbpf_set_print(nullptr)) {}
  ~QuietLibbpf() { libbpf_set_print(before_); }
  QuietLibbpf(const QuietLibbpf&) = delete;
  QuietLibbpf& operator=(const QuietLibbpf&) = delete;

 private:
  libbpf_print_fn_t before_;
};

bool is_modifier(const btf_type* type) {
  switch (btf_kind(type)) {
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG: return true;
    default: return false;
  }
}

TypeKind kind_of(const btf_type* type) {
  switch (btf_kind(type)) {
    case BTF_KIND_UNKN: return TypeKind::kVoid;
    case BTF_KIND_INT: return TypeKind::kInteger;
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return TypeKind::kEnum;
    case BTF_KIND_PTR: return TypeKind::kPointer;
    case BTF_KIND_STRUCT: return TypeKind::kStruct;
    case BTF_KIND_UNION: return TypeKind::kUnion;
    case BTF_KIND_ARRAY: return TypeKind::kArray;
    default: return TypeKind::kOther;
  }
}

Error bad_type(uint32_t id, std::string_view why) {
  return Error{ErrorCode::kBadInput, "BTF type " + std::to_string(id) + " " + std::string(why), ""};
}

}  // namespace

struct Btf::Impl {
  using Names = std::unordered_map<std::string_view, uint32_t>;

  std::unique_ptr<struct btf, FreeBtf> btf;
  // The first of each name, as libbpf's own search would find. Views into `btf`.
  Names structs, unions, enums, others, variables;
  std::unordered_multimap<std::string_view, uint32_t> all_enums;  // a name may have several
  mutable std::unordered_map<std::string, Result<FieldInfo>> fields;

  const btf_type* raw(uint32_t id) const { return btf__type_by_id(btf.get(), id); }
  std::string_view text(uint32_t offset) const {
    const char* found = btf__name_by_offset(btf.get(), offset);
    return found == nullptr ? std::string_view() : std::string_view(found);
  }

  void index();
  void index_type(uint32_t id, const btf_type* type);
  uint32_t defined(uint32_t id) const;
  Result<uint32_t> resolve(uint32_t id) const;
  std::string name(uint32_t id, int depth) const;
  Result<TypeInfo> info(uint32_t id, int depth) const;
  Result<void> array_info(const btf_type* type, int depth, TypeInfo& to) const;
  Result<std::optional<FieldInfo>> find_member(uint32_t id, std::string_view wanted, int depth) const;
  Result<FieldInfo> member_info(const btf_type* owner, uint32_t index, std::string_view wanted) const;
  void member_names(uint32_t id, int depth, std::vector<std::string>& to) const;
  Result<FieldInfo> element(const TypeInfo& array, uint64_t index) const;
  std::pair<const Names*, std::string_view> split(std::string_view type_name) const;
  std::optional<uint32_t> find_type(std::string_view name) const;
  Error no_type(std::string_view name) const;
  std::vector<std::string> names_of(const Names& names) const;
  std::vector<std::pair<std::string_view, uint64_t>> enumerators(std::string_view enum_name) const;
};

void Btf::Impl::index_type(uint32_t id, const btf_type* type) {
  const std::string_view named = text(type->name_off);
  switch (btf_kind(type)) {
    case BTF_KIND_STRUCT: structs.emplace(named, id); break;
    case BTF_KIND_UNION: unions.emplace(named, id); break;
    case BTF_KIND_VAR: variables.emplace(named, id); break;
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      enums.emplace(named, id);
      all_enums.emplace(named, id);
      break;
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPEDEF: others.emplace(named, id); break;
    default: break;
  }
}

void Btf::Impl::index() {
  const uint32_t count = btf__type_cnt(btf.get());
  for (uint32_t id = 1; id < count; ++id) index_type(id, raw(id));
  for (Names* names : {&structs, &unions, &enums, &others, &variables}) names->erase("");
}

// A forward declaration stands for the struct or union of that name, where there is one.
uint32_t Btf::Impl::defined(uint32_t id) const {
  const btf_type* type = raw(id);
  if (btf_kind(type) != BTF_KIND_FWD) return id;
  const Names& names = btf_kflag(type) ? unions : structs;
  const auto found = names.find(text(type->name_off));
  return found == names.end() ? id : found->second;
}

Result<uint32_t> Btf::Impl::resolve(uint32_t id) const {
  uint32_t at = id;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const btf_type* type = raw(at);
    if (type == nullptr) return bad_type(at, "does not exist");
    if (!is_modifier(type)) return defined(at);
    at = type->type;
  }
  return bad_type(id, "is a chain of typedefs without an end");
}

std::string Btf::Impl::name(uint32_t id, int depth) const {
  const btf_type* type = raw(id);
  if (type == nullptr || depth > kMaxDepth) return "?";
  std::string named = type->name_off == 0 ? "(anonymous)" : std::string(text(type->name_off));
  switch (btf_kind(type)) {
    case BTF_KIND_UNKN: return "void";
    case BTF_KIND_STRUCT: return "struct " + named;
    case BTF_KIND_UNION: return "union " + named;
    case BTF_KIND_FWD: return (btf_kflag(type) ? "union " : "struct ") + named;
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return "enum " + named;
    case BTF_KIND_CONST:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG: return name(type->type, depth + 1);
    case BTF_KIND_FUNC_PROTO: return "function";
    case BTF_KIND_ARRAY:
      return name(btf_array(type)->type, depth + 1) + "[" + std::to_string(btf_array(type)->nelems) + "]";
    case BTF_KIND_PTR: {
      const std::string target = name(type->type, depth + 1);
      return target + (target.ends_with('*') ? "*" : " *");
    }
    default: return named;
  }
}

Result<void> Btf::Impl::array_info(const btf_type* type, int depth, TypeInfo& to) const {
  const struct btf_array* array = btf_array(type);
  KTAPE_ASSIGN(const TypeInfo element, info(array->type, depth + 1));
  to.target_id = array->type;
  to.elements = array->nelems;
  if (element.size_bytes != 0 && to.elements > std::numeric_limits<uint32_t>::max() / element.size_bytes) {
    return bad_type(to.id, "is an array of more than 4 GiB");
  }
  to.size_bytes = to.elements * element.size_bytes;
  return {};
}

Result<TypeInfo> Btf::Impl::info(uint32_t id, int depth) const {
  if (depth > kMaxDepth) return bad_type(id, "is nested too deeply");
  KTAPE_ASSIGN(const uint32_t resolved, resolve(id));
  const btf_type* type = raw(resolved);
  TypeInfo to;
  to.id = resolved;
  to.kind = kind_of(type);
  to.name = name(id, 0);
  switch (btf_kind(type)) {
    case BTF_KIND_PTR:
      to.size_bytes = kPointerBytes;
      to.target_id = type->type;
      break;
    case BTF_KIND_ARRAY: KTAPE_TRY(array_info(type, depth, to)); break;
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION: to.size_bytes = type->size; break;
    default: break;
  }
  return to;
}

Result<FieldInfo> Btf::Impl::member_info(const btf_type* owner, uint32_t index,
                                         std::string_view wanted) const {
  const btf_member* member = btf_members(owner) + index;
  const uint32_t bit_offset = btf_member_bit_offset(owner, index);
  KTAPE_ASSIGN(TypeInfo type, info(member->type, 0));
  const btf_type* raw_type = raw(type.id);
  const bool narrow_integer =
      btf_kind(raw_type) == BTF_KIND_INT && btf_int_bits(raw_type) != type.size_bytes * 8;
  if (btf_member_bitfield_size(owner, index) != 0 || bit_offset % 8 != 0 || narrow_integer) {
    return Error{ErrorCode::kRefused,
                 "'" + std::string(wanted) + "' is a bit-field: it has no address of its own",
                 "read the whole object, or the bytes around it"};
  }
  return FieldInfo{bit_offset / 8, std::move(type)};
}

Result<std::optional<FieldInfo>> Btf::Impl::find_member(uint32_t id, std::string_view wanted,
                                                        int depth) const {
  if (depth > kMaxDepth) return bad_type(id, "is nested too deeply");
  const btf_type* owner = raw(id);
  for (uint32_t i = 0; i < btf_vlen(owner); ++i) {
    const btf_member* member = btf_members(owner) + i;
    if (member->name_off != 0) {
      if (text(member->name_off) != wanted) continue;
      KTAPE_ASSIGN(FieldInfo found, member_info(owner, i, wanted));
      return std::optional<FieldInfo>(std::move(found));
    }
    KTAPE_ASSIGN(const uint32_t inner, resolve(member->type));
    if (!btf_is_composite(raw(inner))) continue;  // an unnamed bit-field is padding
    KTAPE_ASSIGN(std::optional<FieldInfo> found, find_member(inner, wanted, depth + 1));
    if (found) {
      found->offset_bytes += btf_member_bit_offset(owner, i) / 8;
      return found;
    }
  }
  return std::optional<FieldInfo>();
}

void Btf::Impl::member_names(uint32_t id, int depth, std::vector<std::string>& to) const {
  const btf_type* owner = raw(id);
  for (uint32_t i = 0; i < btf_vlen(owner) && depth <= kMaxDepth; ++i) {
    const btf_member* member = btf_members(owner) + i;
    if (member->name_off != 0) {
      to.emplace_back(text(member->name_off));
      continue;
    }
    const auto inner = resolve(member->type);
    if (inner.ok() && btf_is_composite(raw(*inner))) member_names(*inner, depth + 1, to);
  }
}

// Which index a type's name belongs to, and the keyword that says so.
std::pair<const Btf::Impl::Names*, std::string_view> Btf::Impl::split(std::string_view type_name) const {
  if (type_name.starts_with("struct ")) return {&structs, "struct "};
  if (type_name.starts_with("union ")) return {&unions, "union "};
  if (type_name.starts_with("enum ")) return {&enums, "enum "};
  return {&others, ""};
}

std::vector<std::pair<std::string_view, uint64_t>> Btf::Impl::enumerators(std::string_view enum_name) const {
  std::vector<std::pair<std::string_view, uint64_t>> found;
  const auto [first, last] = all_enums.equal_range(enum_name);
  for (auto it = first; it != last; ++it) {
    const btf_type* type = raw(it->second);
    const bool wide = btf_is_enum64(type), is_signed = btf_kflag(type);
    for (uint32_t i = 0; i < btf_vlen(type); ++i) {
      if (wide) {
        const struct btf_enum64* entry = btf_enum64(type) + i;
        found.emplace_back(text(entry->name_off), btf_enum64_value(entry));
      } else {
        const struct btf_enum* entry = btf_enum(type) + i;
        const uint64_t bits = static_cast<uint32_t>(entry->val);
        found.emplace_back(text(entry->name_off),
                           is_signed ? static_cast<uint64_t>(int64_t{entry->val}) : bits);
      }
    }
  }
  return found;
}

std::vector<std::string> Btf::Impl::names_of(const Names& names) const {
  std::vector<std::string> list;
  list.reserve(names.size());
  for (const auto& [named, id] : names) list.emplace_back(named);
  return list;
}

std::optional<uint32_t> Btf::Impl::find_type(std::string_view name) const {
  const auto [names, tag] = split(name);
  const auto found = names->find(name.substr(tag.size()));
  return found == names->end() ? std::nullopt : std::optional<uint32_t>(found->second);
}

Error Btf::Impl::no_type(std::string_view name) const {
  const auto [names, tag] = split(name);
  std::string hint;
  if (tag.empty() && structs.contains(name)) {
    hint = "did you mean 'struct " + std::string(name) + "'?";
  } else {
    hint = did_you_mean(name.substr(tag.size()), names_of(*names));
  }
  return Error{ErrorCode::kNotFound, "no type '" + std::string(name) + "' in this kernel's BTF", hint};
}

Result<FieldInfo> Btf::Impl::element(const TypeInfo& array, uint64_t index) const {
  const std::string number = std::to_string(index);
  if (array.kind != TypeKind::kArray) {
    return Error{ErrorCode::kRefused, "'" + array.name + "' is not an array: cannot take element " + number,
                 ""};
  }
  // An array declared without a length goes on as far as its owner was allocated.
  if (array.elements != 0 && index >= array.elements) {
    return Error{ErrorCode::kOutOfRange, "index " + number + " is outside '" + array.name + "'", ""};
  }
  KTAPE_ASSIGN(TypeInfo type, info(array.target_id, 0));
  if (type.size_bytes != 0 && index > std::numeric_limits<uint32_t>::max() / type.size_bytes) {
    return Error{ErrorCode::kOutOfRange, "index " + number + " is too large for '" + array.name + "'", ""};
  }
  return FieldInfo{index * type.size_bytes, std::move(type)};
}

Btf::Btf(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Btf::~Btf() = default;

Result<std::unique_ptr<Btf>> Btf::parse(std::span<const std::byte> raw) {
  if (raw.size() > std::numeric_limits<uint32_t>::max()) {
    return Error{ErrorCode::kBadInput, "BTF of more than 4 GiB", ""};
  }
  const QuietLibbpf quiet;
  struct btf* parsed = btf__new(raw.data(), static_cast<uint32_t>(raw.size()));
  if (parsed == nullptr) return system_error(ErrorCode::kBadInput, "cannot parse BTF");
  auto impl = std::make_unique<Impl>();
  impl->btf.reset(parsed);
  impl->index();
  return std::unique_ptr<Btf>(new Btf(std::move(impl)));
}

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
  KTAPE_ASSIGN(std::optional<FieldInfo> found, impl_->find_member(owner.id, name, 0));
  if (found) return std::move(*found);
  std::vector<std::string> names;
  impl_->member_names(owner.id, 0, names);
  return Error{ErrorCode::kNotFound, "'" + owner.name + "' has no member '" + std::string(name) + "'",
               did_you_mean(name, names)};
}

Result<FieldInfo> Btf::element(const TypeInfo& array, uint64_t index) const {
  return impl_->element(array, index);
}

Result<FieldInfo> Btf::field(std::string_view type_name, std::string_view path) const {
  std::string key = std::string(type_name) + "\n" + std::string(path);
  const auto cached = impl_->fields.find(key);
  if (cached != impl_->fields.end()) return cached->second;
  return impl_->fields.emplace(std::move(key), find_field(type_name, path)).first->second;
}

Result<FieldInfo> Btf::find_field(std::string_view type_name, std::string_view path) const {
  KTAPE_ASSIGN(TypeInfo start, type(type_name));
  KTAPE_ASSIGN(const std::vector<PathStep> steps, parse_target_path(path));
  FieldInfo reached{0, std::move(start)};
  for (const PathStep& step : steps) {
    Result<FieldInfo> next =
        Error{ErrorCode::kUsage, "'" + std::string(path) + "' has more than members and [i]", ""};
    if (const auto* named = std::get_if<MemberStep>(&step)) next = member(reached.type.id, named->name);
    if (const auto* at = std::get_if<IndexStep>(&step)) next = element(reached.type, at->index);
    if (!next.ok()) return next.error();
    reached = FieldInfo{reached.offset_bytes + next->offset_bytes, std::move(next->type)};
  }
  return reached;
}

bool Btf::has_field(std::string_view type_name, std::string_view path) const {
  // Asked first, because the error for an unknown type searches all of them for the nearest.
  return impl_->find_type(type_name).has_value() && field(type_name, path).ok();
}

Result<TypeInfo> Btf::variable(std::string_view name) const {
  const auto found = impl_->variables.find(name);
  if (found != impl_->variables.end()) return impl_->info(impl_->raw(found->second)->type, 0);
  return Error{ErrorCode::kNotFound,
               "no variable '" + std::string(name) + "' in this kernel's BTF: it has per-CPU variables only",
               did_you_mean(name, impl_->names_of(impl_->variables))};
}

bool Btf::has_variable(std::string_view name) const { return impl_->variables.contains(name); }

std::optional<uint64_t> Btf::enumerator(std::string_view enum_name, std::string_view name) const {
  for (const auto& [named, value] : impl_->enumerators(enum_name)) {
    if (named == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Btf::enumerator_name(std::string_view enum_name, uint64_t value) const {
  for (const auto& [named, found] : impl_->enumerators(enum_name)) {
    if (found == value) return std::string(named);
  }
  return std::nullopt;
}

}  // namespace ktape
