// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/guest_pack.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <span>

#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

constexpr char kConfigPath[] = "/boot/config-7.3.4";
const std::span<const std::byte> kConfig = as_bytes("CONFIG_HZ=250\n");

LoadedScenario scenario(const std::string& scheduler) {
  return must(parse_scenario(
      "my.scenario",
      "(name = \"t\", " + scheduler + " steps = [(name = \"run\", actions = [(sleepMs = 1)])])"));
}

class GuestPacks {
 public:
  GuestPacks() { options.scheduler = KTAPE_FIXTURE "/fixture_program -v"; }

  GuestPack pack(const std::string& scheduler = "") {
    LoadedScenario loaded = scenario(scheduler);
    return must(pack_guest(loaded, options));
  }

  TempDir folder;
  GuestPackOptions options;
};

size_t configs_in(const GuestPack& pack) {
  return static_cast<size_t>(
      std::count_if(pack.files.begin(), pack.files.end(),
                    [](const PackedFile& file) { return file.path == kConfigPath; }));
}

}  // namespace

TEST_CASE_METHOD(
    GuestPacks,
    "a guest with a scheduler's program has the kernel's configuration, in one more archive") {
  GuestPack pack = this->pack();
  const size_t before = pack.archive.size();
  must(add_kernel_config(pack, "7.3.4", kConfig));
  CHECK(configs_in(pack) == 1);
  CHECK(pack.files.back().bytes == 14);
  CHECK(pack.archive_digest == sha256(pack.archive));
  REQUIRE(pack.archive.size() > before);
  // The kernel looks for the next archive at a multiple of 4, after zeros.
  const std::string_view bytes(reinterpret_cast<const char*>(pack.archive.data()),
                               pack.archive.size());
  const size_t next = bytes.find("070701", before);
  REQUIRE(next != std::string_view::npos);
  CHECK(next % 4 == 0);
  CHECK(bytes.find_first_not_of('\0', before) == next);
  CHECK(bytes.find("CONFIG_HZ=250\n", next) != std::string_view::npos);
}

TEST_CASE_METHOD(GuestPacks, "a configuration that an overlay brings stays") {
  std::filesystem::create_directories(folder.file("overlay/boot"));
  std::ofstream(folder.file("overlay") + kConfigPath) << "mine\n";
  options.overlays = {folder.file("overlay")};
  GuestPack pack = this->pack();
  const Digest before = pack.archive_digest;
  must(add_kernel_config(pack, "7.3.4", kConfig));
  CHECK(configs_in(pack) == 1);
  CHECK(pack.archive_digest == before);
}

TEST_CASE_METHOD(
    GuestPacks,
    "a guest without a scheduler's program, or a kernel without one, needs no configuration") {
  GuestPack pack = this->pack();
  must(add_kernel_config(pack, "7.3.4", {}));
  CHECK(configs_in(pack) == 0);
  options.scheduler = "";
  GuestPack none = this->pack();
  must(add_kernel_config(none, "7.3.4", kConfig));
  CHECK(none.archive.empty());
}

TEST_CASE_METHOD(
    GuestPacks, "a scheduler given on the command line has the attach deadline of the scenario's") {
  const auto deadline_ms = [this](const std::string& scheduler) {
    LoadedScenario loaded = scenario(scheduler);
    must(pack_guest(loaded, options));
    CHECK(loaded.get().getScheduler().getExternal().getArguments()[0] == "-v");
    return loaded.get().getScheduler().getExternal().getAttachDeadlineMs();
  };
  CHECK(deadline_ms("scheduler = (external = (program = \"other\", attachDeadlineMs = 90000)),") ==
        90'000);
  CHECK(deadline_ms("") == 30'000);
}

}  // namespace ktape::test
