// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// A field that differs between two records, as text that is safe to print.
struct FieldDifference {
  std::string field;  // its name in the schema
  std::string recorded;
  std::string computed;
};

// Compares two structs of one type field by field, lists and structs within them as a whole, except
// the named fields. `first_fields`: the number of fields that the struct had in ktape's first
// release. A field that was added later and has its default in `recorded` is left out: an older
// recorder did not record it.
[[nodiscard]] std::vector<FieldDifference> differences(
    capnp::DynamicStruct::Reader recorded, capnp::DynamicStruct::Reader computed,
    std::initializer_list<std::string_view> except, unsigned first_fields);

}  // namespace ktape
