// SPDX-License-Identifier: Apache-2.0
#include "replay/check/in_order.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE("results come in the order of the pieces, however many run at a time") {
  for (size_t jobs : {1, 3, 50}) {
    std::vector<size_t> results;
    in_order<size_t>(
        200, jobs, [](size_t i) { return i * i; },
        [&](size_t i, size_t result) {
          CHECK(i == results.size());
          results.push_back(result);
          return true;
        });
    REQUIRE(results.size() == 200);
    CHECK(results[199] == 199 * 199);
  }
}

TEST_CASE("a first piece that is slow does not let results pile up") {
  std::atomic<size_t> begun = 0;
  std::atomic<size_t> begun_by_then = 0;
  in_order<int>(
      1000, 2,
      [&](size_t i) {
        ++begun;
        // Until the first result is taken, no more than the window is started, however long that
        // takes.
        while (i == 0 && begun < 8) std::this_thread::yield();
        if (i == 0) begun_by_then = begun.load();
        return 0;
      },
      [&](size_t, int) { return true; });
  CHECK(begun == 1000);
  CHECK(begun_by_then == 8);
}

TEST_CASE("no new piece is begun once a result was refused") {
  std::atomic<size_t> begun = 0;
  size_t taken = 0;
  in_order<int>(
      1000, 2, [&](size_t) { return static_cast<int>(++begun); },
      [&](size_t, int) { return ++taken < 3; });
  CHECK(taken == 3);
  CHECK(begun <= 3 + 8);
}

TEST_CASE("an empty list of pieces is done at once") {
  in_order<int>(
      0, 4, [](size_t) { return 0; }, [](size_t, int) { return true; });
}

}  // namespace ktape::test
