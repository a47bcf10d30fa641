// SPDX-License-Identifier: Apache-2.0
#include "schema/base/nearest.h"

#include <catch2/catch_test_macros.hpp>

using namespace ktape;

TEST_CASE("edits count insertions, deletions, replacements and swaps") {
  CHECK(edit_distance("dsq_vtime", "dsq_vtime") == 0);
  CHECK(edit_distance("dsq_vtim", "dsq_vtime") == 1);
  CHECK(edit_distance("dsq_vtmie", "dsq_vtime") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("ABC", "abc") == 0);
}

TEST_CASE("the nearest names come first, and only near ones are returned") {
  const std::vector<std::string> names = {"dsq_vtime", "dsq", "slice", "dsq_vtime", "ddsp_dsq_id"};
  CHECK(nearest("dsq_vtim", names) == std::vector<std::string>{"dsq_vtime"});
  CHECK(nearest("vtime", names) == std::vector<std::string>{"dsq_vtime"});
  CHECK(nearest("quite_unlike", names).empty());
  CHECK(nearest("", names).empty());
}

TEST_CASE("suggestions read as a sentence") {
  const std::vector<std::string> names = {"nr_queued", "nr_queue", "nr_running"};
  CHECK(did_you_mean("nr_qeue", names) == "did you mean 'nr_queue' or 'nr_queued'?");
  CHECK(did_you_mean("nr_runing", names) == "did you mean 'nr_running'?");
  CHECK(did_you_mean("nothing", names).empty());
}
