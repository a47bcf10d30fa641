#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: setup_test.sh SOURCE C-COMPILER C++-COMPILER: what tools/setup installs for whom, what tools/build builds, and
# what tools/demo prints at its end. Nothing is installed, built or captured.
. "$(dirname "$0")/expect.sh"
source=$1 c=$2 cxx=$3

program() { mkdir -p "${1%/*}" && printf '#!/bin/bash\n%s\n' "$2" >"$1" && chmod +x "$1"; }

# The commands for a Debian 12 on which nothing is installed.
print_setup() {
  program path/dpkg-query 'exit 1'
  PATH=$PWD/path:$PATH expect_status 0 "$source/tools/setup" --print --mirror http://mirror.example/debian "$@"
}

readonly kOfTests=(catch2 clang-tidy-14 clang-format-14 libbenchmark-dev libclang-rt-14-dev protobuf-compiler jq)

is_debian_12() { grep -qx VERSION_CODENAME=bookworm /etc/os-release; }

case_what_only_tests_need_is_not_installed_for_others() {
  is_debian_12 || return 0
  print_setup
  expect_output " capnproto "
  expect_output " qemu-system-x86"
  for package in "${kOfTests[@]}"; do expect_no_output "$package"; done
}

case_the_tests_get_what_they_need() {
  is_debian_12 || return 0
  for option in --tests --full; do
    print_setup "$option"
    for package in capnproto "${kOfTests[@]}"; do expect_output "$package"; done
  done
  expect_output "mmdebstrap"
}

# Copies of the scripts, with stand-ins for what they call. Each call is a line in `calls`.
copy_tools() {
  mkdir -p tools/lib
  cp "$source/tools/demo" "$source/tools/build" tools
  cp "$source/tools/lib/common.sh" tools/lib
  program tools/setup "echo setup \"\$@\" >>'$PWD/calls'"
  program path/cmake "echo cmake \"\$@\" >>'$PWD/calls'"
  export PATH=$PWD/path:$PATH
}

case_without_a_target_what_a_user_runs_is_built() {
  copy_tools
  expect_status 0 tools/build
  expect_status 0 tools/build asan-ubsan all
  diff - calls <<'END'
setup
cmake --preset release
cmake --build --preset release --target programs
setup --tests
cmake --preset asan-ubsan
cmake --build --preset asan-ubsan --target all
END
}

case_the_demo_says_how_long_each_part_took() {
  copy_tools
  program tools/kernel "mkdir -p '$PWD/kernels/1.2.3'; echo '$PWD/kernels/1.2.3/bzImage'"
  # shellcheck disable=SC2016  # for the stand-in
  program build/release/bin/ktape '[[ $1 != capture ]] || { sleep 1; touch "${@: -1}"; }'
  expect_status 0 tools/demo
  grep -Eqx 'Times: packages [0-9]+ s, build [0-9]+ s, kernel [0-9]+ s, capture [1-9][0-9]* s, check [0-9]+ s\.' \
    <<<"$(tail -n 1 <<<"$output")" || fail "the last line has no times"
}

case_programs_need_no_library_of_the_tests() {
  local without=()
  for package in Catch2 benchmark; do without+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
  expect_status 0 cmake -S "$source" -B out -G Ninja "${without[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_C_COMPILER="$c" -DCMAKE_CXX_COMPILER="$cxx"
  expect_output "Without tests and benchmarks"
  expect_status 0 ninja -C out -n programs
  expect_no_output "tests/"
  expect_output "manual pages"
  expect_status 0 ninja -C out -t inputs all
  expect_no_output "bench_"
}

run_cases
