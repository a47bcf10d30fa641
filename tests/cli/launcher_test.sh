#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: launcher_test.sh PROGRAM
. "$(dirname "$0")/expect.sh"
launcher=$1

# A copy of the launcher in bin/, alone, with the verb `show` beside it.
install_launcher() {
  mkdir -p bin libexec/ktape path
  cp "$launcher" bin/ktape
  program bin/ktape-show 'echo "show: $*"; exit 77'
  export PATH=$PWD/path:/usr/bin:/bin
}

program() { printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1"; }

case_a_verb_gets_its_arguments_and_its_status_comes_back() {
  install_launcher
  expect_status 77 bin/ktape show --json "a b"
  [[ $output == "show: --json a b" ]] || fail "the arguments were changed"
}

case_a_verb_is_found_in_the_libexec_folder() {
  install_launcher
  program libexec/ktape/ktape-verify 'echo verified'
  expect_status 0 bin/ktape verify
  expect_output verified
}

case_a_verb_is_found_on_the_path() {
  install_launcher
  program path/ktape-mine 'echo mine'
  expect_status 0 bin/ktape mine
  expect_output mine
}

case_the_program_beside_the_launcher_comes_before_the_path() {
  install_launcher
  program path/ktape-show 'echo "another one"'
  expect_status 77 bin/ktape show
}

case_help_lists_the_verbs_that_are_there() {
  install_launcher
  program path/ktape-mine 'true'
  expect_status 0 bin/ktape --help
  expect_output "  show       show the records of a tape"
  expect_output "  mine "
  expect_no_output "  diff "
}

case_assertion_programs_are_not_verbs() {
  install_launcher
  program bin/ktape-assert-x 'true'
  expect_status 0 bin/ktape --help
  expect_no_output "assert-x"
}

case_an_unknown_verb_is_answered_with_the_nearest() {
  install_launcher
  expect_status 2 bin/ktape shwo
  expect_output "ktape: there is no verb 'shwo'"
  expect_output "hint: did you mean 'show'?"
}

case_no_verb_at_all_is_a_usage_error() {
  install_launcher
  expect_status 2 bin/ktape
  expect_output "usage: ktape VERB"
}

case_the_version_is_printed() {
  install_launcher
  expect_status 0 bin/ktape --version
  expect_output "ktape "
}

case_the_folder_of_the_data_is_printed() {
  install_launcher
  expect_status 0 bin/ktape --data-path
  [[ $output == "$PWD/share/ktape" ]] || fail "it is not beside bin/"
}

case_help_of_a_verb_is_its_help_where_there_is_no_terminal() {
  install_launcher
  page_of show
  program path/man 'echo "man: $*"'
  expect_status 77 bin/ktape help show
  expect_output "show: --help"
  expect_status 2 bin/ktape help shwo
  expect_output "hint: did you mean 'show'?"
}

# on_a_terminal COMMAND: its output with standard output on a terminal; its status.
on_a_terminal() { /usr/bin/script -qec "$1" /dev/null; }

page_of() {
  mkdir -p share/man/man1
  : >"share/man/man1/ktape-$1.1.gz"
}

case_help_of_a_verb_is_its_manual_page_on_a_terminal() {
  install_launcher
  program path/man 'echo "man: $*"'
  expect_status 77 on_a_terminal "bin/ktape help show"
  expect_output "show: --help"
  page_of show
  expect_status 0 on_a_terminal "bin/ktape help show"
  expect_output "man: -l $PWD/share/man/man1/ktape-show.1.gz"
}

case_help_of_a_verb_is_its_help_where_there_is_no_man() {
  install_launcher
  page_of show
  ln -s "$(command -v sh)" path/sh
  PATH=$PWD/path expect_status 77 on_a_terminal "bin/ktape help show"
  expect_output "show: --help"
}

case_only_programs_of_ktape_are_in_the_build_folders_bin() {
  expect_status 1 grep -v '^ktape' <(ls "$(dirname "$launcher")")
}

case_the_target_programs_makes_what_the_docs_use() {
  local build
  build=$(dirname "$(dirname "$launcher")")
  expect_status 0 ninja -C "$build" -t inputs programs
  for file in schema/views.sql bin/ktape-capture libexec/ktape/assertions; do
    expect_output "$file"
  done
}

case_a_verb_of_the_build_folder_finds_the_programs_that_it_starts() {
  expect_status 3 "$launcher" test cold_path_roundtrip --kernel 1.2.3
  expect_output "kernel '1.2.3' is not in the cache"
}

run_cases
