#!/bin/sh
# Everything this project promises about speed and size, measured beside everybody else who is installed, in one run.
#   table.sh BUILD_DIR [--cycles N] [--crowd N] [--only PART...] [--out DIR]      options: table.py --help
# Root only. Daemons, bridges and containers are private to this run and are gone afterwards.
set -eu
[ $# -ge 1 ] || {
  sed -n '2,3s/^# *//p' "$0" >&2
  exit 2
}
ulimit -n "$(ulimit -H -n)"
# A mount namespace for what is mounted here, which goes with it.
exec unshare --mount --propagation slave /usr/bin/python3 "$(dirname "$0")/table.py" "$@"
