// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/merge_ops.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

constexpr auto kOther = ActionKind::kOther;
constexpr auto kRead = ActionKind::kColdRead;
constexpr auto kWrite = ActionKind::kColdWrite;
constexpr auto kHot = ActionKind::kHot;

using Groups = std::vector<ActionGroup>;

TEST_CASE("A step without actions has no groups") { CHECK(merge_ops({}).empty()); }

TEST_CASE("Adjacent cold reads become one request") {
  CHECK(merge_ops({kRead, kRead, kRead}) == Groups{{0, 3, kRead}});
}

TEST_CASE("Adjacent cold writes become one request") {
  CHECK(merge_ops({kWrite, kWrite}) == Groups{{0, 2, kWrite}});
}

TEST_CASE("A read and a write are never one request") {
  CHECK(merge_ops({kWrite, kRead, kRead, kWrite}) ==
        Groups{{0, 1, kWrite}, {1, 2, kRead}, {3, 1, kWrite}});
}

TEST_CASE("An action between two reads keeps them apart") {
  CHECK(merge_ops({kRead, kOther, kRead}) == Groups{{0, 1, kRead}, {1, 1, kOther}, {2, 1, kRead}});
}

TEST_CASE("Other actions are never grouped") {
  CHECK(merge_ops({kOther, kOther}) == Groups{{0, 1, kOther}, {1, 1, kOther}});
}

TEST_CASE("Each hot op is a request of its own") {
  CHECK(merge_ops({kHot, kHot, kRead}) == Groups{{0, 1, kHot}, {1, 1, kHot}, {2, 1, kRead}});
}

TEST_CASE("An op that is expected to be refused is never merged with others") {
  const ActionToMerge refused(kWrite, true);
  CHECK(merge_ops({kWrite, refused, kWrite, kWrite}) ==
        Groups{{0, 1, kWrite}, {1, 1, kWrite}, {2, 2, kWrite}});
  CHECK(merge_ops({refused, refused}) == Groups{{0, 1, kWrite}, {1, 1, kWrite}});
}

TEST_CASE("Reads with different intervals are not one request") {
  const ActionToMerge often(kRead, false, 0, 10);
  const ActionToMerge rarely(kRead, false, 0, 50);
  CHECK(merge_ops({often, often, rarely, kRead}) ==
        Groups{{0, 2, kRead}, {2, 1, kRead}, {3, 1, kRead}});
}

TEST_CASE("Ops with different retry times are not one request") {
  CHECK(merge_ops({{kWrite, false, 10}, {kWrite, false, 10}, {kWrite, false, 0}}) ==
        Groups{{0, 2, kWrite}, {2, 1, kWrite}});
}

}  // namespace
}  // namespace ktape
