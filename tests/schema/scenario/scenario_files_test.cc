// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "schema/scenario/load.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

constexpr char kReference[] = KTAPE_SOURCE_DIR "/guest/scenarios/cold_path_roundtrip.scenario";

std::vector<std::string> scenario_files() {
  std::vector<std::string> files;
  for (const char* folder :
       {KTAPE_SOURCE_DIR "/guest/scenarios", KTAPE_SOURCE_DIR "/tests/scenarios"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".scenario") files.push_back(entry.path().string());
    }
  }
  return files;
}

}  // namespace

TEST_CASE("every scenario file loads and is named after itself") {
  auto files = scenario_files();
  REQUIRE(files.size() >= 5);
  for (const std::string& file : files) {
    INFO(file);
    auto loaded = load_scenario(file);
    INFO((loaded.ok() ? "" : loaded.error().message));
    REQUIRE(loaded.ok());
    CHECK(loaded->get().getName() == std::filesystem::path(file).stem().string());
  }
}

TEST_CASE("the reference scenario's worker is NORMAL and sleeps for longer than the run") {
  auto loaded = load_scenario(kReference);
  REQUIRE(loaded.ok());
  auto workers = loaded->get().getWorkers();
  REQUIRE(workers.size() == 1);
  CHECK(workers[0].getPolicy() == schema::Policy::NORMAL);
  REQUIRE(workers[0].getPhases().size() == 1);
  CHECK(workers[0].getPhases()[0].getSleepMs() > loaded->get().getWatchdogMs());
  CHECK(loaded->get().getDurationMs() == 5000);
  CHECK(loaded->get().getWatchdogMs() == 60'000);
  CHECK(loaded->get().getScheduler().getVtime().getSwitchMode() == schema::SwitchMode::FULL);
}

TEST_CASE("the reference scenario writes 30 days and reads three tagged values in one step") {
  auto loaded = load_scenario(kReference);
  REQUIRE(loaded.ok());
  auto actions = loaded->get().getSteps()[1].getActions();
  std::vector<std::string> ops;
  for (auto action : actions) {
    REQUIRE(action.isOp());
    auto entry = action.getOp().getEntry();
    ops.push_back(std::string(entry.getTag()) + ": " + target_text(entry.getTarget()));
  }
  CHECK(ops == std::vector<std::string>{
                   "write_dsq_vtime: task 'sleeper' scx.dsq_vtime",
                   "verify_dsq_vtime: task 'sleeper' scx.dsq_vtime",
                   "verify_rq_nr_running: runqueues[cpu 0].nr_running",
                   "verify_jiffies_64: jiffies_64",
               });
  constexpr uint64_t kDaysNs = 30ull * 86'400 * 1'000'000'000;
  CHECK(actions[0].getOp().getEntry().getWrite().getU64() == kDaysNs);
  CHECK(actions[1].getOp().getEntry().getRead() == schema::ValueKind::U64);
  CHECK(actions[2].getOp().getEntry().getRead() == schema::ValueKind::U32);
  CHECK(actions[3].getOp().getEntry().getRead() == schema::ValueKind::U64);
}

}  // namespace ktape
