// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// A field that is not the same in two records, as text that is safe to print.
struct FieldDifference {
  std::string field;  // as the schema names it
  std::string recorded;
  std::string computed;
};

// Compares two structs of one type field by field, lists and structs within them as a whole, except
// the fields named. `first_fields`: how many fields the struct had in ktape's first release. One
// that was added later and has its default in `recorded` is left out: an older recorder did not
// say.
[[nodiscard]] std::vector<FieldDifference> differences(
    capnp::DynamicStruct::Reader recorded, capnp::DynamicStruct::Reader computed,
    std::initializer_list<std::string_view> except, unsigned first_fields);

}  // namespace ktape
