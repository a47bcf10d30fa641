// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The numbers of DWARF 4 that are used here (section 7 of its specification).
namespace ktape::dwarf {

inline constexpr uint16_t kVersion = 4;
inline constexpr uint8_t kLanguageC99 = 0x0c;
inline constexpr uint8_t kOpAddr = 0x03;

enum Tag : uint16_t {
  kTagArrayType = 0x01,
  kTagEnumerationType = 0x04,
  kTagFormalParameter = 0x05,
  kTagMember = 0x0d,
  kTagPointerType = 0x0f,
  kTagCompileUnit = 0x11,
  kTagStructureType = 0x13,
  kTagSubroutineType = 0x15,
  kTagTypedef = 0x16,
  kTagUnionType = 0x17,
  kTagUnspecifiedParameters = 0x18,
  kTagSubrangeType = 0x21,
  kTagBaseType = 0x24,
  kTagConstType = 0x26,
  kTagEnumerator = 0x28,
  kTagVariable = 0x34,
  kTagVolatileType = 0x35,
  kTagRestrictType = 0x37,
};

enum At : uint16_t {
  kAtLocation = 0x02,
  kAtName = 0x03,
  kAtByteSize = 0x0b,
  kAtBitSize = 0x0d,
  kAtLanguage = 0x13,
  kAtConstValue = 0x1c,
  kAtProducer = 0x25,
  kAtPrototyped = 0x27,
  kAtCount = 0x37,
  kAtDataMemberLocation = 0x38,
  kAtDeclaration = 0x3c,
  kAtEncoding = 0x3e,
  kAtExternal = 0x3f,
  kAtType = 0x49,
  kAtDataBitOffset = 0x6b,
};

enum Form : uint16_t {
  kFormData4 = 0x06,
  kFormData1 = 0x0b,
  kFormSdata = 0x0d,
  kFormStrp = 0x0e,
  kFormUdata = 0x0f,
  kFormRef4 = 0x13,
  kFormExprloc = 0x18,
  kFormFlagPresent = 0x19,
};

enum Encoding : uint8_t {
  kBoolean = 0x02,
  kFloat = 0x04,
  kSigned = 0x05,
  kSignedChar = 0x06,
  kUnsigned = 0x07,
  kUnsignedChar = 0x08,
};

}  // namespace ktape::dwarf
