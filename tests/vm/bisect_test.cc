// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

std::string image_of(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  return cached_kernel(series);
}

// A repository of six commits. Its build copies a kernel image: until commit 4 that of 6.16, from
// then on that of 7.3, which clears the vtime of a task that leaves sched_ext.
constexpr char kScript[] = R"(set -e
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
git init -q repo
cd repo
git config user.name tester
git config user.email tester@localhost
for n in 1 2 3 4 5 6; do
  image=$OLD
  test $n -lt 4 || image=$NEW
  echo "cp $image bzImage # $n" >build
  git add build
  git commit -q -m "commit-$n"
done
git bisect start HEAD HEAD~5
git bisect run sh -c "sh build && $KTAPE_TEST vtime_across_policies --kernel bzImage --tapes ../tapes --git-bisect \
  --only run-completed --with 'value --tag vtime_after --op == --to 2592000000000000'"
git show -s --format='found %s' refs/bisect/bad
)";

}  // namespace

TEST_CASE("git bisect run finds the kernel that clears the vtime of a task that leaves sched_ext") {
  // What `ktape test --git-bisect` makes of verdicts is tested without a guest too, in
  // test_verb_test.cc.
  for (const char* series : {"6.16", "7.3"}) {
    if (is_gone(series))
      SKIP("no kernel of " << series << " can be had, and no other is known to differ so");
  }
  TempDir folder;
  std::ofstream(folder.file("script")) << kScript;
  const std::string line = "cd " + folder.path() + " && OLD=" + image_of("6.16") +
                           " NEW=" + image_of("7.3") +
                           " KTAPE_TEST=" KTAPE_BIN "/ktape-test sh ./script 2>&1";
  ChildResult script = must(run_child("/bin/sh", {"-c", line}, 1 << 20));
  INFO(script.output);
  CHECK(script.exit_status == 0);
  CHECK_THAT(script.output, ContainsSubstring("found commit-4\n"));
}

}  // namespace ktape::test
