// SPDX-License-Identifier: Apache-2.0
#include "replay/export/dwarf_abbrev.h"

#include <vector>

#include "replay/export/dwarf_numbers.h"
#include "replay/export/little_endian_writer.h"

namespace ktape {

namespace {

struct Attribute {
  uint16_t name;
  uint16_t form;
};

struct Abbreviation {
  DwarfForm code;
  uint16_t tag;
  bool children;
  std::vector<Attribute> attributes;
};

std::vector<Abbreviation> abbreviations() {
  using enum DwarfForm;
  const Attribute name{dwarf::kAtName, dwarf::kFormStrp};
  const Attribute type{dwarf::kAtType, dwarf::kFormRef4};
  const Attribute size{dwarf::kAtByteSize, dwarf::kFormData4};
  const Attribute offset{dwarf::kAtDataMemberLocation, dwarf::kFormData4};
  const Attribute bits{dwarf::kAtBitSize, dwarf::kFormData1};
  const Attribute bit_offset{dwarf::kAtDataBitOffset, dwarf::kFormData4};
  const Attribute declaration{dwarf::kAtDeclaration, dwarf::kFormFlagPresent};
  const Attribute prototyped{dwarf::kAtPrototyped, dwarf::kFormFlagPresent};
  return {
      {kUnit,
       dwarf::kTagCompileUnit,
       true,
       {{dwarf::kAtProducer, dwarf::kFormStrp}, {dwarf::kAtLanguage, dwarf::kFormData1}, name}},
      {kBase, dwarf::kTagBaseType, false, {name, {dwarf::kAtEncoding, dwarf::kFormData1}, size}},
      {kPointer, dwarf::kTagPointerType, false, {size, type}},
      {kVoidPointer, dwarf::kTagPointerType, false, {size}},
      {kArray, dwarf::kTagArrayType, true, {type}},
      {kRange, dwarf::kTagSubrangeType, false, {{dwarf::kAtCount, dwarf::kFormData4}}},
      {kStruct, dwarf::kTagStructureType, true, {name, size}},
      {kAnonymousStruct, dwarf::kTagStructureType, true, {size}},
      {kUnion, dwarf::kTagUnionType, true, {name, size}},
      {kAnonymousUnion, dwarf::kTagUnionType, true, {size}},
      {kMember, dwarf::kTagMember, false, {name, type, offset}},
      {kAnonymousMember, dwarf::kTagMember, false, {type, offset}},
      {kBitField, dwarf::kTagMember, false, {name, type, bits, bit_offset}},
      {kAnonymousBitField, dwarf::kTagMember, false, {type, bits, bit_offset}},
      {kEnum, dwarf::kTagEnumerationType, true, {name, size}},
      {kAnonymousEnum, dwarf::kTagEnumerationType, true, {size}},
      {kSigned, dwarf::kTagEnumerator, false, {name, {dwarf::kAtConstValue, dwarf::kFormSdata}}},
      {kUnsigned, dwarf::kTagEnumerator, false, {name, {dwarf::kAtConstValue, dwarf::kFormUdata}}},
      {kTypedef, dwarf::kTagTypedef, false, {name, type}},
      {kVoidTypedef, dwarf::kTagTypedef, false, {name}},
      {kConst, dwarf::kTagConstType, false, {type}},
      {kVoidConst, dwarf::kTagConstType, false, {}},
      {kVolatile, dwarf::kTagVolatileType, false, {type}},
      {kVoidVolatile, dwarf::kTagVolatileType, false, {}},
      {kRestrict, dwarf::kTagRestrictType, false, {type}},
      {kForwardStruct, dwarf::kTagStructureType, false, {name, declaration}},
      {kForwardUnion, dwarf::kTagUnionType, false, {name, declaration}},
      {kPrototype, dwarf::kTagSubroutineType, true, {prototyped, type}},
      {kVoidPrototype, dwarf::kTagSubroutineType, true, {prototyped}},
      {kParameter, dwarf::kTagFormalParameter, false, {type}},
      {kMoreParameters, dwarf::kTagUnspecifiedParameters, false, {}},
      {kVariable,
       dwarf::kTagVariable,
       false,
       {name,
        type,
        {dwarf::kAtExternal, dwarf::kFormFlagPresent},
        {dwarf::kAtLocation, dwarf::kFormExprloc}}},
  };
}

}  // namespace

std::string dwarf_abbrevs() {
  LittleEndianWriter out;
  for (const Abbreviation& one : abbreviations()) {
    out.uleb(static_cast<uint8_t>(one.code));
    out.uleb(one.tag);
    out.u8(one.children ? 1 : 0);
    for (const Attribute& attribute : one.attributes) {
      out.uleb(attribute.name);
      out.uleb(attribute.form);
    }
    out.u16(0);  // name and form 0 end the attributes
  }
  out.u8(0);
  return out.take();
}

}  // namespace ktape
