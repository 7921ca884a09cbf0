# shellcheck shell=bash
# What tests/run was asked for. Source messages.sh first.

# Options of Bazel whose value may stand in an argument of its own. Which others have one is Bazel's to know, and what
# follows them cannot be told from a target.
readonly OPTIONS_WITH_VALUE=" --config --copt --cxxopt --jobs --linkopt --local_test_jobs --repo_env --runs_per_test
  --test_arg --test_env --test_filter --test_output --test_sharding_strategy --test_size_filters --test_tag_filters
  --test_timeout "

# parse_run_arguments ARGUMENT...: sets `options` for Bazel and `targets`, all of them if none is named. Ends the script
# when an argument is neither.
parse_run_arguments() {
  options=()
  targets=()
  while [[ $# -gt 0 ]]; do
    case "$1" in
      # Two hours for each test, in place of the quarter of an hour after which a large one counts as hung.
      --long) options+=(--test_env=DUNLIN_LONG=1 --test_timeout=7200) ;;
      # The separator before targets, which bazel gets in any case.
      --) ;;
      --*=*) options+=("$1") ;;
      --*)
        if [[ $OPTIONS_WITH_VALUE =~ [[:space:]]$1[[:space:]] ]]; then
          [[ $# -gt 1 ]] || fail "$EXIT_USAGE" "$1 lacks its value" "Write $1=VALUE."
          options+=("$1=$2")
          shift
        else
          options+=("$1")
        fi
        ;;
      # A leading minus takes targets away: `tests/run //... -//tests/interop/...`.
      */* | *:*) targets+=("$1") ;;
      *)
        fail "$EXIT_USAGE" "'$1' is no target and no option" \
          "A target looks like //tests/storage/... or //tests/storage:store_test." \
          "The value of an option goes with it: --option=VALUE."
        ;;
    esac
    shift
  done
  [[ ${#targets[@]} -gt 0 ]] || targets=(//...)
}
