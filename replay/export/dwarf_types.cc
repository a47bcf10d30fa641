// SPDX-License-Identifier: Apache-2.0
#include "replay/export/dwarf_types.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/export/dwarf_abbrev.h"
#include "replay/export/dwarf_numbers.h"
#include "replay/export/little_endian_writer.h"

namespace ktape {

namespace {

using enum DwarfForm;

constexpr uint32_t kPointerBytes = 8;
constexpr uint64_t kMaxStackBytes = 1 << 20;

// Ordinary globals, whose types BTF does not have: those by which readers of cores find tasks,
// CPUs, time, memory and sched_ext. A name that a kernel does not have is left out.
struct KnownVariable {
  std::string_view name;
  BtfKind kind;  // of the type with the next name
  std::string_view type;
  int stars = 0;          // how often it is a pointer
  bool of_words = false;  // an array of these, each of 8 bytes, up to the next symbol
};

constexpr KnownVariable kKnown[] = {
    {"__cpu_active_mask", BtfKind::kStruct, "cpumask"},
    {"__cpu_online_mask", BtfKind::kStruct, "cpumask"},
    {"__cpu_possible_mask", BtfKind::kStruct, "cpumask"},
    {"__cpu_present_mask", BtfKind::kStruct, "cpumask"},
    {"__per_cpu_offset", BtfKind::kInteger, "long unsigned int", 0, true},
    {"cgrp_dfl_root", BtfKind::kStruct, "cgroup_root"},
    {"init_mm", BtfKind::kStruct, "mm_struct"},
    {"init_pid_ns", BtfKind::kStruct, "pid_namespace"},
    {"init_task", BtfKind::kStruct, "task_struct"},
    {"init_uts_ns", BtfKind::kStruct, "uts_namespace"},
    {"jiffies", BtfKind::kInteger, "long unsigned int"},
    {"jiffies_64", BtfKind::kTypedef, "u64"},
    {"mem_section", BtfKind::kStruct, "mem_section", 2},
    {"modules", BtfKind::kStruct, "list_head"},
    {"node_data", BtfKind::kStruct, "pglist_data", 1, true},
    {"nr_cpu_ids", BtfKind::kInteger, "unsigned int"},
    {"page_offset_base", BtfKind::kInteger, "long unsigned int"},
    {"root_task_group", BtfKind::kStruct, "task_group"},
    {"scx_root", BtfKind::kStruct, "scx_sched", 1},
    {"vmalloc_base", BtfKind::kInteger, "long unsigned int"},
    {"vmemmap_base", BtfKind::kInteger, "long unsigned int"},
};

bool is_character(std::string_view name) {
  return name == "char" || name == "signed char" || name == "unsigned char";
}

uint8_t encoding_of(const BtfInteger& integer, std::string_view name) {
  if (integer.is_bool || name == "_Bool") return dwarf::kBoolean;
  if (integer.is_character || is_character(name))
    return integer.is_signed ? dwarf::kSignedChar : dwarf::kUnsignedChar;
  return integer.is_signed ? dwarf::kSigned : dwarf::kUnsigned;
}

// Bytes from a symbol to the next one.
uint64_t bytes_at(const SymbolTable& symbols, uint64_t address) {
  const auto next =
      std::ranges::upper_bound(symbols.symbols(), address, {}, &SymbolTable::Symbol::address);
  return next == symbols.symbols().end() ? 0 : next->address - address;
}

class Unit {
 public:
  Unit(const BtfTable& types, const SymbolTable& symbols)
      : types_(types), symbols_(symbols), strings_(types.strings()), places_(types.size()) {}

  DwarfSections make() {
    begin();
    for (uint32_t id = 1; id < types_.size(); ++id) add_type(id);
    for (uint32_t id = 1; id < types_.size(); ++id) add_variable(types_.type(id));
    for (const KnownVariable& known : kKnown) add_known(known);
    add_thread_union();
    form(kEnd);
    for (const auto& [at, id] : references_)
      out_.set_u32(at, places_[id] != 0 ? places_[id] : nothing_);
    out_.set_u32(0, static_cast<uint32_t>(out_.size() - sizeof(uint32_t)));
    sections_.info = out_.take();
    sections_.abbrev = dwarf_abbrevs();
    sections_.strings = std::move(strings_);
    return std::move(sections_);
  }

 private:
  struct Reference {
    size_t at;
    uint32_t id;
  };

  void begin() {
    out_.u32(0);  // the length, set at the end
    out_.u16(dwarf::kVersion);
    out_.u32(0);  // where its abbreviations begin
    out_.u8(kPointerBytes);
    form(kUnit);
    out_.u32(add_string("ktape, from BTF"));
    out_.u8(dwarf::kLanguageC99);
    out_.u32(add_string("vmlinux"));
    // What stands for a type that must be there, and is void in malformed BTF.
    nothing_ = here();
    form(kBase);
    out_.u32(add_string("void"));
    out_.u8(dwarf::kUnsigned);
    out_.u32(0);
  }

  [[nodiscard]] uint32_t here() const { return static_cast<uint32_t>(out_.size()); }
  void form(DwarfForm form) { out_.uleb(static_cast<uint8_t>(form)); }

  uint32_t add_string(std::string_view text) {
    const auto at = static_cast<uint32_t>(strings_.size());
    strings_.append(text);
    strings_.push_back('\0');
    return at;
  }

  // The type that is meant: tags are not types in DWARF.
  [[nodiscard]] uint32_t without_tags(uint32_t id) const {
    constexpr int kMaxTags = 64;  // malformed BTF may go in circles
    for (int i = 0; i < kMaxTags; ++i) {
      const BtfType type = types_.type(id);
      const bool tag = type.kind == BtfKind::kTypeTag || type.kind == BtfKind::kDeclTag;
      if (!tag && type.kind != BtfKind::kFunction) return id;
      id = type.target;
    }
    return 0;
  }

  void reference(uint32_t id) {
    references_.push_back({out_.size(), without_tags(id)});
    out_.u32(0);
  }

  void add_type(uint32_t id) {
    const BtfType type = types_.type(id);
    const uint32_t place = here();
    if (!add_entry(type)) return;
    places_[id] = place;
    ++sections_.types;
  }

  // False for what is not a type.
  bool add_entry(const BtfType& type) {
    switch (type.kind) {
      case BtfKind::kInteger: return base(type, integer_encoding(type));
      case BtfKind::kFloat: return base(type, dwarf::kFloat);
      case BtfKind::kPointer: return pointer(type.target);
      case BtfKind::kArray: return array(types_.array(type));
      case BtfKind::kStruct: return composite(type, kStruct, kAnonymousStruct);
      case BtfKind::kUnion: return composite(type, kUnion, kAnonymousUnion);
      case BtfKind::kEnum:
      case BtfKind::kEnum64: return enumeration(type);
      case BtfKind::kForward: return named(type.flag ? kForwardUnion : kForwardStruct, type);
      case BtfKind::kTypedef: return type_definition(type);
      case BtfKind::kConst: return qualifier(type, kConst, kVoidConst);
      case BtfKind::kVolatile: return qualifier(type, kVolatile, kVoidVolatile);
      case BtfKind::kRestrict: return qualifier(type, kRestrict, kRestrict);
      case BtfKind::kFunctionProto: return prototype(type);
      default: return false;
    }
  }

  [[nodiscard]] uint8_t integer_encoding(const BtfType& type) const {
    return encoding_of(types_.integer(type), types_.text(type.name));
  }

  bool base(const BtfType& type, uint8_t encoding) {
    named(kBase, type);
    out_.u8(encoding);
    out_.u32(type.size);
    return true;
  }

  bool named(DwarfForm which, const BtfType& type) {
    form(which);
    out_.u32(type.name);
    return true;
  }

  bool pointer(uint32_t target) {
    const bool is_void = without_tags(target) == 0;
    form(is_void ? kVoidPointer : kPointer);
    out_.u32(kPointerBytes);
    if (!is_void) reference(target);
    return true;
  }

  bool array(const BtfArray& array) {
    form(kArray);
    reference(array.element);
    range(array.count);
    return true;
  }

  void range(uint32_t count) {
    form(kRange);
    out_.u32(count);
    form(kEnd);
  }

  bool composite(const BtfType& type, DwarfForm with_name, DwarfForm without) {
    form(type.name != 0 ? with_name : without);
    if (type.name != 0) out_.u32(type.name);
    out_.u32(type.size);
    for (uint32_t i = 0; i < type.count; ++i) member(types_.member(type, i));
    form(kEnd);
    return true;
  }

  void member(const BtfMember& member) {
    const bool anonymous = member.name == 0;
    if (member.bits != 0) {
      form(anonymous ? kAnonymousBitField : kBitField);
    } else {
      form(anonymous ? kAnonymousMember : kMember);
    }
    if (!anonymous) out_.u32(member.name);
    reference(member.type);
    if (member.bits != 0) out_.u8(static_cast<uint8_t>(member.bits));
    out_.u32(member.bits != 0 ? member.bit_offset : member.bit_offset / 8);
  }

  bool enumeration(const BtfType& type) {
    form(type.name != 0 ? kEnum : kAnonymousEnum);
    if (type.name != 0) out_.u32(type.name);
    out_.u32(type.size);
    for (uint32_t i = 0; i < type.count; ++i) {
      const BtfEnumerator one = types_.enumerator(type, i);
      form(type.flag ? kSigned : kUnsigned);
      out_.u32(one.name);
      type.flag ? out_.sleb(static_cast<int64_t>(one.value)) : out_.uleb(one.value);
    }
    form(kEnd);
    return true;
  }

  bool type_definition(const BtfType& type) {
    const bool is_void = without_tags(type.target) == 0;
    named(is_void ? kVoidTypedef : kTypedef, type);
    if (!is_void) reference(type.target);
    return true;
  }

  bool qualifier(const BtfType& type, DwarfForm with_type, DwarfForm of_void) {
    const bool is_void = with_type != of_void && without_tags(type.target) == 0;
    form(is_void ? of_void : with_type);
    if (!is_void) reference(type.target);
    return true;
  }

  bool prototype(const BtfType& type) {
    const bool is_void = without_tags(type.target) == 0;
    form(is_void ? kVoidPrototype : kPrototype);
    if (!is_void) reference(type.target);
    for (uint32_t i = 0; i < type.count; ++i) {
      const uint32_t parameter = types_.parameter(type, i).type;
      form(parameter == 0 ? kMoreParameters : kParameter);
      if (parameter != 0) reference(parameter);
    }
    form(kEnd);
    return true;
  }

  void add_variable(const BtfType& type) {
    if (type.kind != BtfKind::kVariable) return;
    const std::string_view name = types_.text(type.name);
    const std::optional<uint64_t> address = symbols_.find(name);
    if (!address || !variables_.emplace(name, *address).second) return;
    form(kVariable);
    out_.u32(type.name);
    reference(type.target);
    location(*address);
  }

  void location(uint64_t address) {
    out_.uleb(1 + sizeof address);
    out_.u8(dwarf::kOpAddr);
    out_.u64(address);
    ++sections_.variables;
  }

  void add_known(const KnownVariable& known) {
    const std::optional<uint64_t> address = symbols_.find(known.name);
    const std::optional<uint32_t> type = find_type(known.kind, known.type);
    if (!address || !type || !variables_.emplace(known.name, *address).second) return;
    const uint32_t place = shaped(known, *type, *address);
    form(kVariable);
    out_.u32(add_string(known.name));
    out_.u32(place);
    location(*address);
  }

  // Adds what is needed for the type of a known variable; where it is.
  uint32_t shaped(const KnownVariable& known, uint32_t type, uint64_t address) {
    uint32_t place = places_[type];
    for (int i = 0; i < known.stars; ++i) {
      const uint32_t target = std::exchange(place, here());
      form(kPointer);
      out_.u32(kPointerBytes);
      out_.u32(target);
    }
    return known.of_words ? words(place, bytes_at(symbols_, address)) : place;
  }

  // Adds an array of things of 8 bytes.
  uint32_t words(uint32_t element, uint64_t bytes) {
    const uint32_t place = here();
    form(kArray);
    out_.u32(element);
    range(static_cast<uint32_t>(bytes / sizeof(uint64_t)));
    return place;
  }

  // Nothing in the kernel but a section of its image has this type, so that BTF leaves it out.
  // crash takes the size of a stack from it.
  void add_thread_union() {
    const auto start = symbols_.find("__start_init_stack");
    const auto end = symbols_.find("__end_init_stack");
    const auto element = find_type(BtfKind::kInteger, "long unsigned int");
    if (!start || !end || *start >= *end || *end - *start > kMaxStackBytes || !element) return;
    if (find_type(BtfKind::kUnion, "thread_union")) return;
    const uint32_t stack = words(places_[*element], *end - *start);
    form(kUnion);
    out_.u32(add_string("thread_union"));
    out_.u32(static_cast<uint32_t>(*end - *start));
    form(kMember);
    out_.u32(add_string("stack"));
    out_.u32(stack);
    out_.u32(0);
    form(kEnd);
    ++sections_.types;
  }

  [[nodiscard]] std::optional<uint32_t> find_type(BtfKind kind, std::string_view name) {
    if (by_name_.empty()) {
      for (uint32_t id = 1; id < types_.size(); ++id) {
        const BtfType type = types_.type(id);
        if (places_[id] != 0) by_name_.emplace(std::pair(type.kind, types_.text(type.name)), id);
      }
    }
    const auto found = by_name_.find({kind, name});
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
  }

  const BtfTable& types_;
  const SymbolTable& symbols_;
  LittleEndianWriter out_;
  DwarfSections sections_;
  std::string strings_;
  std::vector<uint32_t> places_;  // by id; 0: none
  std::vector<Reference> references_;
  uint32_t nothing_ = 0;
  std::map<std::string_view, uint64_t> variables_;
  std::map<std::pair<BtfKind, std::string_view>, uint32_t> by_name_;
};

}  // namespace

DwarfSections make_dwarf(const BtfTable& types, const SymbolTable& symbols) {
  return Unit(types, symbols).make();
}

}  // namespace ktape
