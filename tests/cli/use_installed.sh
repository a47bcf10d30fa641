#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: use_installed.sh PREFIX MATERIALS (use | build | old_qemu KERNEL | capture KERNEL): what install_test.sh and deb_test.sh do with an
# installed ktape, where there is neither source nor build folder. MATERIALS has a tape and what an assertion is built of.
. "$(dirname "$0")/expect.sh"
prefix=$1 materials=$2 what=$3 kernel=${4:-}
export PATH=$prefix/bin:$PATH
readonly kJudged="seq 64: the kernel did not complain before the tape was sealed"

# The verbs that ktape knows of, whether their programs are there or not.
verbs() { ktape --describe-command | grep -o '"name":"[a-z]*"' | cut -d '"' -f 4; }

use_every_verb_is_there() {
  local verb
  for verb in $(verbs); do
    expect_status 0 ktape "$verb" --help
    expect_output "Usage: ktape $verb"
    expect_status 0 ktape help "$verb"
    expect_output "Usage: ktape $verb"
  done
  expect_status 0 ktape --help
  expect_no_output "ktape-assert"
  [[ $(grep -c '^  [a-z]' <<<"$output") == $(verbs | wc -l) ]] || fail "not every verb is listed, or something that is none"
}

use_only_the_launcher_is_on_the_path() {
  output=$(cd "$prefix/bin" && echo ktape*)
  [[ $output == ktape ]] || fail "there is more"
}

use_an_executable_by_another_name_says_what_its_names_are() {
  ln -s "$prefix/libexec/ktape/verbs" nobody
  expect_status 2 ./nobody
  expect_output "ktape: 'nobody' is not the name of a program in this file"
  expect_output "ktape-show"
}

use_a_tape_is_read_and_judged() {
  expect_status 0 ktape verify "$materials/golden.ktape"
  expect_status 0 ktape show "$materials/golden.ktape"
  expect_status 0 ktape check "$materials/golden.ktape" --only run-completed --only op-pairing
  expect_output "# 2 of 2 assertions passed"
  expect_status 0 ktape check --list
  [[ $(grep -c "$prefix/libexec/ktape/ktape-assert-" <<<"$output") == 12 ]] || fail "not all of ours are there"
}

# An assertion that always holds.
assertion() {
  mkdir -p "$1"
  printf '#!/bin/sh\necho "KTAP version 1"\necho 1..1\necho "ok 1 holds"\n' >"$1/ktape-assert-holds"
  chmod +x "$1/ktape-assert-holds"
}

use_assertions_are_found_on_the_path_and_in_a_folder() {
  assertion on_path
  PATH=$PWD/on_path:$PATH expect_status 0 ktape check "$materials/golden.ktape" --only holds
  expect_output "ok 1 holds"
  expect_status 2 ktape check "$materials/golden.ktape" --only holds
  assertion folder
  expect_status 0 ktape check "$materials/golden.ktape" --only holds --analyzers folder
}

use_scenarios_are_found_by_name() {
  expect_status 2 ktape capture cold_path_roundtri
  expect_output "did you mean 'cold_path_roundtrip'?"
}

use_the_views_for_sql_are_where_ktape_says() {
  expect_status 0 ktape --data-path
  expect_status 0 grep -c "^CREATE TEMP VIEW" "$output/views.sql"
}

use_kernels_are_fetched_and_listed() {
  export XDG_CACHE_HOME=$PWD/cache
  mkdir -p cache/ktape/kernels/6.16.12
  (cd cache/ktape/kernels/6.16.12 && echo image >bzImage && sha256sum bzImage >SHA256SUMS)
  expect_status 0 ktape kernel fetch 6.16.12
  [[ $output == "$PWD/cache/ktape/kernels/6.16.12/bzImage" ]] || fail "the cached kernel is not found"
  expect_status 0 ktape kernel list --mirror "file:$PWD/nowhere"
  expect_output "6.16.12                  yes        cached"
  expect_status 3 ktape capture cold_path_roundtrip --kernel 7.3.4
  expect_output "hint: fetch it with 'ktape kernel fetch 7.3.4'"
}

use_a_scenario_to_start_from_is_written() {
  expect_status 0 ktape init mine
  expect_status 3 ktape capture mine.scenario --kernel 1.2.3 # there is no such kernel
  expect_output "kernel '1.2.3' is not in the cache"
}

use_there_is_a_manual_page_for_every_verb() {
  local verb
  for verb in $(verbs); do
    gzip -dc "$prefix/share/man/man1/ktape-$verb.1.gz" | grep -q '^\.SH SYNOPSIS' || fail "no page of $verb"
  done
}

# What bash completes the last of these words to.
completed() {
  # shellcheck disable=SC2016  # expanded in there
  bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ktape 2>/dev/null; echo "${COMPREPLY[@]}"' \
    "$prefix/share/bash-completion/completions/ktape" "$@"
}

use_bash_completes_every_verb_with_its_options() {
  local verb
  for verb in $(verbs); do
    [[ $(completed ktape "$verb") == "$verb" ]] || fail "bash does not complete $verb"
    [[ $(completed ktape "$verb" --hel) == --help ]] || fail "bash does not complete the options of $verb"
  done
  [[ $(completed ktape capture cold) == cold_path_roundtrip ]] || fail "bash does not complete a scenario"
}

# Debian's zsh looks into vendor-completions.
use_zsh_and_fish_have_completions_that_they_can_read() {
  local zsh fish=$prefix/share/fish/vendor_completions.d/ktape.fish verb
  zsh=$(echo "$prefix"/share/zsh/*/_ktape)
  [[ $(head -n 1 "$zsh") == "#compdef ktape" ]] || fail "zsh has no completions"
  for verb in $(verbs); do
    grep -q "^  $verb) _arguments " "$zsh" || fail "zsh does not know $verb"
    grep -q -- "-a $verb -d " "$fish" || fail "fish does not know $verb"
  done
  ! command -v zsh >/dev/null || expect_status 0 zsh -n "$zsh"
  ! command -v fish >/dev/null || expect_status 0 fish -n "$fish"
}

build_an_assertion_is_built_with_find_package() {
  cp -r "$materials/outside" project
  expect_status 0 cmake -S project -B out -Dktape_DIR="$prefix/lib/cmake/ktape"
  expect_status 0 cmake --build out
  expect_status 0 ktape check "$materials/golden.ktape" --analyzers out --only no-complaint
  expect_output "$kJudged"
}

build_an_assertion_is_built_with_pkg_config() {
  local flags libraries
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  read -ra flags < <(pkg-config --cflags ktape)
  read -ra libraries < <(pkg-config --libs ktape)
  mkdir out
  expect_status 0 "${CXX:-c++}" "${flags[@]}" "$materials/outside/no_complaint.cc" "${libraries[@]}" \
    -o out/ktape-assert-no-complaint
  expect_status 0 ktape check "$materials/golden.ktape" --analyzers out --only no-complaint
  expect_output "$kJudged"
}

build_the_examples_in_python_judge_a_tape() {
  expect_status 0 ktape check "$materials/recorded.ktape" --analyzers "$prefix/share/doc/ktape/examples" \
    --only freeze-share --only runnable-counted
  expect_output "# 2 of 2 assertions passed"
}

build_every_header_finds_what_it_includes() {
  local flags
  read -ra flags < <(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags ktape)
  (cd "$prefix/include/ktape" && printf '#include "%s"\n' analyzers/*.h schema/*.h schema/*/*.h schema/*/*/*.h) >all.cc
  expect_status 0 "${CXX:-c++}" "${flags[@]}" -fsyntax-only all.cc
}

# Of Debian 12's own QEMU, without KVM: what to do is said in a line.
old_qemu_is_refused_with_the_command_that_gets_another() {
  expect_status 4 ktape capture cold_path_roundtrip --kernel "$kernel" --accel tcg -o run.ktape
  expect_output "cannot use QEMU 7.2"
  expect_output "apt install -t bookworm-backports qemu-system-x86"
}

capture_a_run_is_recorded_and_judged() {
  expect_status 0 ktape capture cold_path_roundtrip --kernel "$kernel" -o run.ktape
  expect_output "outcome  completed"
  expect_status 0 ktape check run.ktape --require run-completed --require vtime-monotonic
}

run_cases_of "${what}_"
