# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the tests of this folder. A case is a function named case_*; `run_cases` runs each in its
# own folder, which is removed if it passed.
set -euo pipefail

output="" # of the last `expect_status`, standard error included

fail() {
  printf 'FAILED: %s\n--- output of the last command:\n%s\n' "$*" "$output" >&2
  exit 1
}

# expect_status STATUS COMMAND...
expect_status() {
  local expected=$1 status=0
  shift
  output=$("$@" 2>&1 </dev/null) || status=$?
  [[ $status == "$expected" ]] || fail "'$*' ended with status $status, expected $expected"
}

expect_output() { [[ $output == *"$1"* ]] || fail "the output does not contain '$1'"; }
expect_no_output() { [[ $output != *"$1"* ]] || fail "the output contains '$1'"; }

run_cases() {
  local name folder
  for name in $(compgen -A function case_); do
    folder=$(mktemp -d)
    (cd "$folder" && "$name") || { echo "in $name, run in $folder" >&2; exit 1; }
    rm -rf "$folder"
    echo "ok ${name#case_}"
  done
}
