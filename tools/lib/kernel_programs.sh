# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tools/scx-examples and tools/scx-selftests, after common.sh and apt.sh: programs from the kernel's own
# tree, built for one of the cached kernels from Debian's linux-source packages. They are in
# $programs/VERSION, with SHA256SUMS and package, which says where they came from.
#
# The script sets
#   programs       their folder in the cache
#   called         their name in messages, "the example schedulers"
#   parts          an array: the parts of the kernel's tree from which they and their tools are built
#   required       an array: programs without which what is in the cache is built anew
# and has a function make_programs TREE VMLINUX OUT CLANG NEW, which builds in OUT and installs the programs in NEW.

# The oldest last. Clang 19 turns arena pointers into code that the verifier of 7.3 rejects.
readonly kCompilers=(clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang)
readonly kOldestClang=16
# bpftool and libbpf, and what their makefiles include.
readonly kBpfParts=(tools/lib tools/bpf tools/include tools/build tools/scripts tools/arch scripts/bpf_doc.py kernel/bpf
  include/uapi)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ktape
apt_folder=$cache/apt
mirror=""
apt_options=()

intact() {
  local name
  for name in "${required[@]}"; do [[ -e $programs/$1/$name ]] || return; done
  (cd "$programs/$1" && sha256sum --check --quiet --status SHA256SUMS) 2>/dev/null
}

compiler() {
  local name version
  for name in "${kCompilers[@]}"; do
    command -v "$name" >/dev/null || continue
    version=$("$name" -dumpversion | cut -d. -f1)
    ((version < kOldestClang)) || { echo "$name"; return; }
  done
  die $kHost "no clang $kOldestClang or newer to build $called with" "run tools/setup --schedulers"
}

# "linux-source-6.12" for 6.16.12: the newest series that is not newer.
source_package() {
  local wanted=${1%.*} series best=""
  for series in $(apt-cache "${apt_options[@]}" pkgnames linux-source- | sed -nE 's/^linux-source-([0-9]+\.[0-9]+)$/\1/p' | sort -V); do
    printf '%s\n' "$series" "$wanted" | sort -V -C && best=$series
  done
  [[ -n $best ]] || die $kHost "the mirror has no kernel source for $1 or older"
  echo "linux-source-$best"
}

# unpack DEB FOLDER: unpacks only the needed parts of the archive in the package.
unpack() {
  local deb=$1 folder=$2 archive part wanted=()
  archive=$(dpkg-deb --fsys-tarfile "$deb" | tar --list | grep '\.tar\.xz$')
  for part in "${kBpfParts[@]}" "${parts[@]}"; do wanted+=("*/$part"); done
  dpkg-deb --fsys-tarfile "$deb" | tar --extract --to-stdout "$archive" | xz --threads=0 --decompress --stdout |
    tar --extract --directory "$folder" --strip-components=1 --wildcards "${wanted[@]}"
}

# unpack_vmlinux BZIMAGE FILE: the ELF in one of Debian's bzImages, whose type information makes vmlinux.h. The
# setup header says where its zstd frame is; the unpacked size follows it
# (Documentation/arch/x86/boot.rst, payload_offset).
unpack_vmlinux() {
  python3 - "$1" <<'END' | zstd --decompress --quiet --stdout >"$2"
import struct
import sys

with open(sys.argv[1], "rb") as file:
    image = file.read()
setup_bytes = (image[0x1F1] + 1) * 512
offset, length = struct.unpack_from("<II", image, 0x248)
sys.stdout.buffer.write(image[setup_bytes + offset : setup_bytes + offset + length - 4])
END
}

build() {
  local version=$1 package clang name=${program#scx-}
  clang=$(compiler)
  "$root/tools/kernel" ${mirror:+--mirror "$mirror"} fetch "$version" >/dev/null
  exec 9>"$cache/lock"
  flock 9  # the package lists are those of tools/kernel
  refresh_lists
  package=$(source_package "$version")
  work=$(mktemp -d "$programs/.build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/download" "$work/tree" "$work/out" "$work/new"
  (cd "$work/download" && step "scx-$name-source-$version" "downloading the kernel's source ($package, some 160 MB)" \
    apt-get "${apt_options[@]}" download "$package") || die $kHost "cannot download '$package'"
  {
    apt-cache "${apt_options[@]}" show --no-all-versions "$package" | grep -E '^(Package|Version|Filename|SHA256):'
    "$clang" --version | sed -n '1s/^/Built-With: /p'
  } >"$work/new/package"
  exec 9>&-
  step "scx-$name-unpack-$version" "unpacking what $called need of it" unpack "$work"/download/*.deb "$work/tree"
  unpack_vmlinux "$cache/kernels/$version/bzImage" "$work/vmlinux"
  step "scx-$name-build-$version" "building $called for $version with $clang" \
    make_programs "$work/tree" "$work/vmlinux" "$work/out" "$clang" "$work/new" ||
    die $kHost "cannot build $called of $package with $clang" \
      "install Debian 12's newest clang with tools/setup --schedulers"
  (cd "$work/new" && sha256sum -- * >SHA256SUMS)
  rm -rf "${programs:?}/$version"
  mv -T "$work/new" "$programs/$version"
  say "$called for $version are in the cache"
}

# programs_main [--mirror URL] VERSION: handles the script's command line; the script's usage() describes it.
programs_main() {
  if [[ ${1:-} == --mirror ]]; then
    mirror=${2:?--mirror takes a URL}
    shift 2
  fi
  case ${1:-} in
    -h | --help) usage; exit ;;
    "" | -*) usage >&2; exit $kUsage ;;
  esac
  [[ $# -eq 1 && $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { usage >&2; exit $kUsage; }
  mkdir -p "$programs"
  exec 8>"$programs.lock"
  flock 8
  intact "$1" || build "$1"
  echo "$programs/$1"
}
