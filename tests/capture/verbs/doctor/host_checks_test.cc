// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/doctor/host_checks.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/ordinary_user.h"
#include "tests/support/temp_dir.h"

namespace ktape {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

void make_program(const std::string& path) {
  std::ofstream(path) << "#!/bin/sh\n";
  fs::permissions(path, fs::perms::owner_all);
}

}  // namespace

TEST_CASE("memory for a guest is what /proc/meminfo calls available") {
  const HostFact good = memory_fact("MemTotal: 9 kB\nMemAvailable:    2097152 kB\n");
  CHECK(good.ok);
  CHECK(good.detail == "2048 MiB available");
  const HostFact little = memory_fact("MemAvailable: 262144 kB\n");
  CHECK_FALSE(little.ok);
  CHECK(little.needed);
  CHECK(little.detail == "256 MiB available, 768 MiB are needed for a guest of 512 MiB");
  CHECK_THAT(little.hint, ContainsSubstring("--memory-mb"));
  CHECK_FALSE(memory_fact("").needed);
}

TEST_CASE("a folder whose free space is not known asks for what that folder needs") {
  CHECK_THAT(cache_fact("/tmp", std::nullopt).hint, ContainsSubstring("500 MiB"));
}

TEST_CASE("a full disk is reported for the tapes' folder and for the cache") {
  const test::TempDir folder;
  CHECK(output_fact(folder.path(), kGiB).ok);
  const HostFact full = output_fact(folder.path(), 5 << 20);
  CHECK_FALSE(full.ok);
  CHECK(full.needed);
  CHECK(full.detail == "'" + folder.path() + "' has 5 MiB free, 100 MiB are needed");
  // A cached kernel is only read.
  CHECK_FALSE(cache_fact(folder.path(), 5 << 20).ok);
  CHECK_FALSE(cache_fact(folder.path(), 5 << 20).needed);
  CHECK(cache_fact(folder.file("not/made/yet"), kGiB).ok);
}

TEST_CASE("a folder for tapes that does not exist is made by the command at the end") {
  const test::TempDir folder;
  const HostFact missing = output_fact(folder.file("a b"), kGiB);
  CHECK_FALSE(missing.ok);
  CHECK(missing.fix == "mkdir -p '" + folder.file("a b") + "'");
}

TEST_CASE("a folder that cannot be written is reported") {
  const test::OrdinaryUser user;
  CHECK_THAT(output_fact("/proc", kGiB).detail, ContainsSubstring("cannot write to '/proc'"));
}

TEST_CASE("an installation without the agent or without scenarios is reported") {
  const test::TempDir folder;
  CHECK(agent_fact(folder.path()).needed);
  CHECK_THAT(agent_fact(folder.path()).detail, ContainsSubstring("initramfs.cpio.zst': No such"));
  CHECK_FALSE(scenarios_fact(folder.path()).ok);
  std::ofstream(folder.file("initramfs.cpio.zst")) << "x";
  fs::create_directory(folder.file("scenarios"));
  std::ofstream(folder.file("scenarios/a.scenario")) << "x";
  CHECK(agent_fact(folder.path()).ok);
  CHECK(scenarios_fact(folder.path()).ok);
}

TEST_CASE("of the programs that ktape runs, those that are missing are named with their package") {
  const test::TempDir folder;
  for (const char* name : {"bash", "apt-get", "dpkg-deb", "flock"}) make_program(folder.file(name));
  const HostFact fact = programs_fact({"/nowhere", folder.path()});
  CHECK_FALSE(fact.ok);
  CHECK_FALSE(fact.needed);
  CHECK(fact.detail == "'git' is missing");
  CHECK(fact.package == "git");
  make_program(folder.file("git"));
  CHECK(programs_fact({folder.path()}).ok);
}

TEST_CASE("limits that are too low for a guest are reported with the commands that raise them") {
  CHECK(limits_fact({}).ok);
  const HostFact fact = limits_fact({.file_bytes = 1 << 20, .files = 64});
  CHECK_FALSE(fact.ok);
  CHECK(fact.fix == "ulimit -f unlimited && ulimit -n 1024");
  CHECK_THAT(fact.detail, ContainsSubstring("a program may open 64 files"));
}

TEST_CASE("a kernel that is missing is fetched by the command at the end, if it can be") {
  const Error missing{ErrorCode::kNotFound, "it is not there", ""};
  CHECK(kernel_fact(missing, "7.3.4").fix == "ktape kernel fetch 7.3.4");
  CHECK(kernel_fact(missing, "").fix == "ktape kernel fetch");
  CHECK(kernel_fact(missing, "9.9.9").fix.empty());
  const Error unreadable{ErrorCode::kHost, "cannot read it", ""};
  CHECK(kernel_fact(unreadable, "/boot/vmlinuz-1").fix == "sudo chmod a+r /boot/vmlinuz-1");
  CHECK(kernel_fact(KernelSource{"a", "/a", ""}, "a").ok);
}

}  // namespace ktape
