# Sourced by the scripts of this folder: where things are, messages, steps with a log, and the tools on the PATH.
# Plain enough for the bash 3.2 of macOS.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TOOLS=$ROOT/.tools # what scripts/setup brings; not part of the repository
[ ! -L "$TOOLS" ] || TOOLS=$(cd "$TOOLS" && pwd -P) # several work trees may share it
LOGS=$TOOLS/logs

# ---- messages ----

bold='' green='' red='' dim='' plain='' clear_line=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m' clear_line=$'\r\e[K'
fi

say() { printf '%s\n' "$*"; }
headline() { printf '%s\n' "$bold$*$plain"; }
complain() { printf '%s\n' "${red}$*${plain}" >&2; }
die() {
  complain "$*"
  exit 1
}

# ---- versions ----

# version_at_least WANTED ACTUAL
version_at_least() { [ -n "$2" ] && printf '%s\n%s\n' "$1" "$2" | sort -V -C; }

# The first thing in the text on standard input that looks like a version.
first_version() { grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1; }

# ---- steps: each is one line of progress and one log ----

running=''        # process ids of the steps under way
steps_headline='' # said before the first step

# begin NAME LABEL COMMAND...: start a step in the background. NAME is made of letters and _.
begin() {
  local name=$1 label=$2
  shift 2
  [ -z "$steps_headline" ] || headline "$steps_headline"
  steps_headline=''
  mkdir -p "$LOGS"
  # With job control each step is a process group of its own, so that it can be stopped together with all it started.
  set -m
  (
    trap 'exit 130' INT TERM
    set -e
    SECONDS=0
    "$@"
    echo "$SECONDS" >"$LOGS/$name.seconds"
  ) >"$LOGS/$name.log" 2>&1 </dev/null &
  set +m
  running="$running $!"
  printf -v "pid_$name" '%s' "$!"
  printf -v "label_$name" '%s' "$label"
}

# finish NAME: wait for a step, if it was begun, and tell how it went.
finish() {
  local name=$1 pid=pid_$1 label=label_$1 code=0
  [ -n "${!pid:-}" ] || return 0
  [ -z "$clear_line" ] || printf '  %s' "$dim… ${!label}$plain"
  wait "${!pid}" || code=$?
  running=${running/ ${!pid}/}
  if [ $code = 0 ]; then
    printf '%s  %s %s %s\n' "$clear_line" "$green✓$plain" "${!label}" "$dim$(cat "$LOGS/$name.seconds") s$plain"
  else
    printf '%s' "$clear_line"
    complain "  ✗ ${!label}: failed (exit code $code). The end of its log:"
    tail -n 15 "$LOGS/$name.log" | sed 's/^/    /' >&2
    die "  The whole log: ${LOGS#"$ROOT"/}/$name.log"
  fi
}

# step NAME LABEL COMMAND...: a step in the foreground.
step() {
  begin "$@"
  finish "$1"
}

alive() {
  local pid
  for pid in $running; do
    if kill -0 -- "-$pid" 2>/dev/null; then return 0; fi
  done
  return 1
}

# Ask first, as Ctrl-C does, so that all can be left in order; what goes on for minutes is killed.
stop_steps() {
  local signal tenths pid
  trap '' INT TERM HUP
  for signal in INT TERM KILL; do
    alive || return 0
    for pid in $running; do kill "-$signal" -- "-$pid" 2>/dev/null || true; done
    tenths=1800
    [ $signal = INT ] || tenths=50
    while alive && [ $tenths -gt 0 ]; do
      sleep 0.1
      tenths=$((tenths - 1))
    done
  done
}

# For a script that uses steps: nothing it started survives it.
stop_steps_at_exit() {
  trap 'stop_steps' EXIT
  trap 'printf "\n%s\n" "Stopping. (Debian packages that are being installed are finished first.)" >&2; exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

# ---- tools ----

NODE_WANTED=20.19.0
EMSCRIPTEN_WANTED=3.1.69
PRIVATE_NODE=$TOOLS/node/node_modules/.bin
PRIVATE_EMSCRIPTEN=$TOOLS/emscripten

node_serves() { version_at_least $NODE_WANTED "$(node --version 2>/dev/null | first_version)"; }

# The private Emscripten runs only from the very path it was made for, which it keeps in this file.
emscripten_is_placed() { [ "$(cat "$PRIVATE_EMSCRIPTEN/made-for" 2>/dev/null)" = "$PRIVATE_EMSCRIPTEN" ]; }
private_emscripten_serves() { emscripten_is_placed && [ -e "$PRIVATE_EMSCRIPTEN/works" ]; }

# Prints the folder of the em++ to use: the one asked for, a new enough one of the PATH, or the private one.
emscripten_folder() {
  local folder em
  if [ -n "${TARTA_EMSCRIPTEN:-}" ]; then
    for folder in "$TARTA_EMSCRIPTEN" "$TARTA_EMSCRIPTEN/bin" "$TARTA_EMSCRIPTEN/upstream/emscripten"; do
      if [ -x "$folder/em++" ]; then
        echo "$folder"
        return
      fi
    done
    return 1
  fi
  em=$(command -v em++ || true)
  if [ -n "$em" ] && [ "$em" != "$PRIVATE_EMSCRIPTEN/bin/em++" ] &&
    version_at_least $EMSCRIPTEN_WANTED "$("$em" --version 2>/dev/null | first_version)"; then
    dirname "$em"
  elif private_emscripten_serves; then
    echo "$PRIVATE_EMSCRIPTEN/bin"
  else
    return 1
  fi
}

# Called when this file is sourced, and by setup once more when the tools are there.
tools_on_path() {
  local folder
  if [ -x "$PRIVATE_NODE/node" ]; then PATH=$PRIVATE_NODE:$PATH; fi
  if folder=$(emscripten_folder); then PATH=$folder:$PATH; fi
  export PATH=$PATH:/usr/sbin # mosquitto is there on Debian
}
tools_on_path
