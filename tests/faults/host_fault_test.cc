// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/child.h"
#include "schema/tape/verify/verify.h"
#include "schema/tape/writing/writer.h"
#include "tests/faults/left_processes.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// Hosts on which no guest can run: `ktape capture` says why, in one sentence and a hint.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// The prefix that starts a program after `command` has changed the mounts that it sees. For root.
std::string in_namespace(const std::string& command) {
  return "unshare --mount sh -c '" + command + " && exec \"$0\" \"$@\"'";
}

// The root of a container may not do it.
bool has_namespaces() {
  const auto tried = run_child("/bin/sh", {"-c", "unshare --mount true 2>&1"}, 1 << 12);
  return ::geteuid() == 0 && tried.ok() && tried->exit_status == 0;
}

class BadHost {
 public:
  // `before`: shell commands to run first; `by`: the prefix that starts it. Returns both outputs
  // together, as a user sees them.
  ChildResult capture(const std::string& arguments, const std::string& before = "true",
                      const std::string& by = "") {
    if (!is_cached("6.16")) SKIP(not_cached("6.16"));
    const std::string command =
        fmt::format("cd {} && {} && {} exec {} " KTAPE_BIN
                    "/ktape-capture cold_path_roundtrip --kernel {} {} 2>&1",
                    folder.path(), before, mark.assignment(), by, cached_kernel("6.16"), arguments);
    return must(run_child("/bin/sh", {"-c", command}, 1 << 20));
  }

  // One sentence, a hint, nothing else; exit status 4; no file and no QEMU is left.
  void check_refused(const ChildResult& result, const std::string& sentence) {
    INFO(result.output);
    CHECK(result.exit_status == 4);
    CHECK_THAT(result.output, StartsWith("ktape capture: " + sentence));
    CHECK_THAT(result.output, ContainsSubstring("\nhint: "));
    CHECK(std::count(result.output.begin(), result.output.end(), '\n') == 2);
    CHECK_FALSE(std::filesystem::exists(folder.file("run.ktape")));
    CHECK_FALSE(std::filesystem::exists(folder.file("run.ktape.partial")));
    CHECK(mark.processes().empty());
  }

  // A program that claims to be QEMU of some version, as far as ktape asks before it checks the
  // version.
  std::string qemu_of_version(int major, int minor) {
    const std::string path = folder.file("qemu");
    std::ofstream(path) << fmt::format(R"(#!/usr/bin/env python3
import socket, sys
fd = [a for a in sys.argv if a.startswith("socket,id=qmp")][0].split("fd=")[1].split(",")[0]
qmp = socket.socket(fileno=int(fd))
qmp.sendall(b'{{"QMP": {{"version": {{"qemu": {{"micro": 0, "minor": {1}, "major": {0}}}, "package": ""}},'
            b' "capabilities": []}}}}\r\n')
for line in qmp.makefile():
    id = line.split('"id":')[1].rstrip("}}\r\n")
    qmp.sendall(b'{{"return": {{}}, "id": ' + id.encode() + b'}}\r\n')
)",
                                       major, minor);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  TempDir folder;
  LeftProcesses mark;
};

}  // namespace

TEST_CASE_METHOD(BadHost, "on a host without QEMU the error says what to run") {
  check_refused(capture("-o run.ktape", "export PATH=/nowhere"),
                "cannot run 'qemu-system-x86_64': No such file or directory\n");
}

TEST_CASE_METHOD(BadHost, "a QEMU that is too old for TCG is named with its version, and why") {
  check_refused(capture("-o run.ktape --accel tcg --qemu " + qemu_of_version(7, 2)),
                "cannot use QEMU 7.2.0 without KVM: before QEMU 10, ");
}

TEST_CASE_METHOD(BadHost, "a program that is not QEMU is named, with its output") {
  check_refused(capture("-o run.ktape --accel tcg --qemu /bin/false"),
                "cannot start the machine: QEMU exited with ");
}

// The address sanitizer takes more of the address space than any limit.
#ifndef KTAPE_SANITIZED
TEST_CASE_METHOD(BadHost,
                 "if a process limit forbids the guest's memory, the hint is to use less") {
  check_refused(capture("-o run.ktape --accel tcg --memory-mb 4096", "ulimit -v 2000000"),
                "cannot allocate 4096 MiB for the guest's RAM: Cannot allocate memory\n");
}

TEST_CASE_METHOD(BadHost, "a QEMU that cannot allocate its memory is reported in its own words") {
  check_refused(capture("-o run.ktape --accel tcg", "ulimit -v 1100000"),
                "cannot start the machine: QEMU exited with status 1: qemu-system-x86_64: ");
}

#endif

TEST_CASE_METHOD(BadHost, "a guest that is larger than any host is refused at once") {
  const ChildResult result = capture("-o run.ktape --accel tcg --memory-mb 1048576");
  // Either the host does not give so much, or QEMU's virtual processor cannot address it.
  const std::string of_host = "cannot allocate 1048576 MiB for the guest's RAM: ";
  check_refused(result,
                result.output.find(of_host) != std::string::npos
                    ? of_host
                    : "cannot start the machine: QEMU exited with status 1: qemu-system-x86_64: ");
}

TEST_CASE_METHOD(BadHost, "a folder that is not writable is reported, and nothing is started") {
  // No one can write to this one, not even root.
  check_refused(capture("-o /sys/run.ktape"), "cannot create '/sys/run.ktape.partial': ");
  std::filesystem::create_directory(folder.file("locked"));
  if (::geteuid() == 0) {
    if (!has_namespaces()) SKIP("root, and may not change mounts");
    // Permissions do not stop root, a file system does; in a mount namespace that ends with the
    // program.
    check_refused(
        capture("-o locked/run.ktape", "true", in_namespace("mount -t tmpfs -o ro none locked")),
        "cannot create 'locked/run.ktape.partial': Read-only file system\n");
    return;
  }
  std::filesystem::permissions(folder.file("locked"), std::filesystem::perms::owner_read |
                                                          std::filesystem::perms::owner_exec);
  check_refused(capture("-o locked/run.ktape"),
                "cannot create 'locked/run.ktape.partial': Permission denied\n");
}

TEST_CASE_METHOD(BadHost, "a KVM that cannot run the kernel is reported with the cause") {
  const ChildResult result = capture("-o run.ktape --accel kvm");
  if (result.exit_status == 0) SKIP("KVM runs the kernel here");
  check_refused(result, "cannot run the kernel under KVM: ");
}

TEST_CASE_METHOD(BadHost, "a /dev/kvm that is not KVM is reported in QEMU's words") {
  if (!has_namespaces())
    SKIP("needs root that may change mounts, to put another device in its place");
  const std::string by =
      ::access("/dev/kvm", F_OK) == 0 ? in_namespace("mount --bind /dev/null /dev/kvm") : "";
  check_refused(capture("-o run.ktape --accel kvm", "true", by),
                "cannot run the kernel under KVM: cannot start the machine: QEMU exited with ");
}

TEST_CASE_METHOD(BadHost,
                 "a second capture to a file is refused and names the first, which continues") {
  auto first = must(TapeWriter::create(folder.file("run.ktape")));
  const ChildResult second = capture("-o run.ktape");
  CHECK(second.exit_status == 2);
  CHECK(second.output == fmt::format("ktape capture: 'run.ktape.partial' already exists\n"
                                     "hint: process {} is recording to it\n",
                                     ::getpid()));
  CHECK(mark.processes().empty());
  const SealedTape sealed = must(first->seal(HostNs(1), [](schema::Sealed::Builder record) {
    record.setOutcome(schema::Outcome::COMPLETED);
  }));
  CHECK(must(verify(sealed.path, sealed.head)).integrity == Integrity::kIntact);
}

}  // namespace ktape::test
