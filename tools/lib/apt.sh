# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tools/setup and by the scripts that download into the cache (tools/kernel, tools/qemu, tools/nested, ...),
# after common.sh: other suites of the machine's own Debian mirror, through package lists in a private folder. The
# system's apt sources are never changed.

# The suites that refresh_lists reads; those with kernels, unless a script sets others.
suites=(trixie-backports sid bookworm-backports trixie)
readonly kKeyring=/usr/share/keyrings/debian-archive-keyring.gpg kMaxListAgeMinutes=1440

# The running system, from os-release: "debian bookworm".
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
# suite of that name: Debian's also has its -updates, and usually ends in /debian.
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

write_sources() {
  local uri=$mirror system codename
  read -r system codename < <(distribution)
  if [[ -z $uri ]]; then
    [[ $system == debian ]] && uri=$(debian_mirror "$codename")
    [[ -n $uri ]] || die $kHost "no Debian mirror in this machine's apt configuration" \
      "give one: $called_as --mirror URL ..."
  fi
  [[ -r $kKeyring ]] || die $kHost "'$kKeyring' is missing" "install the package debian-archive-keyring"
  private_sources "$uri" "${suites[@]}"
}

have_lists() { compgen -G "$apt_folder/lists/*_Packages*" >/dev/null; }

# Refreshes the private package lists of $suites in $apt_folder, from $mirror or the machine's own, and sets
# apt_options. Old lists are used if new ones are not available. Not concurrently: the caller holds the cache's lock.
refresh_lists() {
  command -v apt-get >/dev/null || die $kHost "apt-get is missing: $program downloads from a Debian mirror" \
    "give the path of a kernel's bzImage to ktape capture --kernel"
  mkdir -p "$apt_folder/lists/partial"
  local sources stamp=$apt_folder/updated
  sources=$(write_sources)
  if [[ $sources != "$(cat "$apt_folder/sources.list" 2>/dev/null)" ]]; then
    rm -rf "$apt_folder/lists" "$stamp"
    mkdir -p "$apt_folder/lists/partial"
    printf '%s\n' "$sources" >"$apt_folder/sources.list"
  fi
  private_apt_options "$apt_folder"
  if have_lists && [[ -n $(find "$stamp" -mmin -$kMaxListAgeMinutes 2>/dev/null) ]]; then return; fi
  if step package-lists "reading the package lists of the mirror" apt-get "${apt_options[@]}" update; then
    touch "$stamp"
  elif have_lists; then
    # A mirror need not have every suite; and without a network the earlier lists suffice.
    say "not every package list could be refreshed; using the cached ones"
  else
    die $kHost "the mirror's package lists are not available"
  fi
}
