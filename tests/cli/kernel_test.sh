#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/kernel without a network: a missing mirror.
. "$(dirname "$0")/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)

if ! command -v apt-get >/dev/null || [[ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  echo "SKIP: kernels come from a Debian mirror, and this is not Debian"
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

case_without_a_mirror_an_uncached_kernel_is_not_available() {
  fill_cache
  expect_status 4 kernel fetch 7.3.4
  expect_output "package lists are not available"
}

case_the_list_shows_what_is_cached_without_a_network() {
  fill_cache
  expect_status 0 kernel list
  expect_output "6.16.12                  yes        cached"
}

# A host with kernels in a /boot of its own: the running one has sched_ext, 6.8.0-1-x does not say.
make_boot() {
  export KTAPE_BOOT_FOLDER=$PWD/boot
  mkdir boot
  touch "boot/vmlinuz-$(uname -r)" boot/vmlinuz-6.1.0-30-amd64 boot/vmlinuz-6.8.0-1-x boot/initrd.img-6.8.0-1-x
  echo CONFIG_SCHED_CLASS_EXT=y >"boot/config-$(uname -r)"
  echo '# CONFIG_SCHED_CLASS_EXT is not set' >boot/config-6.1.0-30-amd64
}

# row VERSION: the words of the list's row of it, with one blank between them.
row() { sed -n "s/  */ /g; /^$1 /p" <<<"$output"; }

case_the_list_shows_the_kernels_of_the_host() {
  fill_cache
  make_boot
  expect_status 0 kernel list
  [[ $(row "$(uname -r)") == "$(uname -r) yes host $PWD/boot/vmlinuz-$(uname -r)" ]] || fail "the running kernel"
  [[ $(row 6.1.0-30-amd64) == "6.1.0-30-amd64 no boot $PWD/boot/vmlinuz-6.1.0-30-amd64" ]] || fail "another kernel"
  [[ $(row 6.8.0-1-x) == "6.8.0-1-x unknown boot $PWD/boot/vmlinuz-6.8.0-1-x" ]] || fail "one without a config"
  expect_no_output initrd
}

case_the_list_says_which_kernels_of_the_host_cannot_be_read() {
  fill_cache
  make_boot
  chmod 000 boot/vmlinuz-6.8.0-1-x
  local as=()
  if ((EUID == 0)); then # who could read it
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 755 .
    chown -R 65534:65534 cache
  fi
  expect_status 0 "${as[@]}" "$tools/kernel" --mirror "file:$PWD/nowhere" list
  [[ $(row 6.8.0-1-x) == "6.8.0-1-x unknown unreadable "* ]] || fail "it is not called unreadable"
}

case_a_cache_that_cannot_be_written_is_an_error_with_the_remedy() {
  export XDG_CACHE_HOME=/proc/nowhere
  expect_status 4 kernel list
  expect_output "cannot write to the cache '/proc/nowhere/ktape/kernels'"
  expect_output "hint: set XDG_CACHE_HOME"
}

# A mirror that has the kernels of ./on_mirror: apt-get and apt-cache of this folder. The package of a version is
# an empty one with an image.
make_mirror() {
  export XDG_CACHE_HOME=$PWD/cache
  mkdir bin
  cat >bin/apt-cache <<'STUB'
#!/bin/sh
for last; do :; done
case "$*" in
  *pkgnames*) sed 's/.*/linux-binary-&+deb13-cloud-amd64/' "$MIRROR/on_mirror" ;;
  *) echo "Package: $last" ;;
esac
STUB
  cat >bin/apt-get <<'STUB'
#!/bin/sh
for last; do :; done
case "$*" in
  *update*) for folder in "$MIRROR"/cache/ktape/apt/lists; do touch "$folder/x_Packages"; done ;;
  *download\ linux-base*) exit 1 ;;
  *download*)
    mkdir -p tree/DEBIAN tree/boot
    echo "image of $last" >tree/boot/vmlinuz
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n' "$last" >tree/DEBIAN/control
    dpkg-deb --build tree kernel.deb >/dev/null
    rm -r tree ;;
esac
STUB
  chmod +x bin/apt-cache bin/apt-get
  export MIRROR=$PWD PATH=$PWD/bin:$PATH
  printf '%s\n' 6.12.95 6.16.3 6.16.10 6.16.12 6.17.13 6.19.14 7.3.4 7.4.1 >on_mirror
}

# gone VERSION...: the mirror drops them.
gone() {
  local version
  for version in "$@"; do sed -i "/^${version//./\\.}$/d" on_mirror; done
}

case_the_tests_get_the_kernels_that_are_listed() {
  make_mirror
  expect_status 0 kernel tests
  expect_output "6.12 6.12.95"$'\n'"6.16 6.16.12"$'\n'"6.19 6.19.14"$'\n'"7.3 7.3.4"
  expect_no_output "is not available"
  [[ $(cat cache/ktape/kernels/for-tests) == "6.12 6.12.95"$'\n'* ]] || fail "nothing is left for the tests"
  [[ -f cache/ktape/kernels/6.16.12/bzImage ]] || fail "the kernel is not in the cache"
}

case_the_nearest_release_replaces_one_that_is_gone() {
  make_mirror
  gone 6.16.12
  expect_status 0 kernel tests
  expect_output "kernel 6.16.12 is not available: using 6.16.10"
  grep -qx "6.16 6.16.10" cache/ktape/kernels/for-tests || fail "another one is used"
}

case_the_nearest_series_replaces_one_that_is_gone() {
  make_mirror
  gone 6.16.3 6.16.10 6.16.12 7.3.4
  expect_status 0 kernel tests
  expect_output "kernel 6.16.12 is not available: using 6.17.13"
  expect_output "kernel 7.3.4 is not available: using 7.4.1"
}

case_no_kernel_with_sched_ext_replaces_one_without() {
  make_mirror
  gone 6.12.95
  expect_status 0 kernel tests
  expect_output "kernel 6.12.95 is not available, and neither is one that could replace it"
  ! grep -q "^6.12 " cache/ktape/kernels/for-tests || fail "one with sched_ext is used"
}

case_a_kernel_can_be_left_out_as_if_it_were_gone() {
  make_mirror
  expect_status 0 kernel fetch 6.16.12
  expect_status 0 kernel --without 6.16.12 tests
  expect_output "kernel 6.16.12 is not available: using 6.16.10"
  expect_status 0 kernel tests
  grep -qx "6.16 6.16.12" cache/ktape/kernels/for-tests || fail "it is still left out"
}

case_the_full_tests_get_the_newest_of_each_series_with_sched_ext() {
  make_mirror
  printf '%s\n' 7.4.2 6.11.9 >>on_mirror
  expect_status 0 kernel tests --full
  grep -qx "6.17 6.17.13" cache/ktape/kernels/for-tests || fail "6.17 is left out"
  grep -qx "7.4 7.4.2" cache/ktape/kernels/for-tests || fail "not the newest of 7.4"
  expect_no_output "6.11"
}

case_the_list_says_what_was_found_of_a_kernel() {
  make_mirror
  mkdir -p tools/lib && cp "$tools/kernel" "$tools/kernels.list" tools && cp "$tools"/lib/* tools/lib 2>/dev/null || true
  printf '%s\n' '6.16.12 completed 9of9 yes yes 6.12 yes' '7.3.4 completed 9of9 yes global 7.3:scx_bpf_create_dsq' >tools/kernels.tried
  expect_status 0 tools/kernel --mirror "file:$PWD/nowhere" list
  expect_output "captured, 9 of 9, replayed, own scheduler, scx_simple of 6.12, selftests"
  expect_output "own scheduler in the global DSQ, no scx_simple (7.3:scx_bpf_create_dsq)"
}

case_what_the_mirror_had_is_kept_for_captures() {
  make_mirror
  expect_status 0 kernel list
  grep -qx 7.4.1 cache/ktape/kernels/on-mirror || fail "the kernels of the mirror are not kept"
}

case_an_unknown_verb_is_a_usage_error() {
  fill_cache
  expect_status 2 kernel get
  expect_output "usage: tools/kernel"
}

run_cases
