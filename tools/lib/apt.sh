# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tools/setup and tools/kernel, after common.sh: other suites of the machine's own Debian
# mirror, through package lists in a private folder. The system's apt sources are never changed.

readonly kKeyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The system that this runs on, from os-release: "debian bookworm".
distribution() {
  # shellcheck disable=SC1091  # not part of the repository
  (ID="" VERSION_CODENAME="" && . /etc/os-release && printf '%s %s\n' "$ID" "$VERSION_CODENAME")
}

# Lines "SUITE URI" of the package archives that apt is configured for, one-line and deb822 alike.
apt_archives() {
  # shellcheck disable=SC2016  # apt expands these
  apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' \
    'Created-By: Packages' 'Component: main' 2>/dev/null | grep -v ' cdrom:' | sort -u
}

# debian_mirror CODENAME: the URI of the machine's Debian mirror. Other archives may also have a
# suite of that name: Debian's has its -updates beside it, and usually ends in /debian.
debian_mirror() {
  apt_archives | awk -v codename="$1" '
    $1 == codename { main[$2] = 1 }
    $1 == codename "-updates" || $1 == codename "-backports" { more[$2] = 1 }
    END {
      best = ""; top = -1
      for (uri in main) {
        score = 2 * (uri in more) + (uri ~ /\/debian\/?$/)
        if (score > top || (score == top && uri < best)) { top = score; best = uri }
      }
      if (best != "") print best
    }'
}

# private_sources URI SUITE...: the lines of a sources.list.
private_sources() {
  local uri=$1 suite
  shift
  for suite in "$@"; do printf 'deb [signed-by=%s] %s %s main\n' "$kKeyring" "$uri" "$suite"; done
}

# private_apt_options FOLDER: sets the array apt_options, with which apt sees FOLDER/sources.list only.
private_apt_options() {
  # shellcheck disable=SC2034  # for the scripts that source this
  apt_options=(
    -o "Dir::Etc::SourceList=$1/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$1/lists" -o "Dir::Cache::pkgcache=$1/pkgcache.bin"
    -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
  )
}
