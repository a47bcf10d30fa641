// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/worker_facts.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <map>

namespace ktape {
namespace {

constexpr char kSched[] = R"(sleeper (147, #threads: 1)
-------------------------------------------------------------------
se.exec_start                                :          5123.456789
se.load.weight                               :              1048576
policy                                       :                    7
)";

TEST_CASE("A line of a task's sched file is found by its whole name") {
  CHECK(sched_value(kSched, "se.load.weight") == "1048576");
  CHECK(sched_value(kSched, "policy") == "7");
  CHECK(sched_value(kSched, "weight").empty());
  CHECK(sched_value("", "policy").empty());
}

TEST_CASE("The jiffies of the timer list are those of its first CPU") {
  CHECK(jiffies_in(
            "now at 5 nsecs\n\ncpu: 0\n  .last_jiffies : 3\njiffies: 4294894409\n\njiffies: 7\n") ==
        "4294894409");
  CHECK(jiffies_in("cpu: 0\n").empty());
}

TEST_CASE("The facts of a live task are those of its stat file") {
  Result<Facts> facts = read_worker_facts(Pid(::getpid()));
  REQUIRE(facts.ok());
  std::map<std::string, std::string> said(facts->begin(), facts->end());
  CHECK(said.at("pid") == std::to_string(::getpid()));
  CHECK(said.at("state") == "R");
  CHECK(said.at("nice") == std::to_string(::nice(0)));
  CHECK_FALSE(said.at("uptime").empty());
}

TEST_CASE("A task that does not exist has no facts") {
  Result<Facts> facts = read_worker_facts(Pid(0x7fffffff));
  REQUIRE_FALSE(facts.ok());
  CHECK(facts.error().code == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ktape
