// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/scheduler_exit.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace ktape {

TEST_CASE("kinds from SCX_EXIT_ERROR on are errors") {
  CHECK_FALSE(is_error_exit(64));
  CHECK_FALSE(is_error_exit(69));  // killed by its parent
  CHECK(is_error_exit(1024));
  CHECK(is_error_exit(1028));
}

TEST_CASE("an exit code is printed with its meaning in the kernel") {
  CHECK(exit_code_words(0).empty());
  CHECK(exit_code_words(0x1000100000000) == "code 0x1000100000000: restart, CPU hotplug");
  CHECK(exit_code_words(0x200000000) == "code 0x200000000: cgroup offline");
  CHECK(exit_code_words(0x1000000000007) == "code 0x1000000000007: restart, its own code 7");
  CHECK(exit_code_words(0x2000500000000) == "code 0x2000500000000: action 2, reason 5");
}

TEST_CASE("a scheduler's own exit code is printed as its number") {
  CHECK(exit_code_words(3) == "code 3");
  CHECK(exit_code_words(0xffffffff) == "code 4294967295");
  CHECK(exit_code_words(-1) == "code -1");
  CHECK(exit_code_words(std::numeric_limits<int64_t>::min()) == "code -9223372036854775808");
}

TEST_CASE("kind and code are printed together, and a code of 0 is left out") {
  CHECK(exit_words(77, 0) == "kind 77");
  CHECK(exit_words(64, 0) == "SCX_EXIT_UNREG (64)");
  CHECK(exit_words(66, 0x1000100000000) ==
        "SCX_EXIT_UNREG_KERN (66), code 0x1000100000000: restart, CPU hotplug");
}

TEST_CASE("an ejection says who and why, without characters that a terminal interprets") {
  CHECK(ejection_words("qmap", "runtime error", "bad DSQ") ==
        "'qmap' was ejected: runtime error: bad DSQ");
  CHECK(ejection_words("q\x1b[2J", "", "") == "'q\\x1b[2J' was ejected");
}

}  // namespace ktape
