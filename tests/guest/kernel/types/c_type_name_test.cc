// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/c_type_name.h"

#include <catch2/catch_test_macros.hpp>

using namespace ktape;
using Names = std::vector<std::string>;

TEST_CASE("an integer type of C has the names of both compilers in BTF") {
  CHECK(btf_names_of("unsigned long") == Names{"long unsigned int", "unsigned long"});
  CHECK(btf_names_of(" int  unsigned long") == Names{"long unsigned int", "unsigned long"});
  CHECK(btf_names_of("long long") == Names{"long long int", "long long"});
  CHECK(btf_names_of("unsigned long long int").front() == "long long unsigned int");
  CHECK(btf_names_of("short") == Names{"short int", "short"});
  CHECK(btf_names_of("unsigned short").front() == "short unsigned int");
  CHECK(btf_names_of("unsigned") == Names{"unsigned int"});
  CHECK(btf_names_of("signed") == Names{"int"});
  CHECK(btf_names_of("char") == Names{"char"});
  CHECK(btf_names_of("signed char") == Names{"signed char"});
  CHECK(btf_names_of("char unsigned") == Names{"unsigned char"});
}

TEST_CASE("what is no integer type of C has no name") {
  for (const char* name : {"", " ", "u64", "struct rq", "long long long", "long short", "char int",
                           "unsigned signed", "unsigned unsigned", "int int", "unsigned x"})
    CHECK(btf_names_of(name).empty());
}
