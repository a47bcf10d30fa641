// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/proc_stat.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace ktape {
namespace {

// Fields 3 to 24 of a sleeping process; field 22 is 5770.
constexpr char kAfterName[] =
    " S 1 147 147 0 -1 4194368 5 0 0 0 0 0 0 0 20 0 1 0 5770 1490944 12\n";

ProcStat parse(const std::string& text) {
  auto stat = parse_proc_stat(text);
  REQUIRE(stat.ok());
  return *stat;
}

TEST_CASE("The start time is field 22 in ns") {
  CHECK(parse(std::string("147 (sleeper)") + kAfterName).start_boottime_ns == 57'700'000'000);
}

TEST_CASE("The state is the letter after the command name") {
  CHECK(parse(std::string("147 (sleeper)") + kAfterName).state == 'S');
}

TEST_CASE("A command name may hold spaces") {
  ProcStat stat = parse(std::string("147 (a b c)") + kAfterName);
  CHECK(stat.comm == "a b c");
  CHECK(stat.start_boottime_ns == 57'700'000'000);
}

TEST_CASE("A command name may hold a closing parenthesis and what looks like fields") {
  ProcStat stat = parse(std::string("147 (x) R 2 (3)") + kAfterName);
  CHECK(stat.comm == "x) R 2 (3");
  CHECK(stat.state == 'S');
  CHECK(stat.start_boottime_ns == 57'700'000'000);
}

TEST_CASE("A start time that does not fit in 64 bits is refused") {
  CHECK_FALSE(
      parse_proc_stat("1 (a) S 1 1 1 0 -1 4 5 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999 1\n"));
}

TEST_CASE("Text that ends before field 22 is refused") {
  CHECK_FALSE(parse_proc_stat("147 (sleeper) S 1 147 147 0 -1"));
}

TEST_CASE("Text that ends with the command name is refused") {
  CHECK_FALSE(parse_proc_stat("147 (sleeper)"));
}

TEST_CASE("Text without a command name is refused") { CHECK_FALSE(parse_proc_stat("147 S 1 147")); }

TEST_CASE("Fields are found by their numbers; a missing one is empty") {
  ProcStat stat = parse(std::string("147 (a b)") + kAfterName);
  CHECK(stat.field(3) == "S");
  CHECK(stat.field(18) == "20");
  CHECK(stat.field(24) == "12");
  CHECK(stat.field(25).empty());
}

TEST_CASE("The stat of a live process can be read") {
  auto stat = read_proc_stat(Pid(1));
  REQUIRE(stat.ok());
  CHECK_FALSE(stat->comm.empty());
}

TEST_CASE("A process that does not exist is not found") {
  auto stat = read_proc_stat(Pid(0));
  REQUIRE_FALSE(stat.ok());
  CHECK(stat.error().code == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ktape
