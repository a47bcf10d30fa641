#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: init_test.sh SOURCE BIN: `ktape init`. tests/vm/init_test.cc captures what it writes.
. "$(dirname "$0")/expect.sh"
source=$1 bin=$2

case_a_scenario_is_written_and_the_next_command_is_printed() {
  expect_status 0 "$bin/ktape" init mine
  [[ $output == "wrote    mine.scenario"$'\n'"next     ktape capture mine.scenario" ]] || fail "it prints something else"
  [[ $(ls) == mine.scenario ]] || fail "it writes something else"
}

# The template is the golden text.
case_it_is_the_template_with_the_name() {
  expect_status 0 "$bin/ktape" init my-own_1
  sed '1,2d; s/@NAME@/my-own_1/g' "$source/guest/scenarios/template.scenario.in" >expected
  diff expected my-own_1.scenario || fail "it is not the template"
}

# It goes as far as the kernel, which does not exist.
case_the_scenario_is_one_that_a_capture_takes() {
  expect_status 0 "$bin/ktape" init mine
  expect_status 3 "$bin/ktape" capture mine.scenario --kernel 1.2.3
  expect_output "kernel '1.2.3' is not in the cache"
}

case_a_file_that_exists_is_not_overwritten() {
  echo mine >mine.scenario
  for name in mine mine.scenario; do
    expect_status 2 "$bin/ktape" init "$name"
    expect_output "ktape init: 'mine.scenario' already exists"
    expect_output "hint: "
  done
  [[ $(cat mine.scenario) == mine ]] || fail "it is overwritten"
  ln -s nowhere link.scenario
  expect_status 2 "$bin/ktape" init link
  [[ ! -e nowhere ]] || fail "it is written through a link"
}

case_a_name_that_no_scenario_can_have_is_refused() {
  expect_status 2 "$bin/ktape" init "my own"
  expect_output "a scenario cannot be named 'my own'"
  expect_output "hint: use at most 100 letters"
  expect_status 2 "$bin/ktape" init ../mine
  expect_output "hint: give a name and not a path"
  expect_status 2 "$bin/ktape" init
  [[ -z $(ls) ]] || fail "a file is written"
}

case_a_folder_that_cannot_be_written_is_an_error() {
  expect_status 4 sh -c 'cd /proc && exec "$0/ktape" init mine' "$bin"
  expect_output "cannot create 'mine.scenario': "
}

# /dev/full: the disk is full.
case_an_output_that_cannot_be_written_is_an_error() {
  expect_status 4 sh -c '"$0/ktape" init mine >/dev/full' "$bin"
}

case_git_ignores_captures_in_the_checkout_and_not_those_of_the_tests() {
  git -C "$source" rev-parse --git-dir >/dev/null 2>&1 || { echo "not tried: there is no repository"; return 0; }
  expect_status 0 git -C "$source" check-ignore run.ktape docs/run.ktape run.ktape.partial
  expect_status 1 git -C "$source" check-ignore tests/golden/new.ktape tests/fuzz/corpus/tape/new.ktape
}

run_cases
