#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: deb_test.sh SOURCE BUILD SERIES: packs what was built in BUILD, lints the package, installs it into a new minimal
# Debian 12 with its dependencies and nothing else, and uses it there: a capture with a kernel of SERIES, too. Then it
# installs what the package suggests, and builds assertions.
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

use() { expect_status 0 inside /materials/use_installed.sh /usr /materials "$@"; }

# As root in there, where nobody answers questions.
install_packages() { expect_status 0 inside env DEBIAN_FRONTEND=noninteractive "$@" --yes --no-install-recommends; }

# In this order: plain Debian 12 comes first.
case_1_it_is_installed_and_used() { use use; }

case_2_plain_debian_12_is_told_which_qemu_it_needs() { use old_qemu /materials/kernel; }

case_3_with_the_qemu_that_was_named_it_records_a_run() {
  local words
  read -ra words <<<"apt install -t bookworm-backports qemu-system-x86"
  install_packages "${words[@]}"
  use capture /materials/kernel
}

case_4_assertions_are_built_with_what_the_package_suggests() {
  local suggested
  IFS=', ' read -ra suggested < <(dpkg-deb -f "$work/ktape.deb" Suggests)
  install_packages apt-get install "${suggested[@]}"
  use build
}

pack() {
  local pack
  pack=$(page_command "$source" "cpack -G DEB")
  pack=${pack#(cd build/release && }
  expect_status 0 bash -c "cd \"\$0\" && ${pack%)} -B \"\$1\"" "$build" "$work/packed"
  mv "$work"/packed/ktape_*_amd64.deb "$work/ktape.deb"
  chmod 755 "$work"
  echo "the package has $(stat -c %s "$work/ktape.deb") bytes, installed $(dpkg-deb -f "$work/ktape.deb" Installed-Size) KiB"
}

new_root() {
  local install
  install=$(page_command "$source" "apt install ./build/release/ktape_*_amd64.deb")
  private_sources "$mirror" bookworm bookworm-updates bookworm-backports >"$work/sources.list"
  # shellcheck disable=SC2016  # expanded by mmdebstrap's shell
  expect_status 0 mmdebstrap --mode=root --variant=minbase --skip=cleanup/apt/lists --customize-hook="copy-in '$work/ktape.deb' /" \
    --customize-hook="chroot \"\$1\" ${install/.\/build\/release\/ktape_\*_amd64.deb//ktape.deb} --yes --no-install-recommends" \
    bookworm "$work/root" "$work/sources.list"
  mkdir "$work/root/materials"
  cp "$source/tests/golden/format-1.ktape" "$work/root/materials/golden.ktape"
  cp "$source/tests/golden/cold_path_roundtrip-6.16.12.ktape" "$work/root/materials/recorded.ktape"
  cp -r "$source/analyzers/examples/outside" "$source/tests/cli/expect.sh" "$source/tests/cli/use_installed.sh" \
    "$work/root/materials"
  cp -L "$kernel" "$work/root/materials/kernel"
}

pack
new_root
run_cases
rm -rf "$work"
