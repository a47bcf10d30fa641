// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <string>

#include "schema/tape/reading/reader.h"

namespace ktape {

// A record as one line of JSON, with its line end:
// {"format":1,"seq":"1","hostNs":"0","guestNs":"0","kind":"runStarted","runStarted":{...}}. 64-bit
// integers are strings of digits. Data that is text is a string, other Data is {"hex":"..."};
// digests, build ids, memory contents and trace pages are always a string of hex digits. Fields
// that the record does not have are left out. A kind that this build does not know has
// "kind":"unknown" and "kindNumber". Throws kj::Exception if the record cannot be read.
[[nodiscard]] std::string json_line(const RecordView& view);

// A part of a record by itself, in the same form. Throws as json_line.
[[nodiscard]] std::string json_text(capnp::DynamicStruct::Reader part);

// The value of one field, in the same form. Throws as json_line.
[[nodiscard]] std::string json_field(capnp::DynamicStruct::Reader part,
                                     capnp::StructSchema::Field field);

}  // namespace ktape
