#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: kernel_verbs_test.sh BIN: `ktape kernel fetch` and `ktape kernel list`, which run the installed script, and what
# a capture says of a kernel that is not there. tests/cli/kernel_test.sh tests the script itself.
. "$(dirname "$0")/expect.sh"
bin=$1

if ! command -v apt-get >/dev/null || [[ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  echo "SKIP: kernels come from a Debian mirror, and this is not Debian"
  exit 77
fi

# A prefix that has what a package has: the programs in libexec/ktape or, as in a build folder, in bin.
install_ktape() {
  mkdir -p prefix/bin prefix/share
  cp "$bin"/ktape "$bin"/ktape-kernel "$bin"/ktape-capture prefix/bin
  cp -rL "$bin/../share/ktape" prefix/share
  export XDG_CACHE_HOME=$PWD/cache KTAPE_BOOT_FOLDER=$PWD/boot PATH=$PWD/prefix/bin:$PATH
  local folder=$XDG_CACHE_HOME/ktape/kernels/6.16.12
  mkdir -p "$folder"
  (cd "$folder" && echo image >bzImage && sha256sum bzImage >SHA256SUMS)
}

case_a_cached_kernel_is_fetched_without_a_network() {
  install_ktape
  expect_status 0 ktape kernel fetch 6.16.12
  [[ $output == "$PWD/cache/ktape/kernels/6.16.12/bzImage" ]] || fail "the path is not printed alone"
  expect_status 0 ktape kernel fetch
  [[ $output == */6.16.12/bzImage ]] || fail "the default is another one"
}

case_a_missing_mirror_is_reported_under_the_name_of_the_caller() {
  install_ktape
  sleep 0.01 && touch stamp
  expect_status 4 ktape kernel fetch 7.3.4 --mirror "file:$PWD/nowhere"
  expect_output "ktape kernel: the mirror's package lists are not available"
  [[ -z $(find prefix -newer stamp) ]] || fail "something is written to the installation"
}

case_the_list_has_the_cache_and_the_host() {
  install_ktape
  mkdir boot
  touch boot/vmlinuz-6.1.0-30-amd64
  expect_status 0 ktape kernel list --mirror "file:$PWD/nowhere"
  expect_output "6.16.12                  yes        cached"
  expect_output "captured, 9 of 9" # of kernels.tried
  expect_output "6.1.0-30-amd64           unknown    boot       $PWD/boot/vmlinuz-6.1.0-30-amd64"
}

# script(1) makes a terminal.
case_on_a_terminal_the_list_is_paged() {
  install_ktape
  local list="ktape kernel list --mirror file:$PWD/nowhere"
  TERM=xterm PAGER="sed s/^6/paged:6/" expect_status 0 script -qec "$list" /dev/null
  expect_output "paged:6.16.12"
  TERM=xterm PAGER="sed s/^6/paged:6/" expect_status 0 script -qec "$list --no-pager" /dev/null
  expect_output "6.16.12"
  expect_no_output "paged"
}

case_a_subcommand_that_is_none_is_answered_with_those_there_are() {
  install_ktape
  expect_status 2 ktape kernel nosuch
  expect_output "ktape kernel: there is no subcommand 'nosuch'"
  expect_output "hint: give inspect, fetch or list"
  expect_status 2 ktape kernel fetsh
  expect_output "hint: did you mean 'fetch'?"
}

case_the_help_lists_the_verbs() {
  install_ktape
  expect_status 0 ktape kernel --help
  for verb in inspect fetch list; do expect_output "  $verb "; done
  expect_status 0 ktape kernel fetch --help
  expect_output "--mirror URL"
}

case_an_installation_without_the_script_is_an_error() {
  install_ktape
  rm -r prefix/share/ktape/kernels
  expect_status 4 ktape kernel list
  expect_output "cannot run '"
  expect_output "hint: it is part of ktape and needs bash"
}

case_a_capture_names_the_command_that_fetches_its_kernel() {
  install_ktape
  expect_status 3 ktape capture cold_path_roundtrip --kernel 7.3.4
  expect_output "kernel '7.3.4' is not in the cache"
  expect_output "hint: fetch it with 'ktape kernel fetch 7.3.4'"
}

# The lists of the mirror were never read, and no list that ships has it.
case_a_kernel_that_only_the_mirror_can_have_is_suggested_too() {
  install_ktape
  expect_status 3 ktape capture cold_path_roundtrip --kernel 6.18.12
  expect_output "hint: fetch it with 'ktape kernel fetch 6.18.12'; 'ktape kernel list' lists what there is"
  [[ ! -e cache/ktape/kernels/on-mirror ]] || fail "the mirror was asked"
}

case_a_version_that_no_mirror_can_have_is_not_suggested() {
  install_ktape
  expect_status 3 ktape capture cold_path_roundtrip --kernel 9.9.9
  expect_output "hint: list the kernels that can be fetched with 'ktape kernel list'"
  expect_no_output "fetch 9.9.9"
}

case_a_kernel_tree_that_is_not_built_is_an_error() {
  install_ktape
  mkdir linux
  touch linux/Kconfig
  for tree in linux "$PWD/linux" ./linux/; do
    expect_status 3 ktape capture cold_path_roundtrip --kernel "$tree"
    expect_output "has no arch/x86/boot/bzImage and no vmlinux"
    expect_output "hint: build it with 'make -C "
  done
}

run_cases
