// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/sysfs_text.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

std::vector<uint32_t> listed(std::string_view text) {
  auto cpus = list_cpus(text);
  REQUIRE(cpus.ok());
  return *cpus;
}

TEST_CASE("A CPU list holds single CPUs and ranges") {
  CHECK(listed("0\n") == std::vector<uint32_t>{0});
  CHECK(listed("0-1,4,6-7\n") == std::vector<uint32_t>{0, 1, 4, 6, 7});
}

TEST_CASE("An empty CPU list has no CPUs") { CHECK(listed("\n").empty()); }

TEST_CASE("Text that is not a CPU list is refused") {
  CHECK_FALSE(list_cpus("a\n"));
  CHECK_FALSE(list_cpus("0-\n"));
  CHECK_FALSE(list_cpus("3-1\n"));
  CHECK_FALSE(list_cpus("0,,1\n"));
  CHECK_FALSE(list_cpus("0-4294967295\n"));
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
