# shellcheck shell=bash
# One line that tells how the fleet is doing. Source messages.sh, processes.sh and fleet.sh first.
# shellcheck disable=SC2154  # replica_count is fleet.sh's.

# On a terminal one line is rewritten every second; in a log a line stays, so it comes less often.
readonly LOG_PERIOD_S=10

# json_field NAME JSON: the value of a field that occurs once, without quotes.
json_field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" <<<"$2"; }

fleet_summary() {
  local name json serving=0 entries="" digests=() silent=()
  for name in $(replica_names); do
    json="$(replica_status "$name")"
    if [[ -z "$json" ]]; then
      silent+=("$name")
      continue
    fi
    [[ "$(json_field serving "$json")" != true ]] || serving=$((serving + 1))
    entries+="${entries:+/}$(json_field entries "$json")"
    digests+=("$(json_field digest "$json")")
  done
  printf '%d of %d serving, entries %s, %s' "$serving" "$replica_count" "${entries:--}" \
    "$(digests_in_words "${digests[@]}")"
  [[ ${#silent[@]} -eq 0 ]] || printf ', no answer: %s' "${silent[*]}"
  is_running redis || printf ', Redis is down'
}

# Equal digests mean equal data; while writes are on their way they differ for a moment.
digests_in_words() {
  case "$(printf '%s\n' "$@" | sort -u | wc -l)" in
    1) printf 'in agreement' ;;
    *) printf 'catching up' ;;
  esac
}

show_status_line() {
  if [[ -t 1 ]]; then
    printf '\r\033[K%s  [Ctrl-C stops]' "$(fleet_summary)" || true
  elif ((SECONDS >= next_log_line)); then
    next_log_line=$((SECONDS + LOG_PERIOD_S))
    say "$(date +%T) $(fleet_summary)"
  fi
}

# Ends the status line, so that what follows stands on a line of its own.
end_status_line() { [[ ! -t 1 ]] || say ""; }

# Watches the fleet until a signal ends the script. What ends by itself is reported once, and the rest goes on.
watch_fleet() {
  local name running
  local -A reported=()
  next_log_line=0
  while true; do
    running=0
    for name in redis $(replica_names); do
      if is_running "$name"; then
        running=$((running + 1))
      elif [[ -z "${reported[$name]:-}" ]]; then
        reported[$name]=yes
        end_status_line
        describe_end "$name"
      fi
    done
    ((running > 0)) || fail "$EXIT_FAILED" "nothing is left running."
    show_status_line
    sleep 1
  done
}
