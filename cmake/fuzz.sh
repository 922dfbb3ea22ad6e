#!/bin/sh
# Runs every fuzz program of build-asan for a while, one per core; what broke one is kept and named.
#   fuzz.sh SECONDS
set -eu
cd "$(dirname "$0")/.."
seconds=$1
found=build-asan/findings
mkdir -p "$found"
ls build-asan/tests/fuzz/fuzz_* >/dev/null 2>&1 || { echo "fuzz: no program was built"; exit 1; }
find build-asan/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort |
  xargs -P "$(nproc)" -I PROGRAM sh -c '
    name=$(basename "$1")
    name=${name#fuzz_}
    mkdir -p "build-asan/corpus/$name"
    seeds=tests/data/fuzz/$name
    [ -d "$seeds" ] || seeds=
    if "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$3/$name-" "build-asan/corpus/$name" $seeds >"$3/$name.log" 2>&1; then
      echo "  $name: $(sed -n "s/^stat::number_of_executed_units: *//p" "$3/$name.log") inputs"
    else
      grep -v "^#" "$3/$name.log" | tail -n 60
      echo "  $name: failed; the input is $3/$name-*"
      exit 1
    fi' fuzz PROGRAM "$seconds" "$found"
