// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_source.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "capture/verbs/host_kernel.h"
#include "capture/verbs/kernel_command_line.h"
#include "capture/verbs/kernel_script.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temp_dir.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

// An environment variable that has another value while it exists.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// Points the kernel cache, and /boot, to folders of their own while a test runs.
class CacheFixture {
 public:
  void put(const std::string& path) { put_file(fs::path(kernel_cache_folder()) / path); }
  void put_in_boot(const std::string& name) { put_file(boot(name)); }
  [[nodiscard]] std::string boot(const std::string& name) const {
    return folder_.file("boot/" + name);
  }
  static void put_file(const fs::path& file) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "x";
  }

 protected:
  test::TempDir folder_;

 private:
  Variable cache_{"XDG_CACHE_HOME", folder_.path()};
  Variable boot_{"KTAPE_BOOT_FOLDER", folder_.file("boot")};
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
  CHECK(source.error().hint.find("'ktape kernel list'") != std::string::npos);
}

TEST_CASE_METHOD(CacheFixture, "a stock kernel is answered with the command to fetch it") {
  // 6.18.12 and 8.0 are in none of the lists that ship.
  for (const char* version : {"7.3.4", "7.3", "7.3-rt", "6.18.12", "6.12.43-generic", "8.0"}) {
    CHECK(find_kernel(version).error().hint == "fetch it with 'ktape kernel fetch " +
                                                   std::string(version) +
                                                   "'; 'ktape kernel list' lists what there is");
  }
}

TEST_CASE_METHOD(CacheFixture, "a series that the mirror had may be followed by the next") {
  CHECK_FALSE(can_be_fetched("9.0.1"));
  fs::create_directories(kernel_cache_folder());
  std::ofstream(kernel_cache_folder() + "/on-mirror") << "7.3.4\n8.0.1\n";
  CHECK(can_be_fetched("9.0.1"));
}

TEST_CASE_METHOD(CacheFixture, "what no mirror can have is not said to be fetchable") {
  for (const char* version : {"9.9.9", "6.1.100", "1.2.3", "7", "7.", "7.3.", "7.3.4.5", "7.3.x",
                              "-", "", "kernel", "7.3.4-cloud", "6.12.43+deb13-amd64"}) {
    INFO(version);
    CHECK_FALSE(can_be_fetched(version));
  }
  CHECK(find_kernel("9.9.9").error().hint.find("fetch 9.9.9") == std::string::npos);
}

TEST_CASE_METHOD(CacheFixture, "the release of a kernel in /boot, or host, is that kernel") {
  put_in_boot("vmlinuz-6.1.0-30-amd64");
  put_in_boot("config-6.1.0-30-amd64");
  put_in_boot("vmlinuz-" + host_release());
  const Result<KernelSource> other = find_kernel("6.1.0-30-amd64");
  REQUIRE(other.ok());
  CHECK(other->path == boot("vmlinuz-6.1.0-30-amd64"));
  CHECK(other->config_path == boot("config-6.1.0-30-amd64"));
  CHECK(find_kernel("host")->path == boot("vmlinuz-" + host_release()));
  // A tape says which one that was.
  CHECK(named_kernel("host") == host_release());
}

TEST_CASE_METHOD(CacheFixture, "a host without an image of its kernel is an error") {
  const Result<KernelSource> source = find_kernel("host");
  REQUIRE_FALSE(source.ok());
  CHECK(source.error().message ==
        "the kernel of this host has no image '" + boot("vmlinuz-" + host_release()) + "'");
}

TEST_CASE_METHOD(CacheFixture, "a kernel tree is its bzImage, or else its vmlinux") {
  const std::string tree = folder_.file("linux");
  put_file(tree + "/vmlinux");
  CHECK(find_kernel(tree)->path == tree + "/vmlinux");
  CHECK(find_kernel(tree)->config_path.empty());
  put_file(tree + "/arch/x86/boot/bzImage");
  put_file(tree + "/.config");
  CHECK(find_kernel(tree + "/")->path == tree + "/arch/x86/boot/bzImage");
  CHECK(find_kernel(tree)->config_path == tree + "/.config");
}

TEST_CASE_METHOD(CacheFixture,
                 "a kernel tree that is not built is an error that names what to build") {
  const std::string tree = folder_.file("linux");
  put_file(tree + "/Kconfig");
  const Result<KernelSource> source = find_kernel(tree);
  REQUIRE_FALSE(source.ok());
  CHECK(source.error().message ==
        "kernel tree '" + tree + "' has no arch/x86/boot/bzImage and no vmlinux");
  CHECK(source.error().hint == "build it with 'make -C " + tree + " bzImage'");
  CHECK(find_kernel(folder_.path()).error().message.starts_with("folder '"));
}

TEST_CASE_METHOD(CacheFixture, "an image that this user may not read is an error with a remedy") {
  put_in_boot("vmlinuz-6.8.0-50-generic");
  const std::string image = boot("vmlinuz-6.8.0-50-generic");
  fs::permissions(folder_.path(),
                  fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
  fs::permissions(image, fs::perms::none);
  const test::OrdinaryUser user;
  for (const std::string& asked : {std::string("6.8.0-50-generic"), image}) {
    const Result<KernelSource> source = find_kernel(asked);
    REQUIRE_FALSE(source.ok());
    CHECK(source.error().code == ErrorCode::kHost);
    CHECK(source.error().message == "cannot read kernel '" + image + "': Permission denied");
    CHECK(source.error().hint == "make it readable with 'sudo chmod a+r " + image + "'");
  }
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
