#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/kernel without a network: a mirror that is not there.
. "$(dirname "$0")/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)

if ! command -v apt-get >/dev/null || [[ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  echo "SKIP: kernels come from a Debian mirror, and this is no Debian"
  exit 77
fi

# A cache with the kernel 6.16.12, whose image is "image".
fill_cache() {
  export XDG_CACHE_HOME=$PWD/cache
  local folder=$XDG_CACHE_HOME/ktape/kernels/6.16.12
  mkdir -p "$folder"
  (cd "$folder" && echo image >bzImage && sha256sum bzImage >SHA256SUMS)
}

kernel() { "$tools/kernel" --mirror "file:$PWD/nowhere" "$@"; }

case_a_cached_kernel_needs_no_network() {
  fill_cache
  expect_status 0 kernel fetch 6.16.12
  [[ $output == "$PWD/cache/ktape/kernels/6.16.12/bzImage" ]] || fail "the path is not printed alone"
}

case_the_default_is_taken_from_the_cache() {
  fill_cache
  expect_status 0 kernel fetch
  expect_output "/6.16.12/bzImage"
}

case_the_newest_of_a_series_is_taken_from_the_cache() {
  fill_cache
  expect_status 0 kernel fetch 6.16
  expect_output "/6.16.12/bzImage"
}

case_a_series_is_of_one_flavour() {
  fill_cache
  cp -r cache/ktape/kernels/6.16.12 cache/ktape/kernels/6.16.13-rt
  expect_status 0 kernel fetch 6.16
  expect_output "/6.16.12/bzImage"
  expect_status 0 kernel fetch 6.16-rt
  expect_output "/6.16.13-rt/bzImage"
}

case_a_damaged_kernel_is_not_handed_out() {
  fill_cache
  echo damage >>cache/ktape/kernels/6.16.12/bzImage
  expect_status 4 kernel fetch 6.16.12
  expect_no_output "/6.16.12/bzImage"
}

case_without_a_mirror_a_kernel_that_is_not_there_cannot_be_had() {
  fill_cache
  expect_status 4 kernel fetch 7.3.4
  expect_output "package lists cannot be had"
}

case_the_list_shows_what_is_cached_without_a_network() {
  fill_cache
  expect_status 0 kernel list
  expect_output "6.16.12          yes        cached"
}

case_an_unknown_verb_is_a_usage_error() {
  fill_cache
  expect_status 2 kernel get
  expect_output "usage: tools/kernel"
}

run_cases
