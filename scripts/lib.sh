# Shared by the scripts of this directory; sourced, never run.
# shellcheck shell=bash

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: as it is for root, else with sudo.
as_root() {
    if [ "$(id --user)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}

# Prints TCP ports of 127.0.0.1 that are free now, all different: the kernel gives them.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = []
for _ in range(int(sys.argv[1])):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    sockets.append(s)
print(*[s.getsockname()[1] for s in sockets], sep="\n")
PYTHON
}

# When a process started, in clock ticks since boot: with the pid it names one process and never a later one.
start_ticks() {
    local line
    line="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
    line="${line##*) }" # the name may hold blanks and parentheses
    set -- $line
    [ "$1" != Z ] || return 1 # it has ended, and nobody has waited for it yet
    printf '%s\n' "${20}"
}

# Writes the file that `recorded_pid` reads.
record_pid() {
    printf '%s %s\n' "$2" "$(start_ticks "$2")" >"$1"
}

# Prints the pid of a file if that very process still lives.
recorded_pid() {
    local pid ticks now
    [ -s "$1" ] || return 1
    read -r pid ticks <"$1"
    now="$(start_ticks "$pid")" && [ "$now" = "$ticks" ] || return 1
    printf '%s\n' "$pid"
}

# Waits up to $2 seconds until the process of a pid file is gone.
wait_gone() {
    local deadline=$((SECONDS + $2))
    while recorded_pid "$1" >/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# Ends the process of a pid file: TERM, up to $2 seconds, then KILL. Nothing to end is fine.
end_process() {
    local pid
    if pid="$(recorded_pid "$1")"; then
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_gone "$1" "$2"; then
            warn "pid $pid did not end within $2 s; it is killed"
            kill -KILL "$pid" 2>/dev/null || true
            wait_gone "$1" 10 || warn "pid $pid is still there"
        fi
    fi
    rm --force "$1"
}

# Builds the release executable unless SKYFIRE_BIN names one; sets `skyfire`.
build_skyfire() {
    if [ -n "${SKYFIRE_BIN:-}" ]; then
        [ -x "$SKYFIRE_BIN" ] || die "SKYFIRE_BIN=$SKYFIRE_BIN is not an executable file"
        skyfire="$(realpath "$SKYFIRE_BIN")"
        note "uses $skyfire (SKYFIRE_BIN)"
        return
    fi
    command -v swift >/dev/null || die "there is no Swift toolchain in PATH; see https://www.swift.org/install/linux/"
    say "Building skyfire (release); the first build takes some minutes"
    (cd "$repository" && swift build --configuration release --product skyfire 1>&2)
    skyfire="$repository/.build/release/skyfire"
}

# Waits until a server has printed its ready line into file $1; $2 is its pid file, $3 its log, $4 seconds.
wait_ready() {
    local deadline=$((SECONDS + $4))
    until grep --quiet --no-messages '^ready ' "$1"; do
        if ! recorded_pid "$2" >/dev/null; then
            tail --lines=20 "$3" >&2 || true
            die "the process ended before it was ready; its log is $3"
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            tail --lines=20 "$3" >&2 || true
            die "not ready after $4 s; its log is $3"
        fi
        sleep 0.1
    done
}
