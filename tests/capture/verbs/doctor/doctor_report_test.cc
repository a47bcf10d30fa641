// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/doctor/doctor_report.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

namespace {

const HostSystem kDebian12{.installer = "apt install", .codename = "bookworm"};

std::vector<HostFact> bad_host() {
  return {{.name = "QEMU", .detail = "no", .hint = "install it", .package = "qemu-system-x86"},
          {.name = "KVM", .needed = false, .detail = "no", .fix = "sudo usermod -aG kvm $USER"},
          {.name = "memory", .ok = true, .detail = "4096 MiB available"},
          {.name = "programs", .needed = false, .detail = "no", .package = "git"},
          {.name = "kernel", .detail = "no", .fix = "ktape kernel fetch 7.3.4"}};
}

}  // namespace

TEST_CASE("one command installs every package and mends the rest") {
  HostSystem debian13 = kDebian12;
  debian13.codename = "trixie";
  CHECK(fixing_command(bad_host(), debian13) ==
        "sudo apt install qemu-system-x86 git && sudo usermod -aG kvm $USER && ktape kernel fetch "
        "7.3.4");
}

TEST_CASE("on Debian 12 QEMU comes from its backports") {
  CHECK(fixing_command({bad_host()[0]}, kDebian12) ==
        "sudo apt install -t bookworm-backports qemu-system-x86");
  CHECK(fixing_command({bad_host()[3]}, kDebian12) == "sudo apt install git");
}

TEST_CASE("root needs no sudo, and a host without a known installer gets no command for it") {
  HostSystem root{.installer = "dnf install", .root = true};
  CHECK(fixing_command({bad_host()[0]}, root) == "dnf install qemu-system-x86");
  CHECK(fixing_command({bad_host()[0]}, {}).empty());
}

TEST_CASE("a host that lacks nothing has nothing to mend") {
  CHECK(fixing_command({bad_host()[2]}, kDebian12).empty());
  CHECK(fit_for_capture({bad_host()[2]}));
  CHECK(fit_for_capture({bad_host()[1]}));  // KVM is not needed
  CHECK_FALSE(fit_for_capture(bad_host()));
}

TEST_CASE("the doctor's text ends with the command, and its JSON has it") {
  const std::vector<HostFact> facts = {bad_host()[0], bad_host()[2]};
  CHECK(doctor_text(facts, "make it so") ==
        "QEMU       MISSING  no\n"
        "                    hint: install it\n"
        "memory     ok       4096 MiB available\n"
        "a capture cannot run here yet\n"
        "fix it with: make it so\n");
  CHECK(doctor_json(facts, "") ==
        R"({"format":1,"canCapture":false,"checks":[)"
        R"({"name":"QEMU","ok":false,"needed":true,"detail":"no","hint":"install it"},)"
        R"({"name":"memory","ok":true,"needed":true,"detail":"4096 MiB available","hint":null}],)"
        R"("fix":null})"
        "\n");
}

}  // namespace ktape
