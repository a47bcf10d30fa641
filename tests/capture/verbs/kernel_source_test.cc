// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_source.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "capture/verbs/kernel_command_line.h"
#include "tests/support/temp_dir.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

// Points the kernel cache to a private folder while a test runs.
class CacheFixture {
 public:
  CacheFixture() {
    if (const char* old = std::getenv("XDG_CACHE_HOME")) old_ = old;
    ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
  }
  ~CacheFixture() {
    if (old_) {
      ::setenv("XDG_CACHE_HOME", old_->c_str(), 1);
    } else {
      ::unsetenv("XDG_CACHE_HOME");
    }
  }

  void put(const std::string& path) {
    fs::path file = fs::path(kernel_cache_folder()) / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "x";
  }

 private:
  test::TempDir folder_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE_METHOD(CacheFixture, "a version is found in the cache, with its configuration") {
  put("6.16.12/bzImage");
  put("6.16.12/config");
  Result<KernelSource> source = find_kernel("6.16.12");
  REQUIRE(source.ok());
  CHECK(source->path == kernel_cache_folder() + "/6.16.12/bzImage");
  CHECK(source->config_path == kernel_cache_folder() + "/6.16.12/config");
}

TEST_CASE_METHOD(CacheFixture,
                 "a version that is not cached is answered with the cached ones and the remedy") {
  put("6.16.12/bzImage");
  put("7.3.4/bzImage");
  Result<KernelSource> source = find_kernel("6.99");
  REQUIRE_FALSE(source.ok());
  CHECK(source.error().message.find("'6.99'") != std::string::npos);
  CHECK(source.error().message.find("cached: 6.16.12, 7.3.4") != std::string::npos);
  CHECK(source.error().hint.find("'tools/kernel list' shows") != std::string::npos);
}

TEST_CASE_METHOD(CacheFixture, "the name of a series stands for its newest version in the cache") {
  put("6.17.8/bzImage");
  put("6.17.13/bzImage");
  put("6.1.170/bzImage");
  CHECK(find_kernel("6.17")->path == kernel_cache_folder() + "/6.17.13/bzImage");
  CHECK(find_kernel("6.1")->path == kernel_cache_folder() + "/6.1.170/bzImage");
}

TEST_CASE_METHOD(CacheFixture, "a series is of one flavour of kernel") {
  put("7.3.4/bzImage");
  put("7.3.9-rt/bzImage");
  CHECK(find_kernel("7.3")->path == kernel_cache_folder() + "/7.3.4/bzImage");
  CHECK(find_kernel("7.3-rt")->path == kernel_cache_folder() + "/7.3.9-rt/bzImage");
}

TEST_CASE_METHOD(
    CacheFixture,
    "without a name the kernel is 6.16.12, or the newest with sched_ext that is cached") {
  CHECK(default_kernel() == "6.16.12");
  put("6.12.95/bzImage");
  put("7.3.9-rt/bzImage");
  CHECK(default_kernel() == "6.16.12");  // of those none will do
  put("6.17.13/bzImage");
  put("6.17.8/bzImage");
  CHECK(default_kernel() == "6.17.13");
  put("6.16.12/bzImage");
  CHECK(default_kernel() == "6.16.12");
}

TEST_CASE_METHOD(CacheFixture, "a path is used unchanged, with the configuration beside it") {
  put("vmlinuz-6.1.0-1-amd64");
  put("config-6.1.0-1-amd64");
  const std::string path = kernel_cache_folder() + "/vmlinuz-6.1.0-1-amd64";
  Result<KernelSource> source = find_kernel(path);
  REQUIRE(source.ok());
  CHECK(source->path == path);
  CHECK(source->config_path == kernel_cache_folder() + "/config-6.1.0-1-amd64");
}

TEST_CASE(
    "the default command line disables nothing in the kernel under test, and --fast-boot says what "
    "it disables") {
  const std::string line = kernel_command_line({});
  for (const char* what :
       {"mitigations", "watchdog", "lsm=", "audit", "kaslr", "tsc", "clocksource", "initcall"})
    CHECK(line.find(what) == std::string::npos);
  CHECK(kernel_command_line({.fast_boot = true}).starts_with(line + " initcall_blacklist="));
  CHECK(kernel_command_line({.extra = "nosmp"}).ends_with(" nosmp"));
}

}  // namespace ktape
