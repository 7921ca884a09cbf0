# shellcheck shell=bash
# Headers compiled ahead for the builds of tests. Source messages.sh and deploy/lib/bazel.sh first.
#
# Like Bazel's cache beside it, the folder is never cleaned up by itself: up to 116 MB stay for each change of flags.

# add_precompiled_headers ARRAY OPTION...: adds to the array of Bazel's options of that name those with which a compiler
# starts from headers that it has read already. The other options say, with those of the array, how to compile.
add_precompiled_headers() {
  local -n bazel_options_so_far="$1"
  shift
  local one_each_line added
  one_each_line="$(/usr/bin/python3 -B tests/support/precompiled_headers.py "$(dunlin_cache_dir)/precompiled" \
    "${bazel_options_so_far[@]}" "$@")" || return
  mapfile -t added <<<"$one_each_line"
  bazel_options_so_far+=("${added[@]}")
}
