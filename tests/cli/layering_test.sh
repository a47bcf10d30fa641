#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)

source_file() { mkdir -p "$(dirname "$1")" && printf '%s\n' "${@:2}" >"$1"; }

case_arrows_of_the_house_are_followed() {
  source_file replay/a.cc '#include "guest/kernel/kernel.h"' '#include <vector>'
  source_file guest/machine/b.cc '#include "guest/memory/guest_memory.h"'
  expect_status 0 "$tools/layering" .
}

case_an_include_against_the_arrows_is_named_with_its_line() {
  source_file schema/a.cc '#include <vector>' '#include "guest/kernel/kernel.h"'
  expect_status 1 "$tools/layering" .
  expect_output "schema/a.cc:2: schema may not use guest/kernel"
}

case_analyzers_use_the_schema_only() {
  source_file analyzers/a.cc '#include "replay/check/check.h"'
  expect_status 1 "$tools/layering" .
  expect_output "analyzers/a.cc:1: analyzers may not use replay/check"
}

case_only_tests_use_tests() {
  source_file capture/a.cc '#include "tests/support/a.h"'
  expect_status 1 "$tools/layering" .
  expect_output "capture may not use tests"
}

case_the_machine_sees_memory_and_no_kernel() {
  source_file guest/machine/a.cc '#include "guest/kernel/types/btf.h"'
  expect_status 1 "$tools/layering" .
  expect_output "guest/machine may not use guest/kernel/types"
}

case_arrows_hold_inside_a_room() {
  source_file guest/kernel/types/a.cc '#include "guest/kernel/ops/gates.h"'
  source_file guest/kernel/ops/b.cc '#include "guest/kernel/types/btf.h"'
  expect_status 1 "$tools/layering" .
  expect_output "guest/kernel/types/a.cc:1: guest/kernel/types may not use guest/kernel/ops"
  expect_no_output "guest/kernel/ops/b.cc"
}

case_the_parts_of_a_capture_have_an_order() {
  source_file capture/run/a.cc '#include "capture/freeze/freezer.h"' '#include "capture/io/progress.h"'
  source_file capture/freeze/b.cc '#include "capture/record/recorder.h"' '#include "capture/run/engine.h"'
  source_file capture/record/c.cc '#include "capture/io/progress.h"' '#include "capture/freeze/freezer.h"'
  expect_status 1 "$tools/layering" .
  expect_output "capture/freeze/b.cc:2: capture/freeze may not use capture/run"
  expect_output "capture/record/c.cc:2: capture/record may not use capture/freeze"
  expect_no_output "capture/run/a.cc"
}

case_a_tape_is_written_without_what_copies_or_verifies_it() {
  source_file schema/tape/writing/a.cc '#include "schema/tape/verify/verify.h"'
  source_file schema/tape/verify/b.cc '#include "schema/tape/writing/writer.h"'
  source_file schema/tape/copy/c.cc '#include "schema/tape/verify/verify.h"' '#include "schema/tape/writing/writer.h"'
  expect_status 1 "$tools/layering" .
  expect_output "schema/tape/writing/a.cc:1: schema/tape/writing may not use schema/tape/verify"
  expect_output "schema/tape/verify/b.cc:1: schema/tape/verify may not use schema/tape/writing"
  expect_no_output "schema/tape/copy/c.cc"
}

case_arrows_in_a_circle_are_refused() {
  sed 's|"capture/io": \[|&"capture/run", |' "$tools/layering" >layering
  expect_status 1 python3 layering .
  expect_output "tools/layering: a circle of arrows: "
  expect_output "capture/io -> capture/run"
}

case_a_folder_without_arrows_is_named() {
  source_file guest/kernel/new/a.cc '#include <vector>'
  source_file tests/new/b.cc '#include <vector>'
  expect_status 1 "$tools/layering" .
  expect_output "guest/kernel/new/a.cc:1: the folder 'guest/kernel/new' has no arrows in tools/layering"
  expect_no_output "tests/new/b.cc"
}

case_verbs_do_not_use_each_other() {
  source_file replay/show/a.cc '#include "replay/diff/diff.h"' '#include "replay/text/text_writer.h"'
  expect_status 1 "$tools/layering" .
  expect_output "replay/show/a.cc:1: replay/show may not use replay/diff"
  expect_no_output "replay/show/a.cc:2"
}

case_an_include_without_its_room_is_refused() {
  source_file capture/a.cc '#include "recorder.h"'
  expect_status 1 "$tools/layering" .
  expect_output "'recorder.h' does not name its module"
}

case_an_include_of_a_source_file_is_refused() {
  source_file analyzers/a.cc '#include "analyzers/b.cc"'
  expect_status 1 "$tools/layering" .
  expect_output "'analyzers/b.cc' is not a header"
}

case_a_link_against_the_arrows_is_named() {
  source_file guest/kernel/CMakeLists.txt 'add_library(ktape_kernel STATIC a.cc)'
  source_file analyzers/CMakeLists.txt '' 'target_link_libraries(x PRIVATE ktape_kernel)'
  expect_status 1 "$tools/layering" .
  expect_output "analyzers/CMakeLists.txt:2: analyzers may not link 'ktape_kernel' of guest/kernel"
}

case_a_file_without_its_licence_is_named() {
  source_file schema/a.cc 'int main() {}'
  source_file schema/b.cc '// SPDX-License-Identifier: Apache-2.0'
  source_file guest/inside/bpf/c.c '// SPDX-License-Identifier: Apache-2.0'
  expect_status 1 "$tools/licences" .
  expect_output "schema/a.cc:1: no SPDX licence line"
  expect_output "guest/inside/bpf/c.c:1:"
  expect_no_output "schema/b.cc"
}

run_cases
