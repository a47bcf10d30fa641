// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_probe.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/ordinary_user.h"
#include "tests/support/temp_dir.h"

namespace ktape {
namespace {

HostFact fact(const std::vector<HostFact>& facts, const std::string& name) {
  auto found =
      std::find_if(facts.begin(), facts.end(), [&](const HostFact& f) { return f.name == name; });
  REQUIRE(found != facts.end());
  return *found;
}

TEST_CASE("a host without QEMU is reported, with the remedy") {
  HostFact qemu = fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "QEMU");
  CHECK_FALSE(qemu.ok);
  CHECK(qemu.needed);
  CHECK(qemu.detail == "cannot run '/no/qemu': No such file or directory");
  CHECK(
      qemu.hint ==
      "install QEMU 10 or later; on Debian 12: apt install -t bookworm-backports qemu-system-x86");
  CHECK(qemu.package == "qemu-system-x86");
}

TEST_CASE("a program that is not QEMU is reported") {
  HostFact qemu = fact(probe_host(HostProbe{.qemu_program = "true"}), "QEMU");
  CHECK_FALSE(qemu.ok);
  CHECK(qemu.detail.find("instead of sending a greeting") != std::string::npos);
}

TEST_CASE("a host with an old QEMU and no working KVM cannot capture") {
  test::TempDir folder;
  const std::string program = folder.file("old-qemu");
  std::ofstream(program) << R"(#!/usr/bin/env python3
import json, os
os.write(3, b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""}, "capabilities": []}}\r\n')
while line := os.read(3, 4096):
    os.write(3, (json.dumps({"return": {}, "id": json.loads(line).get("id")}) + "\r\n").encode())
)";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  HostFact qemu = fact(probe_host(HostProbe{.qemu_program = program}), "QEMU");
  CHECK_FALSE(qemu.ok);
  CHECK(qemu.needed);
  CHECK(qemu.detail.find("7.2") != std::string::npos);
}

TEST_CASE("without a kernel KVM is not reported as proven") {
  HostFact kvm = fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "KVM");
  CHECK_FALSE(kvm.ok);
  CHECK_FALSE(kvm.needed);
}

TEST_CASE("a KVM that only its group may use is fixed by joining it") {
  if (::geteuid() != 0) SKIP("only root can give a file to another group");
  const test::TempDir folder;
  const HostProbe probe{.qemu_program = "/no/qemu", .kvm_device = folder.file("kvm")};
  const std::string& device = probe.kvm_device;
  std::ofstream(device) << "";
  REQUIRE(::chmod(folder.path().c_str(), 0711) == 0);
  const struct group* audio = ::getgrnam("audio");
  REQUIRE(audio != nullptr);
  REQUIRE(::chown(device.c_str(), 0, audio->gr_gid) == 0);
  REQUIRE(::chmod(device.c_str(), 0660) == 0);
  {
    const test::OrdinaryUser user;
    const HostFact kvm = fact(probe_host(probe), "KVM");
    CHECK(kvm.detail == "cannot open '" + device + "': Permission denied");
    CHECK(kvm.fix == "sudo usermod -aG audio $USER");
    CHECK(kvm.hint.starts_with("join the group of '" + device + "' and log in again"));
  }
  REQUIRE(::chmod(device.c_str(), 0600) == 0);
  const test::OrdinaryUser user;
  CHECK(fact(probe_host(probe), "KVM").fix == "sudo chmod a+rw " + device);
}

TEST_CASE("the host that builds ktape has memfds with holes") {
  CHECK(fact(probe_host(HostProbe{.qemu_program = "/no/qemu"}), "memfd").ok);
}

TEST_CASE("good facts need no hint and no fix") {
  for (const HostFact& fact : probe_host(HostProbe{})) {
    CHECK(fact.hint.empty() == fact.ok);
    CHECK((fact.package.empty() || !fact.ok));
    CHECK((fact.fix.empty() || !fact.ok));
  }
}

}  // namespace
}  // namespace ktape
