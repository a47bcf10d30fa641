// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/type_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr int kMaxNesting = 32;
// Longer arrays end with "and N more"; a scheduler's array of weights is not.
constexpr size_t kMaxRuns = 64;         // of equal elements, for an array shown on one line
constexpr size_t kMaxRawBytes = 32;     // for types without a better format
constexpr size_t kMaxCharsShown = 512;  // of a character array

constexpr std::string_view kNotThere = "(not there)";

bool is_composite(const TypeInfo& type) {
  return type.kind == TypeKind::kStruct || type.kind == TypeKind::kUnion;
}

// Addresses, flags and "infinite" read better in hex.
std::string number_text(uint64_t value) {
  return value >> 63 == 0 ? fmt::format("{}", value) : fmt::format("{} ({:#x})", value, value);
}

// Sign-extends a `value` of `bits` bits.
int64_t sign_extended(uint64_t value, uint32_t bits) {
  const uint32_t unused = 64 - bits;
  return static_cast<int64_t>(value << unused) >> unused;
}

// Writes lines up to the limit.
class TypeWriter {
 public:
  TypeWriter(const Btf& btf, std::span<const std::byte> bytes, const TypeTextOptions& options)
      : btf_(btf), bytes_(bytes), options_(options) {}

  std::string write(const TypeInfo& type) {
    value("", type, 0, 0);
    if (full()) line(0, fmt::format("(cut after {} lines)", options_.max_lines));
    text_.pop_back();
    return std::move(text_);
  }

 private:
  bool full() const { return lines_ >= options_.max_lines; }

  void line(int depth, std::string_view text) {
    // Lines are counted where they are written, so that any nesting stops in time.
    ++lines_;
    text_.append(static_cast<size_t>(depth) * 2, ' ').append(text).push_back('\n');
  }

  // The value at `offset`. `label` begins its first line: "name = ". A type that BTF cannot give
  // (damaged, or not kept in a slim tape) is one line with the reason.
  void value(const std::string& label, uint32_t type_id, uint64_t offset, int depth) {
    const Result<TypeInfo> type = btf_.type(type_id);
    if (!type.ok())
      return line(depth, fmt::format("{}({})", label, printable(type.error().message)));
    value(label, *type, offset, depth);
  }

  void value(const std::string& label, const TypeInfo& type, uint64_t offset, int depth) {
    if (depth > kMaxNesting) return line(depth, label + "(nested too deeply)");
    if (is_cpumask(type) && has(offset, type.size_bytes))
      return line(depth, label + cpus(offset, type.size_bytes * 8));
    if (is_composite(type)) return composite(label, type, offset, depth);
    if (type.kind == TypeKind::kArray) return array(label, type, offset, depth);
    line(depth, label + scalar(type, offset));
  }

  // include/linux/cpumask_types.h; the name of a typedef, as cpumask_t, says less than the type's.
  bool is_cpumask(const TypeInfo& type) const {
    if (type.kind != TypeKind::kStruct) return false;
    const Result<TypeInfo> itself = btf_.type(type.id);
    return itself.ok() && itself->name == "struct cpumask";
  }

  // As the kernel prints a list of CPUs (%*pbl in lib/vsprintf.c): "0-3,6".
  std::string cpus(uint64_t offset, uint64_t bits) const {
    if (options_.cpus != 0) bits = std::min(bits, options_.cpus);
    const auto is_set = [&](uint64_t bit) {
      return (bytes_[offset + bit / 8] >> bit % 8 & std::byte{1}) != std::byte{0};
    };
    std::string text;
    size_t runs = 0;
    for (uint64_t bit = 0; bit < bits; ++bit) {
      if (!is_set(bit)) continue;
      if (++runs > kMaxRuns) return text + ",...";
      const uint64_t first = bit;
      while (bit + 1 < bits && is_set(bit + 1)) ++bit;
      text += fmt::format("{}{}", text.empty() ? "" : ",", first);
      if (bit > first) text += fmt::format("-{}", bit);
    }
    return text.empty() ? "none" : text;
  }

  void composite(const std::string& label, const TypeInfo& type, uint64_t offset, int depth) {
    const Result<std::vector<MemberInfo>> members = btf_.members(type.id);
    if (!members.ok() || members->empty()) return line(depth, label + "{}");
    // Nothing of it is there: one line says so, not one for each member.
    if (!has(offset, 1)) return line(depth, fmt::format("{}{}", label, kNotThere));
    line(depth, label + "{");
    for (const MemberInfo& one : *members) {
      // Members that are cut are not even looked at, or a huge struct would take as long as if it
      // were printed.
      if (full()) break;
      member(one, offset, depth + 1);
    }
    line(depth, "}");
  }

  void member(const MemberInfo& member, uint64_t offset, int depth) {
    const std::string name = printable(member.name);
    if (member.bits != 0 || member.bit_offset % 8 != 0) {
      if (name.empty()) return;  // padding
      return line(depth, fmt::format("{}:{} = {}", name, member.bits, bit_field(member, offset)));
    }
    offset += member.bit_offset / 8;
    if (!name.empty()) return value(name + " = ", member.type_id, offset, depth);
    const Result<TypeInfo> type = btf_.type(member.type_id);
    const bool is_union = type.ok() && type->kind == TypeKind::kUnion;
    value(is_union ? "union " : "struct ", member.type_id, offset, depth);
  }

  std::string bit_field(const MemberInfo& member, uint64_t offset) const {
    const uint64_t first = offset + member.bit_offset / 8;
    const auto shift = static_cast<uint32_t>(member.bit_offset % 8);
    // A bit-field never spans more than 8 bytes on x86-64.
    const uint64_t bytes = (shift + member.bits + 7) / 8;
    if (member.bits == 0 || bytes > sizeof(uint64_t) || !has(first, bytes))
      return std::string(kNotThere);
    const uint64_t bits = number(first, bytes) >> shift & (~uint64_t{0} >> (64 - member.bits));
    const Result<IntegerInfo> integer = btf_.integer(member.type_id);
    if (integer.ok() && integer->is_signed)
      return fmt::format("{}", sign_extended(bits, member.bits));
    const std::optional<std::string> named = btf_.enumerator_name(member.type_id, bits);
    return named ? fmt::format("{} ({})", printable(*named), bits) : number_text(bits);
  }

  void array(const std::string& label, const TypeInfo& type, uint64_t offset, int depth) {
    const Result<TypeInfo> element = btf_.type(type.target_id);
    if (!element.ok() || type.elements == 0 || element->size_bytes == 0)
      return line(depth, label + "[]");
    if (!has(offset, type.size_bytes)) return line(depth, fmt::format("{}{}", label, kNotThere));
    if (is_character(*element)) return line(depth, label + characters(offset, type.elements));
    const bool nested = is_composite(*element) || element->kind == TypeKind::kArray;
    if (!nested) return line(depth, label + scalars(type, *element, offset));
    line(depth, label + "[");
    for (uint64_t i = 0; i < type.elements && !full();) {
      // Equal neighbours are one entry with a count: most of a kernel's arrays are zeros.
      const uint64_t run = equal_elements(offset, *element, i, type.elements);
      value("", type.target_id, offset + i * element->size_bytes, depth + 1);
      if (run > 1) line(depth + 1, fmt::format("{} more like it", run - 1));
      i += run;
    }
    line(depth, "]");
  }

  bool is_character(const TypeInfo& type) const {
    if (type.kind != TypeKind::kInteger || type.size_bytes != 1) return false;
    const Result<IntegerInfo> integer = btf_.integer(type.id);
    // Compilers omit the encoding of `char`, and a typedef's name says that it is not text.
    return integer.ok() && (integer->is_character || type.name == "char");
  }

  std::string characters(uint64_t offset, uint64_t count) const {
    const auto* first = reinterpret_cast<const char*>(bytes_.data() + offset);
    return quoted(std::string_view(first, count));
  }

  // Up to a NUL.
  static std::string quoted(std::string_view all) {
    std::string_view text = all.substr(0, all.find('\0'));
    const bool cut = text.size() > kMaxCharsShown;
    text = text.substr(0, kMaxCharsShown);
    return fmt::format("\"{}\"{}", printable(text), cut ? "..." : "");
  }

  // "[1, 2, 0 x 62]"
  std::string scalars(const TypeInfo& type, const TypeInfo& element, uint64_t offset) const {
    std::string text = "[";
    uint64_t i = 0;
    for (size_t runs = 0; i < type.elements && runs < kMaxRuns; ++runs) {
      const uint64_t run = equal_elements(offset, element, i, type.elements);
      if (i > 0) text += ", ";
      text += scalar(element, offset + i * element.size_bytes);
      if (run > 1) text += fmt::format(" x {}", run);
      i += run;
    }
    if (i < type.elements) text += fmt::format(", and {} more", type.elements - i);
    return text + "]";
  }

  // Number of elements from `index` on with the same bytes.
  uint64_t equal_elements(uint64_t offset, const TypeInfo& element, uint64_t index,
                          uint64_t count) const {
    const std::byte* first = bytes_.data() + offset + index * element.size_bytes;
    uint64_t run = 1;
    while (index + run < count &&
           std::memcmp(first, first + run * element.size_bytes, element.size_bytes) == 0) {
      ++run;
    }
    return run;
  }

  bool has(uint64_t offset, uint64_t bytes) const {
    return offset <= bytes_.size() && bytes <= bytes_.size() - offset;
  }

  uint64_t number(uint64_t offset, uint64_t bytes) const {
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + offset, bytes);
    return value;
  }

  std::string scalar(const TypeInfo& type, uint64_t offset) const {
    // Bytes that are missing are named as such; a value of 0 would look like one that was read.
    if (!has(offset, type.size_bytes)) return std::string(kNotThere);
    const bool shown_as_number = type.size_bytes >= 1 && type.size_bytes <= sizeof(uint64_t);
    if (shown_as_number && type.kind == TypeKind::kPointer)
      return pointer(type, number(offset, type.size_bytes));
    if (shown_as_number && type.kind == TypeKind::kEnum)
      return enumerator(type, number(offset, type.size_bytes));
    if (shown_as_number && type.kind == TypeKind::kInteger)
      return integer(type, number(offset, type.size_bytes));
    const uint64_t shown = std::min<uint64_t>(type.size_bytes, kMaxRawBytes);
    return fmt::format("{} bytes: {}{}", type.size_bytes, to_hex(bytes_.subspan(offset, shown)),
                       shown < type.size_bytes ? "..." : "");
  }

  std::string pointer(const TypeInfo& type, uint64_t address) const {
    if (address == 0) return "NULL";
    std::string shown = fmt::format("{:#x}", address);
    const std::string place = options_.symbol ? options_.symbol(address) : "";
    if (!place.empty()) shown += fmt::format(" ({})", printable(place));
    const Result<TypeInfo> target = btf_.type(type.target_id);
    if (!options_.text || !target.ok() || !is_character(*target)) return shown;
    const std::optional<std::string> text = options_.text(address);
    return text ? fmt::format("{} {}", shown, quoted(*text)) : shown;
  }

  std::string enumerator(const TypeInfo& type, uint64_t value) const {
    const std::optional<std::string> named = btf_.enumerator_name(type.id, value);
    return named ? fmt::format("{} ({})", printable(*named), value) : number_text(value);
  }

  std::string integer(const TypeInfo& type, uint64_t value) const {
    const Result<IntegerInfo> info = btf_.integer(type.id);
    if (info.ok() && info->is_bool && value <= 1) return value == 0 ? "false" : "true";
    if (info.ok() && info->is_signed) {
      return fmt::format("{}", sign_extended(value, static_cast<uint32_t>(type.size_bytes) * 8));
    }
    return number_text(value);
  }

  const Btf& btf_;
  std::span<const std::byte> bytes_;
  const TypeTextOptions& options_;
  std::string text_;
  size_t lines_ = 0;
};

}  // namespace

std::string type_text(const Btf& btf, const TypeInfo& type, std::span<const std::byte> bytes,
                      const TypeTextOptions& options) {
  return TypeWriter(btf, bytes, options).write(type);
}

}  // namespace ktape
