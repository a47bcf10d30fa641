#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: deb_test.sh SOURCE BUILD SERIES: packs what was built in BUILD, lints the package, installs it into a new minimal
# Debian 12 with its dependencies and nothing else, and uses it there: a capture with a kernel of SERIES, too.
. "$(dirname "$0")/expect.sh"
source=$1 build=$2
kernel=$(kernel_of_tests "$3")
. "$source/tools/lib/common.sh"
. "$source/tools/lib/apt.sh"

skip() { echo "skipped: $1" && exit 77; }
((EUID == 0)) || skip "only root makes a Debian root and enters it"
for program in lintian mandoc mmdebstrap; do
  command -v "$program" >/dev/null || skip "$program is missing: tools/setup --full"
done
mirror=$(debian_mirror bookworm)
[[ -n $mirror ]] || skip "there is no mirror of Debian 12 in this machine's apt configuration"
[[ -n $kernel ]] || skip "kernel $3 is not cached: tools/kernel tests"
work=$(mktemp -d)

# inside COMMAND...: runs it in the new root, with /proc and /dev, which nobody else sees.
inside() {
  # shellcheck disable=SC2016  # expanded in there
  unshare --mount sh -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    root=$1
    shift
    exec chroot "$root" "$@"' sh "$work/root" "$@"
}

case_lintian_finds_no_error() {
  expect_status 0 lintian --fail-on error --allow-root --tag-display-limit 0 "$work/ktape.deb"
  printf '%s\n' "$output"
}

case_manual_pages_are_clean() {
  local page
  for page in "$work"/root/usr/share/man/man1/ktape*.1.gz; do
    expect_status 0 mandoc -Tlint -Wwarning "$page"
  done
}

case_it_is_installed_and_used() {
  expect_status 0 inside /materials/use_installed.sh /usr /materials use
}

case_it_records_a_run() {
  expect_status 0 inside /materials/use_installed.sh /usr /materials capture /materials/kernel
}

pack() {
  expect_status 0 cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/packed"
  mv "$work"/packed/ktape_*_amd64.deb "$work/ktape.deb"
  chmod 755 "$work"
  echo "the package has $(stat -c %s "$work/ktape.deb") bytes, installed $(dpkg-deb -f "$work/ktape.deb" Installed-Size) KiB"
}

new_root() {
  private_sources "$mirror" bookworm bookworm-updates bookworm-backports >"$work/sources.list"
  # QEMU is of the backports: without KVM the one of Debian 12 corrupts guests.
  # shellcheck disable=SC2016  # expanded by mmdebstrap's shell
  expect_status 0 mmdebstrap --mode=root --variant=minbase --customize-hook="copy-in '$work/ktape.deb' /" \
    --customize-hook='chroot "$1" apt-get install --yes --no-install-recommends -t bookworm-backports /ktape.deb' \
    bookworm "$work/root" "$work/sources.list"
  mkdir "$work/root/materials"
  cp "$source/tests/golden/format-1.ktape" "$work/root/materials/golden.ktape"
  cp "$source/tests/cli/expect.sh" "$source/tests/cli/use_installed.sh" "$work/root/materials"
  cp -L "$kernel" "$work/root/materials/kernel"
}

pack
new_root
run_cases
rm -rf "$work"
