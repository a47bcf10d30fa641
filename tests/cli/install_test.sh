#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: install_test.sh SOURCE BUILD C++-COMPILER [SERIES]: installs what was built in BUILD, moves it, hides SOURCE and
# BUILD, and uses what is there; with SERIES, captures with a kernel of it.
. "$(dirname "$0")/expect.sh"
source=$1 build=$2 cxx=$3 series=${4:-}
readonly kMaxProgramBytes=$((40 << 20))

namespace=(unshare --mount)
((EUID == 0)) || namespace+=(--user --map-root-user)
"${namespace[@]}" true 2>/dev/null || {
  echo "skipped: this user may make no mount namespace, so the build folder cannot be hidden"
  exit 77
}
kernel=""
if [[ -n $series ]]; then
  kernel=$(kernel_of_tests "$series")
  [[ -n $kernel ]] || { echo "skipped: kernel $series is not cached: tools/kernel tests"; exit 77; }
fi
work=$(mktemp -d)

# hidden COMMAND...: runs it where source and build are empty folders; nobody else notices.
hidden() {
  # shellcheck disable=SC2016  # expanded in there
  "${namespace[@]}" sh -euc '
    mount -t tmpfs none "$1"
    [ ! -d "$2" ] || mount -t tmpfs none "$2"
    shift 2
    exec "$@"' sh "$source" "$build" "$@"
}

prepare() {
  mkdir "$work/materials"
  cp -r "$source/tests/golden/format-1.ktape" "$source/analyzers/examples/outside" "$source/tests/cli/expect.sh" \
    "$source/tests/cli/use_installed.sh" "$work/materials"
  mv "$work/materials/format-1.ktape" "$work/materials/golden.ktape"
  cp "$source/tests/golden/cold_path_roundtrip-6.16.12.ktape" "$work/materials/recorded.ktape"
  local install
  install=$(page_command "$source" "cmake --install build/release")
  expect_status 0 bash -c "${install/build\/release/\"\$0\"} --prefix \"\$1\"" "$build" "$work/first"
  mv "$work/first" "$work/moved"
}

uses() { expect_status 0 hidden env CXX="$cxx" "$work/materials/use_installed.sh" "$work/moved" "$work/materials" "$@"; }

case_it_works_where_it_was_moved_to() { uses use; }

case_assertions_are_built_with_it() { uses build; }

case_nothing_in_it_names_the_source_or_the_build_folder() {
  expect_status 1 grep -rlF -e "$build" -e "$source" "$work/moved"
}

case_the_programs_are_small() {
  local bytes
  bytes=$(find "$work/moved/bin" "$work/moved/libexec" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
  echo "the programs have $bytes bytes"
  ((bytes > 0 && bytes < kMaxProgramBytes)) || fail "the programs have $bytes bytes, more than $kMaxProgramBytes"
}

capture_it_records_a_run() { uses capture "$kernel"; }

prepare
if [[ -n $kernel ]]; then run_cases_of capture_; else run_cases; fi
rm -rf "$work"
