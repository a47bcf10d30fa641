// SPDX-License-Identifier: Apache-2.0
#include "replay/slim/slim_btf.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string_view>

#include "guest/kernel/types/btf_table.h"

namespace ktape {

namespace {

// A type in BTF: name, info, and a size or another type's id.
constexpr size_t kTypeBytes = 12;
constexpr uint32_t kFlag = uint32_t{1} << 31;

// Types and strings of the new BTF (include/uapi/linux/btf.h).
class BtfText {
 public:
  BtfText() { strings_.push_back(std::byte{0}); }

  void put(uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8)
      types_.push_back(static_cast<std::byte>(word >> shift & 0xff));
  }
  void put_name(std::string_view name) { put(offset_of(name)); }
  void put_head(std::string_view name, BtfKind kind, bool flag, uint32_t count,
                uint32_t size_or_type) {
    put_name(name);
    put((flag ? kFlag : 0) | static_cast<uint32_t>(kind) << 24 | count);
    put(size_or_type);
  }

  [[nodiscard]] std::vector<std::byte> finish() const {
    BtfText whole;
    whole.put(0x0001eb9f);  // magic number and version
    whole.put(24);          // bytes of this header
    whole.put(0);
    whole.put(static_cast<uint32_t>(types_.size()));
    whole.put(static_cast<uint32_t>(types_.size()));
    whole.put(static_cast<uint32_t>(strings_.size()));
    whole.types_.insert(whole.types_.end(), types_.begin(), types_.end());
    whole.types_.insert(whole.types_.end(), strings_.begin(), strings_.end());
    return whole.types_;
  }

 private:
  uint32_t offset_of(std::string_view name) {
    if (name.empty()) return 0;
    const auto [at, is_new] =
        offsets_.try_emplace(std::string(name), static_cast<uint32_t>(strings_.size()));
    if (is_new) {
      const auto* first = reinterpret_cast<const std::byte*>(name.data());
      strings_.insert(strings_.end(), first, first + name.size());
      strings_.push_back(std::byte{0});
    }
    return at->second;
  }

  std::vector<std::byte> types_;
  std::vector<std::byte> strings_;
  std::map<std::string, uint32_t> offsets_;
};

bool is_composite(BtfKind kind) { return kind == BtfKind::kStruct || kind == BtfKind::kUnion; }
bool is_enum(BtfKind kind) { return kind == BtfKind::kEnum || kind == BtfKind::kEnum64; }

// A typedef, or a qualifier, on the way to a type.
bool passes_on(BtfKind kind) {
  switch (kind) {
    case BtfKind::kTypedef:
    case BtfKind::kVolatile:
    case BtfKind::kConst:
    case BtfKind::kRestrict:
    case BtfKind::kTypeTag: return true;
    default: return false;
  }
}

class Slimmer {
 public:
  Slimmer(std::span<const std::byte> raw, const BtfTable& table)
      : raw_(raw), table_(table), kept_(table.size()) {}

  std::vector<std::byte> slim(const BtfRoots& roots) {
    // Roots first; `open_` then holds types whose parts are still to be kept.
    for (uint32_t id = 1; id < table_.size(); ++id) {
      if (is_root(table_.type(id), roots)) keep(id, Extent::kWhole);
    }
    while (!open_.empty()) {
      const uint32_t id = open_.back();
      open_.pop_back();
      keep_parts(id, table_.type(id));
    }
    // Ids are dense in BTF, so those that are kept get new ones.
    number();
    for (uint32_t id = 1; id < table_.size(); ++id) {
      if (new_ids_[id] != 0) write(id, table_.type(id));
    }
    return text_.finish();
  }

 private:
  enum class Extent : uint8_t { kNot, kByName, kWhole };

  [[nodiscard]] uint32_t word(size_t at) const {
    uint32_t value;
    std::memcpy(&value, raw_.data() + at, sizeof value);
    return value;
  }
  [[nodiscard]] std::string_view text(uint32_t name) const { return table_.text(name); }

  [[nodiscard]] bool is_root(const BtfType& type, const BtfRoots& roots) const {
    const std::string name(text(type.name));
    const auto begins = [&](const std::string& prefix) { return name.starts_with(prefix); };
    switch (type.kind) {
      // Integers are few, and everything refers to them.
      case BtfKind::kInteger: return true;
      case BtfKind::kTypedef: return roots.types.contains(name);
      case BtfKind::kVariable:
        return roots.variables.contains(name) || std::ranges::any_of(roots.prefixes, begins);
      case BtfKind::kStruct:
      case BtfKind::kUnion:
      case BtfKind::kEnum:
      case BtfKind::kEnum64: break;
      default: return false;
    }
    if (name.empty()) return false;
    const char* word = type.kind == BtfKind::kStruct  ? "struct "
                       : type.kind == BtfKind::kUnion ? "union "
                                                      : "enum ";
    return roots.types.contains(word + name) || std::ranges::any_of(roots.prefixes, begins);
  }

  void keep(uint32_t id, Extent how) {
    // kByName < kWhole: a type that was kept by name may still be needed as a whole.
    if (id == 0 || kept_[id] >= how) return;
    kept_[id] = how;
    open_.push_back(id);
  }

  void keep_parts(uint32_t id, const BtfType& type) {
    // A type without a name cannot be declared forward.
    if (is_composite(type.kind) && type.name == 0) kept_[id] = Extent::kWhole;
    if (is_composite(type.kind) && kept_[id] == Extent::kWhole) {
      for (uint32_t i = 0; i < type.count; ++i) keep(table_.member(type, i).type, Extent::kWhole);
    } else if (type.kind == BtfKind::kPointer) {
      // What is only pointed at keeps its name, so that texts still say "struct x *".
      keep(type.target, Extent::kByName);
    } else if (type.kind == BtfKind::kArray) {
      keep(table_.array(type).element, Extent::kWhole);
      keep(index_type(type), Extent::kWhole);
    } else if (type.kind == BtfKind::kVariable) {
      keep(type.target, Extent::kWhole);
    } else if (passes_on(type.kind)) {
      keep(type.target, kept_[id]);
    }
  }

  // The element type, the index type, the number of elements.
  [[nodiscard]] uint32_t index_type(const BtfType& array) const {
    const uint32_t id = word(array.first_item + 4);
    return table_.contains(id) ? id : 0;
  }

  [[nodiscard]] bool is_left_out(uint32_t id, const BtfType& type) const {
    if (type.kind == BtfKind::kDataSection) return variables_of(type).empty();
    return kept_[id] == Extent::kNot || type.kind == BtfKind::kFunction ||
           type.kind == BtfKind::kDeclTag;
  }

  // The offsets of a section's kept variables.
  [[nodiscard]] std::vector<size_t> variables_of(const BtfType& section) const {
    std::vector<size_t> entries;
    for (uint32_t i = 0; i < section.count; ++i) {
      const size_t at = section.first_item + size_t{i} * kTypeBytes;
      const uint32_t variable = word(at);
      if (table_.contains(variable) && kept_[variable] != Extent::kNot) entries.push_back(at);
    }
    return entries;
  }

  void number() {
    new_ids_.assign(table_.size(), 0);
    uint32_t next = 1;
    for (uint32_t id = 1; id < table_.size(); ++id) {
      if (!is_left_out(id, table_.type(id))) new_ids_[id] = next++;
    }
  }

  void write(uint32_t id, const BtfType& type) {
    const std::string_view name = text(type.name);
    if (is_composite(type.kind) && kept_[id] != Extent::kWhole) {
      return text_.put_head(name, BtfKind::kForward, type.kind == BtfKind::kUnion, 0, 0);
    }
    if (type.kind == BtfKind::kFunctionProto) return text_.put_head(name, type.kind, false, 0, 0);
    if (type.kind == BtfKind::kDataSection) return write_section(type);
    const uint32_t refers_to = type.target;  // 0 for kinds that have a size there
    text_.put_head(name, type.kind, type.flag, type.count,
                   refers_to != 0 ? new_ids_[refers_to] : type.size);
    if (is_composite(type.kind)) {
      for (uint32_t i = 0; i < type.count; ++i) {
        const BtfMember member = table_.member(type, i);
        text_.put_name(text(member.name));
        text_.put(new_ids_[member.type]);
        text_.put(word(type.first_item + size_t{i} * kTypeBytes + 8));
      }
    } else if (is_enum(type.kind)) {
      write_enumerators(type);
    } else if (type.kind == BtfKind::kArray) {
      text_.put(new_ids_[table_.array(type).element]);
      text_.put(new_ids_[index_type(type)]);
      text_.put(table_.array(type).count);
    } else if (type.kind == BtfKind::kInteger || type.kind == BtfKind::kVariable) {
      text_.put(word(type.first_item));
    }
  }

  void write_section(const BtfType& type) {
    const std::vector<size_t> entries = variables_of(type);
    text_.put_head(text(type.name), type.kind, type.flag, static_cast<uint32_t>(entries.size()),
                   word(type.first_item - 4));
    for (const size_t at : entries) {
      text_.put(new_ids_[word(at)]);
      text_.put(word(at + 4));
      text_.put(word(at + 8));
    }
  }

  void write_enumerators(const BtfType& type) {
    for (uint32_t i = 0; i < type.count; ++i) {
      const BtfEnumerator enumerator = table_.enumerator(type, i);
      text_.put_name(text(enumerator.name));
      text_.put(static_cast<uint32_t>(enumerator.value));
      if (type.kind == BtfKind::kEnum64) text_.put(static_cast<uint32_t>(enumerator.value >> 32));
    }
  }

  std::span<const std::byte> raw_;
  const BtfTable& table_;
  std::vector<Extent> kept_;  // by id
  std::vector<uint32_t> open_;
  std::vector<uint32_t> new_ids_;  // by id; 0: left out
  BtfText text_;
};

}  // namespace

Result<std::vector<std::byte>> slim_btf(std::span<const std::byte> raw, const BtfRoots& roots) {
  KTAPE_ASSIGN(const BtfTable table, BtfTable::parse(raw));
  return Slimmer(raw, table).slim(roots);
}

}  // namespace ktape
