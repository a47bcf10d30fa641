// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/btf_table.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "schema/base/little_endian.h"

namespace ktape {

namespace {

constexpr uint16_t kMagic = 0xeb9f;
constexpr uint16_t kMagicSwapped = 0x9feb;
constexpr uint8_t kVersion = 1;
constexpr uint32_t kHeaderBytes = 24;
constexpr uint32_t kTypeBytes = 12;
constexpr uint32_t kMemberBytes = 12;
constexpr uint32_t kEnumeratorBytes = 8;
constexpr uint32_t kEnumerator64Bytes = 12;
constexpr uint32_t kArrayBytes = 12;
constexpr uint32_t kParameterBytes = 8;
// Stock kernels have 5 MB. Limits the cost of untrusted BTF.
constexpr size_t kMaxBytes = size_t{128} << 20;

Error unusable(std::string why) {
  return Error{ErrorCode::kBadInput, "unusable BTF: " + std::move(why), ""};
}

// Number of bytes that follow a type of this kind; nothing for an unknown kind.
std::optional<uint64_t> item_bytes(uint32_t kind, uint32_t count) {
  // A kind that is not listed cannot be skipped, because its size is unknown: everything behind it
  // would be read wrongly.
  switch (static_cast<BtfKind>(kind)) {
    case BtfKind::kPointer:
    case BtfKind::kForward:
    case BtfKind::kTypedef:
    case BtfKind::kVolatile:
    case BtfKind::kConst:
    case BtfKind::kRestrict:
    case BtfKind::kFunction:
    case BtfKind::kFloat:
    case BtfKind::kTypeTag: return 0;
    case BtfKind::kInteger:
    case BtfKind::kVariable:
    case BtfKind::kDeclTag: return 4;
    case BtfKind::kArray: return kArrayBytes;
    case BtfKind::kStruct:
    case BtfKind::kUnion:
    case BtfKind::kDataSection: return uint64_t{count} * kMemberBytes;
    case BtfKind::kEnum: return uint64_t{count} * kEnumeratorBytes;
    case BtfKind::kFunctionProto: return uint64_t{count} * kParameterBytes;
    case BtfKind::kEnum64: return uint64_t{count} * kEnumerator64Bytes;
    case BtfKind::kVoid: break;
  }
  return std::nullopt;
}

// Whether the word after the flags is a type id; otherwise it is a size, or unused.
bool refers(BtfKind kind) {
  switch (kind) {
    case BtfKind::kPointer:
    case BtfKind::kTypedef:
    case BtfKind::kVolatile:
    case BtfKind::kConst:
    case BtfKind::kRestrict:
    case BtfKind::kFunction:
    case BtfKind::kFunctionProto:
    case BtfKind::kVariable:
    case BtfKind::kDeclTag:
    case BtfKind::kTypeTag: return true;
    default: return false;
  }
}

uint32_t word(const std::vector<std::byte>& bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

// Finds where each type begins, then checks that every id and name in a type is valid.
class BtfTable::Parser {
 public:
  explicit Parser(std::span<const std::byte> raw) { table_.bytes_.assign(raw.begin(), raw.end()); }

  Result<BtfTable> parse() {
    KTAPE_TRY(header());
    KTAPE_TRY(strings());
    KTAPE_TRY(find_types());
    for (uint32_t id = 1; id < table_.size(); ++id) KTAPE_TRY(check(id));
    return std::move(table_);
  }

 private:
  Result<void> header() {
    const auto magic = load<uint16_t>(table_.bytes_, 0);
    if (table_.bytes_.size() < kHeaderBytes) return unusable("it is shorter than a header");
    if (table_.bytes_.size() > kMaxBytes)
      return unusable(fmt::format("it has more than {} bytes", kMaxBytes));
    if (magic == kMagicSwapped) return unusable("it is big-endian");
    if (magic != kMagic) return unusable("it does not begin with BTF's magic number");
    const auto version = static_cast<uint32_t>(table_.bytes_[2]);
    if (version != kVersion) return unusable(fmt::format("unknown version {}", version));
    // The header may be longer in a later version; what follows it is found by its length.
    const uint64_t header_bytes = word(table_.bytes_, 4);
    if (header_bytes < kHeaderBytes || header_bytes > table_.bytes_.size()) {
      return unusable(fmt::format("its header of {} bytes does not fit", header_bytes));
    }
    KTAPE_ASSIGN(types_, section("types", header_bytes, 8));
    KTAPE_ASSIGN(const Extent strings, section("strings", header_bytes, 16));
    if (types_.start % 4 != 0) return unusable("its types are not aligned");
    table_.strings_ = static_cast<uint32_t>(strings.start);
    table_.strings_bytes_ = static_cast<uint32_t>(strings.bytes);
    return {};
  }

  struct Extent {
    uint64_t start = 0;
    uint64_t bytes = 0;
  };

  // The extent given by offset and length at `at` in the header; offsets count from the header's
  // end.
  Result<Extent> section(std::string_view name, uint64_t header_bytes, size_t at) const {
    const Extent extent{header_bytes + word(table_.bytes_, at), word(table_.bytes_, at + 4)};
    if (extent.start + extent.bytes <= table_.bytes_.size()) return extent;
    return unusable(fmt::format("its {} reach beyond its end", name));
  }

  Result<void> strings() {
    const auto* first = reinterpret_cast<const char*>(table_.bytes_.data()) + table_.strings_;
    const char* const end = first + table_.strings_bytes_;
    // Offset 0 is the empty name of every anonymous type. The final NUL ends the last name, so
    // text() needs no bound.
    if (first == end || *first != '\0' || end[-1] != '\0') {
      return unusable("its strings do not begin and end with a NUL");
    }
    while (first != end) {
      const auto* nul =
          static_cast<const char*>(std::memchr(first, 0, static_cast<size_t>(end - first)));
      if (static_cast<size_t>(nul - first) > kMaxNameBytes) {
        return unusable(fmt::format("it has a string of more than {} bytes", kMaxNameBytes));
      }
      first = nul + 1;
    }
    return {};
  }

  Result<void> find_types() {
    table_.offsets_.push_back(0);  // void, which is not encoded
    const uint64_t end = types_.start + types_.bytes;
    // Ends exactly at the section's end: a type that would reach beyond it is reported, not cut.
    for (uint64_t at = types_.start; at != end;) {
      const uint32_t id = table_.size();
      if (end - at < kTypeBytes) return unusable(fmt::format("type {} is cut short", id));
      const uint32_t info = word(table_.bytes_, at + 4);
      const uint32_t kind = info >> 24 & 0x1f;
      const std::optional<uint64_t> items = item_bytes(kind, info & 0xffff);
      // kind_flag and vlen share the word with the kind: 0x1f000000 is the kind
      // (include/uapi/linux/btf.h, BTF_INFO_KIND).
      if (!items) return unusable(fmt::format("type {} has unknown kind {}", id, kind));
      if (*items > end - at - kTypeBytes) return unusable(fmt::format("type {} is cut short", id));
      table_.offsets_.push_back(static_cast<uint32_t>(at));
      at += kTypeBytes + *items;
    }
    return {};
  }

  Result<void> check_name(uint32_t id, uint32_t name) const {
    if (name < table_.strings_bytes_) return {};
    return unusable(fmt::format("type {} has a name outside the strings", id));
  }

  Result<void> check_id(uint32_t id, uint32_t target) const {
    if (table_.contains(target)) return {};
    return unusable(
        fmt::format("type {} refers to type {}, but there are only {}", id, target, table_.size()));
  }

  Result<void> check(uint32_t id) const {
    const BtfType type = table_.type(id);
    // From here on a name or an id may be used without asking again.
    KTAPE_TRY(check_name(id, type.name));
    if (refers(type.kind)) KTAPE_TRY(check_id(id, type.target));
    if (type.kind == BtfKind::kArray) return check_id(id, table_.array(type).element);
    if (type.kind == BtfKind::kStruct || type.kind == BtfKind::kUnion)
      return check_members(id, type);
    if (type.kind == BtfKind::kEnum || type.kind == BtfKind::kEnum64)
      return check_enumerators(id, type);
    if (type.kind == BtfKind::kFunctionProto) return check_parameters(id, type);
    return {};
  }

  Result<void> check_members(uint32_t id, const BtfType& type) const {
    for (uint32_t i = 0; i < type.count; ++i) {
      const BtfMember member = table_.member(type, i);
      KTAPE_TRY(check_name(id, member.name));
      KTAPE_TRY(check_id(id, member.type));
      // In bits, and 64-bit: a struct of up to 4 GiB has offsets above 2^32.
      if (member.bit_offset + uint64_t{member.bits} > uint64_t{type.size} * 8) {
        return unusable(fmt::format("type {} has a member outside its {} bytes", id, type.size));
      }
    }
    return {};
  }

  Result<void> check_enumerators(uint32_t id, const BtfType& type) const {
    for (uint32_t i = 0; i < type.count; ++i)
      KTAPE_TRY(check_name(id, table_.enumerator(type, i).name));
    return {};
  }

  Result<void> check_parameters(uint32_t id, const BtfType& type) const {
    for (uint32_t i = 0; i < type.count; ++i) {
      const BtfParameter parameter = table_.parameter(type, i);
      KTAPE_TRY(check_name(id, parameter.name));
      KTAPE_TRY(check_id(id, parameter.type));
    }
    return {};
  }

  BtfTable table_;
  Extent types_;
};

Result<BtfTable> BtfTable::parse(std::span<const std::byte> raw) { return Parser(raw).parse(); }

BtfType BtfTable::type(uint32_t id) const {
  KTAPE_CHECK(contains(id));
  if (id == 0) return {};
  const size_t at = offsets_[id];
  const uint32_t info = word(bytes_, at + 4);
  BtfType type;
  type.kind = static_cast<BtfKind>(info >> 24 & 0x1f);
  type.flag = info >> 31 != 0;
  type.count = info & 0xffff;
  type.name = word(bytes_, at);
  // One word with two meanings (struct btf_type, `size` and `type`).
  (refers(type.kind) ? type.target : type.size) = word(bytes_, at + 8);
  type.first_item = at + kTypeBytes;
  return type;
}

std::string_view BtfTable::text(uint32_t name) const {
  KTAPE_CHECK(name < strings_bytes_);
  return reinterpret_cast<const char*>(bytes_.data()) + strings_ + name;
}

std::string_view BtfTable::strings() const {
  return {reinterpret_cast<const char*>(bytes_.data()) + strings_, strings_bytes_};
}

BtfMember BtfTable::member(const BtfType& composite, uint32_t index) const {
  KTAPE_CHECK(index < composite.count);
  const size_t at = composite.first_item + size_t{index} * kMemberBytes;
  BtfMember member{word(bytes_, at), word(bytes_, at + 4), word(bytes_, at + 8), 0};
  if (!composite.flag) return member;
  // With kind_flag the high byte is the bit-field's size (BTF_MEMBER_BITFIELD_SIZE).
  member.bits = member.bit_offset >> 24;
  member.bit_offset &= 0xffffff;
  return member;
}

BtfParameter BtfTable::parameter(const BtfType& prototype, uint32_t index) const {
  KTAPE_CHECK(index < prototype.count);
  const size_t at = prototype.first_item + size_t{index} * kParameterBytes;
  return {word(bytes_, at), word(bytes_, at + 4)};
}

BtfEnumerator BtfTable::enumerator(const BtfType& enumeration, uint32_t index) const {
  KTAPE_CHECK(index < enumeration.count);
  const bool wide = enumeration.kind == BtfKind::kEnum64;
  const size_t at =
      enumeration.first_item + size_t{index} * (wide ? kEnumerator64Bytes : kEnumeratorBytes);
  const uint32_t low = word(bytes_, at + 4);
  if (wide) return {word(bytes_, at), uint64_t{word(bytes_, at + 8)} << 32 | low};
  const auto extended = static_cast<uint64_t>(int64_t{static_cast<int32_t>(low)});
  // Enumerators of 32 bits are signed only if the enum says so (kind_flag).
  return {word(bytes_, at), enumeration.flag ? extended : low};
}

BtfArray BtfTable::array(const BtfType& array) const {
  return {word(bytes_, array.first_item), word(bytes_, array.first_item + 8)};
}

BtfInteger BtfTable::integer(const BtfType& integer) const {
  constexpr uint32_t kSigned = 1, kCharacter = 2, kBool = 4;
  const uint32_t encoding = word(bytes_, integer.first_item);
  const uint32_t flags = encoding >> 24 & 0xf;
  return {(flags & kSigned) != 0, (flags & kCharacter) != 0, (flags & kBool) != 0, encoding & 0xff};
}

}  // namespace ktape
