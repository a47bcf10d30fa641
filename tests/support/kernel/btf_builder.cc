// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/btf_builder.h"

#include <bpf/btf.h>

#include "schema/base/result.h"

namespace ktape::test {

namespace {

int made(int id) {
  KTAPE_CHECK(id > 0);
  return id;
}

}  // namespace

BtfBuilder::BtfBuilder() : btf_(btf__new_empty()) {
  KTAPE_CHECK(btf_ != nullptr);
  array_index_ = integer("__ARRAY_SIZE_TYPE__", 4);
}

BtfBuilder::~BtfBuilder() { btf__free(btf_); }

int BtfBuilder::integer(const std::string& name, uint32_t bytes) {
  return made(btf__add_int(btf_, name.c_str(), bytes, 0));
}

int BtfBuilder::signed_integer(const std::string& name, uint32_t bytes) {
  return made(btf__add_int(btf_, name.c_str(), bytes, BTF_INT_SIGNED));
}

int BtfBuilder::boolean(const std::string& name) {
  return made(btf__add_int(btf_, name.c_str(), 1, BTF_INT_BOOL));
}

int BtfBuilder::pointer(int target) { return made(btf__add_ptr(btf_, target)); }

int BtfBuilder::array(int element, uint32_t elements) {
  return made(btf__add_array(btf_, array_index_, element, elements));
}

int BtfBuilder::constant(int target) { return made(btf__add_const(btf_, target)); }

int BtfBuilder::typedef_of(const std::string& name, int target) {
  return made(btf__add_typedef(btf_, name.c_str(), target));
}

int BtfBuilder::forward(const std::string& name) {
  return made(btf__add_fwd(btf_, name.c_str(), BTF_FWD_STRUCT));
}

void BtfBuilder::add_fields(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    KTAPE_CHECK(btf__add_field(btf_, field.name.c_str(), field.type,
                               field.offset_bytes * 8 + field.bit_offset, field.bit_size) == 0);
  }
}

int BtfBuilder::structure(const std::string& name, uint32_t bytes,
                          const std::vector<Field>& fields) {
  const int id = made(btf__add_struct(btf_, name.c_str(), bytes));
  add_fields(fields);
  return id;
}

int BtfBuilder::union_of(const std::string& name, uint32_t bytes,
                         const std::vector<Field>& fields) {
  const int id = made(btf__add_union(btf_, name.c_str(), bytes));
  add_fields(fields);
  return id;
}

int BtfBuilder::enumeration(const std::string& name,
                            const std::vector<std::pair<std::string, int64_t>>& values) {
  const int id = made(btf__add_enum(btf_, name.c_str(), 4));
  for (const auto& [named, value] : values)
    KTAPE_CHECK(btf__add_enum_value(btf_, named.c_str(), value) == 0);
  return id;
}

int BtfBuilder::enumeration64(const std::string& name,
                              const std::vector<std::pair<std::string, uint64_t>>& values) {
  const int id = made(btf__add_enum64(btf_, name.c_str(), 8, false));
  for (const auto& [named, value] : values)
    KTAPE_CHECK(btf__add_enum64_value(btf_, named.c_str(), value) == 0);
  return id;
}

int BtfBuilder::function(const std::string& name,
                         const std::vector<std::pair<std::string, int>>& parameters) {
  const int prototype = made(btf__add_func_proto(btf_, 0));
  for (const auto& [parameter, type] : parameters) {
    KTAPE_CHECK(btf__add_func_param(btf_, parameter.c_str(), type) == 0);
  }
  return made(btf__add_func(btf_, name.c_str(), BTF_FUNC_GLOBAL, prototype));
}

int BtfBuilder::per_cpu_variable(const std::string& name, int type) {
  return made(btf__add_var(btf_, name.c_str(), BTF_VAR_GLOBAL_ALLOCATED, type));
}

std::vector<std::byte> BtfBuilder::bytes() const {
  uint32_t size = 0;
  const auto* data = static_cast<const std::byte*>(btf__raw_data(btf_, &size));
  KTAPE_CHECK(data != nullptr);
  return {data, data + size};
}

}  // namespace ktape::test
