// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/freeze.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

TEST_CASE("a freeze for a request is worded in each of the forms") {
  Freeze freeze;
  freeze.cause = schema::FreezeCause::REQUEST;
  freeze.op = 7;
  freeze.attempt = 2;
  CHECK(cause_text(freeze) == "for request 7");
  CHECK(cause_after_for(freeze) == "request 7, try 2");
  CHECK(cause_on_timeline(freeze) == "for request 7, try 2");
  CHECK(cause_incidents(freeze).empty());
  CHECK_FALSE(freeze.is_own());
}

TEST_CASE("a freeze by triggers names them, by name, with their CPUs") {
  Freeze freeze;
  freeze.cause = schema::FreezeCause::TRIGGER;
  freeze.hits = {{0, "symbol:schedule"}, {1, "symbol:schedule"}, {3, "scx-error"}};
  const std::string triggers = "triggers 'scx-error' on CPU 3 and 'symbol:schedule' on CPUs 0, 1";
  CHECK(cause_text(freeze) == "by " + triggers);
  CHECK(cause_after_for(freeze) == triggers);
  CHECK(cause_on_timeline(freeze) == "cause: trigger on CPUs 0, 1, 3: scx-error, symbol:schedule");
  CHECK(cause_incidents(freeze) ==
        std::vector<std::string>{"freeze by the trigger 'scx-error'",
                                 "freeze by the trigger 'symbol:schedule'"});
  CHECK(freeze.is_own());
  CHECK(freeze.is_hit_of("scx-error"));
  CHECK_FALSE(freeze.is_hit_of("scx"));
}

TEST_CASE("a freeze at an interval tells which") {
  Freeze freeze;
  freeze.cause = schema::FreezeCause::PERIODIC;
  freeze.interval = 3;
  CHECK(cause_text(freeze) == "periodic");
  CHECK(cause_after_for(freeze) == "periodic");
  CHECK(cause_on_timeline(freeze) == "cause: periodic, interval 3");
  CHECK_FALSE(freeze.is_own());
}

}  // namespace ktape
