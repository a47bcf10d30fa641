#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which mirror tools/setup and tools/kernel take from the configuration of apt.
. "$(dirname "$0")/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)

if ! command -v apt-get >/dev/null; then
  echo "SKIP: there is no apt here"
  exit 77
fi

# mirror_of: the mirror for bookworm by the sources in ./sources.list and ./parts.
mirror_of() {
  mkdir -p parts lists
  touch sources.list
  printf 'Dir::Etc::SourceList "%s/sources.list";\nDir::Etc::SourceParts "%s/parts";\nDir::State::Lists "%s/lists";\n' \
    "$PWD" "$PWD" "$PWD" >apt.conf
  # shellcheck disable=SC2016  # expanded by the inner shell
  APT_CONFIG=$PWD/apt.conf bash -c 'set -eu; . "$0/lib/common.sh"; . "$0/lib/apt.sh"; debian_mirror bookworm' "$tools"
}

case_a_line_with_options_is_understood() {
  echo 'deb [arch=amd64] http://mirror.test/debian bookworm main contrib' >sources.list
  expect_status 0 mirror_of
  [[ $output == http://mirror.test/debian/ ]] || fail "not the mirror"
}

case_a_deb822_file_is_understood() {
  mkdir parts
  printf '%s\n' 'Types: deb deb-src' 'URIs: http://mirror.test/debian' 'Suites: bookworm bookworm-updates' \
    'Components: main' >parts/debian.sources
  expect_status 0 mirror_of
  [[ $output == http://mirror.test/debian/ ]] || fail "not the mirror"
}

case_another_archive_with_the_same_suite_is_skipped() {
  printf '%s\n' 'deb http://aaa.test/packages bookworm main' 'deb http://mirror.test/deb bookworm main' \
    'deb http://mirror.test/deb bookworm-updates main' >sources.list
  expect_status 0 mirror_of
  [[ $output == http://mirror.test/deb/ ]] || fail "not the mirror"
}

case_a_disabled_entry_is_not_a_mirror() {
  mkdir parts
  printf '%s\n' 'Enabled: no' 'Types: deb' 'URIs: http://mirror.test/debian' 'Suites: bookworm' 'Components: main' \
    >parts/debian.sources
  expect_status 0 mirror_of
  [[ -z $output ]] || fail "a disabled entry was taken"
}

run_cases
