# How each script here begins (sourced): it goes on where lxcell:///system is served, with the words to show a tool.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -n "${LXCELL_STAGED:-}" ] || exec "$here/stage.sh" "$here/${0##*/}" "$@"
. "$here/../show.sh"
lxcell=lxcell:///system
busybox=/var/lib/libvirt/lxcell/examples/busybox

# needs PACKAGE FILE...: ends the script with 77 (left out) where one of the files or programs is missing.
needs() {
  package=$1
  shift
  for file in "$@"; do
    [ -e "$file" ] || command -v "$file" >/dev/null || {
      echo "'$file' is not there (package $package)"
      exit 77
    }
  done
}
# until_state NAME STATE: waits for a container to get there.
until_state() {
  for _ in $(seq 200); do
    [ "$(virsh -c $lxcell domstate "$1" 2>&1)" != "$2" ] || return 0
    sleep 0.1
  done
  fail "'$1' is '$(virsh -c $lxcell domstate "$1" 2>&1)', not '$2'"
}
