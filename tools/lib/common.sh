# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts in tools/: messages, and long steps with progress and a log.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${0##*/}
called_as=${called_as:-tools/$program}
lists=$(dirname "${BASH_SOURCE[0]}")/.. # the folder of kernels.list and kernels.tried

# The exit statuses of ktape's programs; see docs/exit-codes.md.
# shellcheck disable=SC2034  # for the scripts that source this
readonly kUsage=2 kHost=4

say() { printf '==> %s\n' "$*" >&2; }

# die STATUS MESSAGE [HINT]
die() {
  printf '%s: %s\n' "$program" "$2" >&2
  [[ $# -lt 3 ]] || printf 'hint: %s\n' "$3" >&2
  exit "$1"
}

# The lines "SERIES RELEASE WHEN WHAT" of tools/kernels.list.
listed_kernels() { sed -E 's/[[:space:]]*#.*//; /^$/d' "$lists/kernels.list"; }

# step NAME TITLE COMMAND...: runs a long command. On a terminal its own output shows the progress; elsewhere the last
# line of its log is printed every ten seconds. If it fails, the log stays in $log_folder and its last lines are shown;
# the status is the command's.
step() {
  local name=$1 title=$2
  shift 2
  say "$title"
  if [[ -t 2 ]]; then
    "$@" </dev/null 1>&2
    return
  fi
  local log="${log_folder:-$root/build/log}/$name.log" began=$SECONDS status=0 said=0
  mkdir -p "${log%/*}"
  "$@" </dev/null >"$log" 2>&1 &
  local child=$!
  # shellcheck disable=SC2064  # the current child
  trap "kill $child 2>/dev/null || true; exit 130" INT TERM
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - began >= said + 10)); then
      said=$((SECONDS - began))
      printf '    %s s: %s\n' "$said" "$(tail -n 1 "$log" | tr '\r' '\n' | tail -n 1 | cut -c 1-100)" >&2
    fi
  done
  wait "$child" || status=$?
  trap - INT TERM
  if ((status != 0)); then
    tail -n 30 "$log" >&2
    printf '%s: %s failed with status %s; the whole log is in %s\n' "$program" "'$title'" "$status" "$log" >&2
    return "$status"
  fi
  rm -f "$log"
}
