// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape::test {

// A line of a format.
inline std::string field_line(const std::string& declaration, uint32_t offset, uint32_t size,
                              bool is_signed) {
  return "\tfield:" + declaration + ";\toffset:" + std::to_string(offset) +
         ";\tsize:" + std::to_string(size) + ";\tsigned:" + (is_signed ? "1" : "0") + ";\n";
}

// A format as the kernel prints it, with the common header.
inline std::string format_text(const std::string& name, uint32_t id, const std::string& fields,
                               const std::string& print_format = "\"\"") {
  return "name: " + name + "\nID: " + std::to_string(id) + "\nformat:\n" +
         field_line("unsigned short common_type", 0, 2, false) +
         field_line("unsigned char common_flags", 2, 1, false) +
         field_line("unsigned char common_preempt_count", 3, 1, false) +
         field_line("int common_pid", 4, 4, true) + "\n" + fields + "\nprint fmt: " + print_format +
         "\n";
}

}  // namespace ktape::test
