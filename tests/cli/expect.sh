# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the tests of this folder. A case is a function named case_*; `run_cases` runs each in its
# own folder, which is removed if it passed. `run_cases_of BEGINNING` runs those whose names begin so.
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

run_cases_of() {
  local beginning=$1 name folder
  for name in $(compgen -A function "$beginning"); do
    folder=$(mktemp -d)
    (cd "$folder" && "$name") || { echo "in $name, run in $folder" >&2; exit 1; }
    rm -rf "$folder"
    echo "ok ${name#"$beginning"}"
  done
}

run_cases() { run_cases_of case_; }

# page_command SOURCE TEXT: the command of docs/installing.md that contains TEXT, without sudo and the comment behind it.
page_command() {
  local line
  line=$(sed -n '/^```sh$/,/^```$/p' "$1/docs/installing.md" | grep -F -- "$2") || fail "docs/installing.md has no '$2'"
  sed -E 's/ +# .*//; s/^sudo //' <<<"$line"
}

# The bzImage that stands for a series of tools/kernels.list in the tests; what is printed is empty where it is not cached.
kernel_of_tests() {
  local kernels=${XDG_CACHE_HOME:-$HOME/.cache}/ktape/kernels version
  version=$(sed -n "s/^$1 //p" "$kernels/for-tests" 2>/dev/null) || true
  if [[ -n $version && -r $kernels/$version/bzImage ]]; then echo "$kernels/$version/bzImage"; fi
}
