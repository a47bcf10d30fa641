// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/topology.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace ktape {
namespace {

namespace fs = std::filesystem;

// A /sys and a /proc of files.
class FakeGuest {
 public:
  FakeGuest() {
    put("proc/iomem", "00000000-00000fff : Reserved\n00001000-00001fff : System RAM\n");
  }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(folder_.file(path)).parent_path());
    std::ofstream(folder_.file(path)) << text;
  }
  void cpu(const std::string& number, const std::string& path, const std::string& text) {
    put("sys/devices/system/cpu/cpu" + number + "/" + path, text);
  }
  Facts topology() {
    Result<Facts> facts = read_topology(folder_.file("sys"), folder_.file("proc"));
    REQUIRE(facts.ok());
    return *facts;
  }

 private:
  test::TempDir folder_;
};

TEST_CASE_METHOD(FakeGuest, "CPUs that share a socket, a core, a cache or a node are listed once") {
  put("sys/devices/system/cpu/online", "0-3\n");
  for (const char* number : {"0", "1", "2", "3"}) {
    const bool low = number[0] < '2';
    cpu(number, "topology/package_cpus_list", "0-3\n");
    cpu(number, "topology/core_cpus_list", low ? "0-1\n" : "2-3\n");
    cpu(number, "cache/index0/level", "1\n");
    cpu(number, "cache/index0/shared_cpu_list", std::string(number) + "\n");
    cpu(number, "cache/index3/level", "3\n");
    cpu(number, "cache/index3/shared_cpu_list", low ? "0-1\n" : "2-3\n");
  }
  put("sys/devices/system/node/online", "0-1\n");
  put("sys/devices/system/node/node0/cpulist", "0-1\n");
  put("sys/devices/system/node/node1/cpulist", "2-3\n");
  CHECK(topology() == Facts{{"cpus", "0-3"},
                            {"sockets", "0-3"},
                            {"cores", "0-1 2-3"},
                            {"llcs", "0-1 2-3"},
                            {"numaNodes", "0-1 2-3"},
                            {"memoryBytes", "4096"},
                            {"memoryEnd", "8192"}});
}

TEST_CASE_METHOD(FakeGuest,
                 "Facts about the machine that the kernel does not report are left out") {
  put("sys/devices/system/cpu/online", "0\n");
  CHECK(topology() == Facts{{"cpus", "0"}, {"memoryBytes", "4096"}, {"memoryEnd", "8192"}});
}

TEST_CASE("RAM is what iomem calls System RAM, not what is in it") {
  auto ram = parse_system_ram(
      "00001000-0009fbff : System RAM\n"
      "00100000-7fffffff : System RAM\n"
      "  01000000-01ffffff : Kernel code\n"
      "fed00000-fed003ff : HPET 0\n"
      "100000000-13fffffff : System RAM\n");
  REQUIRE(ram.ok());
  CHECK(ram->bytes == 0x9fc00 - 0x1000 + 0x80000000 - 0x100000 + 0x40000000);
  CHECK(ram->end == 0x140000000);
}

TEST_CASE("An iomem that cannot be read as ranges is refused") {
  CHECK_FALSE(parse_system_ram("00001000 : System RAM\n"));
  CHECK_FALSE(parse_system_ram("2000-1000 : System RAM\n"));
  CHECK_FALSE(parse_system_ram("x-1000 : System RAM\n"));
}

}  // namespace
}  // namespace ktape
