# For scripts that show a tool at work; sourced.

# fail TEXT: ends the script.
fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}
# print_command WORD...: as one would type it.
print_command() {
  printf '\n$'
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./:,=-]*) printf ' "%s"' "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
}
# show COMMAND...: prints the command, then runs it; its output is kept in $output.
show() {
  print_command "$@"
  if output=$(timeout 60 "$@" 2>&1); then
    echo "$output"
  else
    echo "$output"
    fail "that failed"
  fi
}
# expect TEXT: TEXT is somewhere in the output of the last command shown.
expect() {
  case $output in *"$1"*) ;; *) fail "expected \"$1\" in the output above" ;; esac
}
