#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: outside_test.sh SOURCE BUILD C-COMPILER C++-COMPILER: builds an assertion outside of the tree in SOURCE, with
# what was built in BUILD, and lets check judge a golden tape with it.
. "$(dirname "$0")/expect.sh"
source=$1 build=$2 c=$3 cxx=$4

case_an_assertion_is_built_outside_of_the_tree_and_run_by_check() {
  cp -r "$source/analyzers/examples/outside" project
  expect_status 0 cmake -S project -B out -G Ninja -Dktape_DIR="$build" -DCMAKE_C_COMPILER="$c" -DCMAKE_CXX_COMPILER="$cxx"
  expect_status 0 cmake --build out
  expect_status 0 "$build/bin/ktape-check" "$source/tests/golden/format-1.ktape" --analyzers out --only no-complaint
  expect_output "seq 64: the kernel did not complain before the tape was sealed"
}

run_cases
