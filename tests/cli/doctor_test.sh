#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: doctor_test.sh BIN: `ktape doctor` on hosts that lack something.
. "$(dirname "$0")/expect.sh"
bin=$1

# A host without QEMU and without a kernel: nothing is booted.
doctor() { "$bin/ktape" doctor --qemu /no/qemu "$@"; }
empty_cache() { export XDG_CACHE_HOME=$PWD/cache; }

case_everything_that_a_capture_needs_is_checked() {
  empty_cache
  expect_status 4 doctor
  for name in QEMU memfd KVM memory limits output cache programs agent scenarios kernel; do
    [[ $'\n'$output == *$'\n'"$name "* ]] || fail "there is no line of $name"
  done
  expect_output "QEMU       MISSING  cannot run '/no/qemu': No such file or directory"
  expect_output "a capture cannot run here yet"
}

case_it_ends_with_the_one_command_that_mends_the_host() {
  empty_cache
  expect_status 4 doctor --kernel 7.3.4
  local last=${output##*$'\n'}
  [[ $last == "fix it with: "*"qemu-system-x86"*" && ktape kernel fetch 7.3.4" ]] || fail "the last line is '$last'"
  expect_status 4 doctor
  [[ $output == *" && ktape kernel fetch" ]] || fail "the default kernel is not fetched"
}

case_a_kernel_that_no_list_knows_is_not_fetched() {
  empty_cache
  expect_status 4 doctor --kernel 9.9.9
  expect_no_output "fetch 9.9.9"
  expect_output "kernel '9.9.9' is not in the cache"
}

case_a_folder_for_tapes_that_is_not_there_is_made() {
  empty_cache
  expect_status 4 doctor --output tapes
  expect_output "output     MISSING  there is no folder 'tapes'"
  expect_output "mkdir -p tapes"
}

case_limits_of_the_shell_are_checked() {
  empty_cache
  expect_status 4 bash -c 'ulimit -n 100; exec "$0/ktape" doctor --qemu /no/qemu' "$bin"
  expect_output "limits     MISSING  a program may open 100 files"
  expect_output "ulimit -n 1024"
}

case_the_json_has_every_check_and_the_command() {
  empty_cache
  expect_status 4 doctor --kernel 7.3.4 --json
  python3 - "$output" <<'PY' || fail "the JSON is another one"
import json, sys
report = json.loads(sys.argv[1])
checks = {check["name"]: check for check in report["checks"]}
assert report["format"] == 1 and report["canCapture"] is False
assert not checks["QEMU"]["ok"] and checks["QEMU"]["needed"] and checks["QEMU"]["hint"]
assert checks["memfd"]["ok"] and checks["memfd"]["hint"] is None
assert report["fix"].endswith("ktape kernel fetch 7.3.4")
PY
}

run_cases
