// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/sysfs_text.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

uint32_t count(std::string_view text) {
  auto cpus = count_cpu_list(text);
  REQUIRE(cpus.ok());
  return *cpus;
}

TEST_CASE("A CPU list counts single CPUs and ranges") {
  CHECK(count("0\n") == 1);
  CHECK(count("0-3\n") == 4);
  CHECK(count("0-1,4,6-7\n") == 5);
}

TEST_CASE("An empty CPU list has no CPUs") { CHECK(count("\n") == 0); }

TEST_CASE("Text that is not a CPU list is refused") {
  CHECK_FALSE(count_cpu_list("a\n"));
  CHECK_FALSE(count_cpu_list("0-\n"));
  CHECK_FALSE(count_cpu_list("3-1\n"));
  CHECK_FALSE(count_cpu_list("0,,1\n"));
}

TEST_CASE("vmcoreinfo is a physical address and a size in hex") {
  auto info = parse_vmcoreinfo("0x0000000001bb0000 1024\n");
  REQUIRE(info.ok());
  CHECK(info->address == 0x1bb0000);
  CHECK(info->bytes == 0x1024);
}

TEST_CASE("vmcoreinfo that lacks its size is refused") {
  CHECK_FALSE(parse_vmcoreinfo("0x1bb0000\n"));
  CHECK_FALSE(parse_vmcoreinfo("0x1bb0000 \n"));
}

TEST_CASE("A port is found by the whole of its name") {
  std::vector<VirtioPort> ports = {
      {"vport0p0", ""}, {"vport1p1", "org.ktape.agent.0\n"}, {"vport1p2", "org.ktape.agent\n"}};
  CHECK(find_port(ports, "org.ktape.agent") == "vport1p2");
}

TEST_CASE("No port is found where none has the name") {
  CHECK_FALSE(find_port({{"vport0p0", "\n"}}, "org.ktape.agent").has_value());
  CHECK_FALSE(find_port({}, "org.ktape.agent").has_value());
}

}  // namespace
}  // namespace ktape
