// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_probe.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

HostFact fact(const std::vector<HostFact>& facts, const std::string& name) {
  auto found = std::find_if(facts.begin(), facts.end(), [&](const HostFact& f) { return f.name == name; });
  REQUIRE(found != facts.end());
  return *found;
}

TEST_CASE("a host without QEMU is told, with the remedy") {
  HostFact qemu = fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "QEMU");
  CHECK_FALSE(qemu.ok);
  CHECK(qemu.needed);
  CHECK(qemu.detail == "cannot run '/no/qemu': No such file or directory");
  CHECK(qemu.hint == "run tools/setup");
}

TEST_CASE("a program that is not QEMU is told") {
  HostFact qemu = fact(probe_host(HostProbe{.qemu_program = "true"}), "QEMU");
  CHECK_FALSE(qemu.ok);
  CHECK(qemu.detail.find("instead of sending a greeting") != std::string::npos);
}

TEST_CASE("without a kernel KVM is not called proved") {
  HostFact kvm = fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "KVM");
  CHECK_FALSE(kvm.ok);
  CHECK_FALSE(kvm.needed);
}

TEST_CASE("the host that builds ktape has memfds with holes") {
  CHECK(fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "memfd").ok);
}

TEST_CASE("facts that are good need no hint") {
  for (const HostFact& fact : probe_host(HostProbe{})) CHECK(fact.hint.empty() == fact.ok);
}

}  // namespace
}  // namespace ktape
