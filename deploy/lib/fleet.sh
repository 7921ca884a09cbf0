# shellcheck shell=bash
# A Redis and its replicas on this machine. Source messages.sh and processes.sh first.
# shellcheck disable=SC2154  # process_logs is processes.sh's.

# What the options of deploy/up set.
replica_count=3
base_port=7700
data_dir=""

readonly HOST=127.0.0.1
# Generous: a kept data folder may be large, and the machine busy.
readonly START_TIMEOUT_S=120
# Where Bazel puts the programs; tests have them elsewhere.
readonly PROGRAMS_DIR="${DUNLIN_PROGRAMS_DIR:-bazel-bin}"

replica_names() {
  local number
  for ((number = 1; number <= replica_count; number++)); do
    printf 'replica-%d\n' "$number"
  done
}

replica_address() { printf '%s:%d' "$HOST" $((base_port + ${1#replica-})); }

# Says so before anything is started: a replica's own message would come later and for one port only.
require_free_ports() {
  local port
  for ((port = base_port; port <= base_port + replica_count; port++)); do
    if (: <>"/dev/tcp/$HOST/$port") 2>/dev/null; then
      fail "$EXIT_USAGE" "port $port of $HOST is in use (needed: $base_port to $((base_port + replica_count)))." \
        "Stop what listens there ('ss -ltnp' tells), or choose other ports with --base-port."
    fi
  done
}

# Two fleets over one folder would ruin each other's files. The lock goes with the script.
lock_data_dir() {
  mkdir -p "$data_dir/logs" "$data_dir/redis" ||
    fail "$EXIT_USAGE" "the data folder '$data_dir' can't be made." "Choose another with --data-dir."
  exec {lock_descriptor}>"$data_dir/lock" ||
    fail "$EXIT_USAGE" "the data folder '$data_dir' is not writable." "Choose another with --data-dir."
  flock --nonblock "$lock_descriptor" ||
    fail "$EXIT_USAGE" "the data folder '$data_dir' is in use by another deploy/up." \
      "Stop that one, or choose another folder with --data-dir."
}

# Redis is only a relay, but one that keeps its data across a restart saves the replicas from filling it again.
start_redis() {
  say "Starting Redis on $HOST:$base_port"
  start_process redis "$data_dir/logs/redis.log" redis-server --port "$base_port" --bind "$HOST" \
    --dir "$data_dir/redis" --appendonly yes --save "" --maxmemory-policy noeviction
  wait_for "Redis" redis redis_answers
}

redis_answers() { [[ "$(redis-cli -h "$HOST" -p "$base_port" ping 2>/dev/null)" == PONG ]]; }

start_replicas() {
  local name
  for name in $(replica_names); do
    say "Starting $name on $(replica_address "$name")"
    start_process "$name" "$data_dir/logs/$name.log" "$PROGRAMS_DIR/server/dunlind" --data-dir "$data_dir/$name" \
      --listen "$(replica_address "$name")" --redis "redis://$HOST:$base_port/0" --namespace default \
      --replica-id "$name"
  done
  for name in $(replica_names); do
    wait_for "$name" "$name" replica_is_serving "$name"
  done
}

# wait_for WHAT PROCESS CONDITION...: ends the script if the process ends, or the time, before the condition holds.
wait_for() {
  local what="$1" process="$2" deadline=$((SECONDS + START_TIMEOUT_S))
  shift 2
  until "$@"; do
    if ! is_running "$process"; then
      describe_end "$process"
      fail "$EXIT_FAILED" "$what did not start; its own words stand above."
    fi
    if ((SECONDS >= deadline)); then
      tail -n "$LOG_TAIL_LINES" "${process_logs[$process]}" >&2
      fail "$EXIT_FAILED" "$what was not ready within $START_TIMEOUT_S s; the end of its log stands above."
    fi
    sleep 0.1
  done
}

replica_is_serving() { [[ "$(replica_status "$1")" == *'"serving":true'* ]]; }

# Prints a replica's status as one line of JSON, or nothing when it does not answer.
replica_status() {
  "$PROGRAMS_DIR/client/dunlin" --server "$(replica_address "$1")" --timeout 2s --output json status 2>/dev/null || true
}

# Replicas first, while Redis can still take what they have to deliver.
stop_fleet() {
  local result=0 names
  mapfile -t names < <(replica_names)
  stop_processes "${names[@]}" || result=1
  stop_processes redis || result=1
  return "$result"
}
