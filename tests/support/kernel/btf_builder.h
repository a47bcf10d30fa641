// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

struct btf;

namespace ktape::test {

// Builds BTF for a test, type by type. Each verb returns the new type's id; a mistake ends the
// program.
class BtfBuilder {
 public:
  struct Field {
    std::string name;  // empty: anonymous
    int type = 0;
    uint32_t offset_bytes = 0;
    uint32_t bit_size = 0;    // 0: not a bit-field
    uint32_t bit_offset = 0;  // within offset_bytes
  };

  BtfBuilder();
  ~BtfBuilder();
  BtfBuilder(const BtfBuilder&) = delete;
  BtfBuilder& operator=(const BtfBuilder&) = delete;

  int integer(const std::string& name, uint32_t bytes);
  int signed_integer(const std::string& name, uint32_t bytes);
  int boolean(const std::string& name);
  int pointer(int target);
  int array(int element, uint32_t elements);
  int constant(int target);
  int typedef_of(const std::string& name, int target);
  int forward(const std::string& name);
  int structure(const std::string& name, uint32_t bytes, const std::vector<Field>& fields);
  int union_of(const std::string& name, uint32_t bytes, const std::vector<Field>& fields);
  int enumeration(const std::string& name,
                  const std::vector<std::pair<std::string, int64_t>>& values);
  int enumeration64(const std::string& name,
                    const std::vector<std::pair<std::string, uint64_t>>& values);
  // A function that returns nothing.
  int function(const std::string& name, const std::vector<std::pair<std::string, int>>& parameters);
  int per_cpu_variable(const std::string& name, int type);

  [[nodiscard]] std::vector<std::byte> bytes() const;

 private:
  void add_fields(const std::vector<Field>& fields);

  btf* btf_;
  int array_index_;
};

}  // namespace ktape::test
