// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

// The forms of entries in the .debug_info of make_dwarf(); each is a code in .debug_abbrev.
enum class DwarfForm : uint8_t {
  kEnd = 0,          // of the children of an entry
  kUnit,             // producer, language, name
  kBase,             // name, encoding, size
  kPointer,          // size, type
  kVoidPointer,      // size
  kArray,            // type; one kRange
  kRange,            // number of elements
  kStruct,           // name, size; members
  kAnonymousStruct,  // size; members
  kUnion,            // as above
  kAnonymousUnion,
  kMember,             // name, type, offset in bytes
  kAnonymousMember,    // type, offset in bytes
  kBitField,           // name, type, bits, offset in bits
  kAnonymousBitField,  // type, bits, offset in bits
  kEnum,               // name, size; enumerators
  kAnonymousEnum,      // size; enumerators
  kSigned,             // an enumerator: name, value of 8 bytes
  kUnsigned,
  kTypedef,      // name, type
  kVoidTypedef,  // name
  kConst,        // type
  kVoidConst,
  kVolatile,  // type
  kVoidVolatile,
  kRestrict,        // type
  kForwardStruct,   // name
  kForwardUnion,    // name
  kPrototype,       // type of the result; parameters
  kVoidPrototype,   // parameters
  kParameter,       // type
  kMoreParameters,  // "..."
  kVariable,        // name, type, address
};

// The contents of .debug_abbrev.
[[nodiscard]] std::string dwarf_abbrevs();

}  // namespace ktape
