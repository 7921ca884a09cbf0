# shellcheck shell=bash
# Processes that live and die with the script that starts them. Source messages.sh first.

# A replica promises to end within 10 s of SIGTERM; the rest is for a slow machine.
readonly STOP_TIMEOUT_S=15
readonly LOG_TAIL_LINES=15

# Process name -> process id, and -> file with its output.
declare -A process_ids=()
declare -A process_logs=()

# start_process NAME LOG COMMAND...
#
# A session of its own keeps the terminal's Ctrl-C away, so that the script decides in which order things stop. The
# death signal ends the process even when the script is killed and can decide nothing. The lock on the data folder is
# not handed down: a process that outlives the script must not keep it.
start_process() {
  local name="$1" log="$2"
  shift 2
  # shellcheck disable=SC2154  # lock_descriptor is fleet.sh's.
  setsid setpriv --pdeathsig TERM "$@" </dev/null >>"$log" 2>&1 {lock_descriptor}>&- &
  process_ids[$name]=$!
  process_logs[$name]="$log"
}

# True while the process runs. The shell collects its children by itself, so an ended one has no entry any more.
is_running() { [[ -n "${process_ids[$1]:-}" ]] && kill -0 "${process_ids[$1]}" 2>/dev/null; }

# Prints why a process ended: its exit status and the end of its log.
describe_end() {
  local name="$1" status=0
  wait "${process_ids[$name]}" 2>/dev/null || status=$?
  warn "$name (process ${process_ids[$name]}) ended with exit status $status. The end of ${process_logs[$name]}:"
  tail -n "$LOG_TAIL_LINES" "${process_logs[$name]}" | sed 's/^/  | /' >&2 || true
}

# stop_processes NAME...: stops those that run, all at once, and waits for them. Returns 1 if one had to be killed.
stop_processes() {
  local name result=0 deadline=$((SECONDS + STOP_TIMEOUT_S))
  for name in "$@"; do
    ! is_running "$name" || kill -TERM "${process_ids[$name]}" 2>/dev/null || true
  done
  for name in "$@"; do
    while is_running "$name" && ((SECONDS < deadline)); do
      sleep 0.1
    done
    is_running "$name" || continue
    warn "$name (process ${process_ids[$name]}) did not stop within $STOP_TIMEOUT_S s and is killed."
    kill -KILL "${process_ids[$name]}" 2>/dev/null || true
    result=1
  done
  return "$result"
}
