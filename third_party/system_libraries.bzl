"""Makes the system's libraries visible to Bazel as one external repository.

`system_libraries(name = "system")` asks pkg-config how to compile and link each module of _MODULES and writes one
`cc_library` a module, so that a target says `deps = ["@system//:lmdb"]`. Headers come from the compiler's own search
path. A module that is not installed becomes a target that fails, with the name of the missing package, only when
something that needs it is built.
"""

# Target name -> (pkg-config modules, further libraries without a .pc file, Debian package).
_MODULES = {
    "absl": (
        [
            "absl_any_invocable",
            "absl_base",
            "absl_cleanup",
            "absl_flat_hash_map",
            "absl_flat_hash_set",
            "absl_int128",
            "absl_random_random",
            "absl_span",
            "absl_status",
            "absl_statusor",
            "absl_str_format",
            "absl_strings",
            "absl_synchronization",
            "absl_time",
        ],
        [],
        "libabsl-dev",
    ),
    "benchmark": (["benchmark"], ["benchmark_main"], "libbenchmark-dev"),
    "boost": ([], [], "libboost-dev"),
    "cli11": (["CLI11"], [], "libcli11-dev"),
    "grpc": (["grpc++", "protobuf"], ["grpc++_reflection", "grpcpp_channelz"], "libgrpc++-dev"),
    "gtest": (["gmock", "gtest"], [], "libgmock-dev"),
    "gtest_main": (["gmock", "gtest_main"], [], "libgmock-dev"),
    "hiredis": (["hiredis"], [], "libhiredis-dev"),
    "libedit": (["libedit"], [], "libedit-dev"),
    "lmdb": (["lmdb"], [], "liblmdb-dev"),
    "nats": (["libnats"], [], "libnats-dev"),
    "nlohmann_json": (["nlohmann_json"], [], "nlohmann-json3-dev"),
    "protobuf": (["protobuf"], [], "libprotobuf-dev"),
    "rapidcheck": ([], ["rapidcheck"], "librapidcheck-dev"),
    "readerwriterqueue": ([], [], "libreaderwriterqueue-dev"),
    "spdlog": (["spdlog"], ["fmt"], "libspdlog-dev"),
    "xxhash": (["libxxhash"], [], "libxxhash-dev"),
}

# What pkg-config wants defined that means something on Windows and on 32 bits alone, or that is so on Linux anyway.
# Without it all sources read the system's headers under the same definitions, which is what headers that are compiled
# ahead need.
_WITHOUT_MEANING = [
    "-DGTEST_HAS_PTHREAD=1",
    "-DNOMINMAX",
    "-D_FILE_OFFSET_BITS=64",
]

_LIBRARY = """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
)
"""

_MISSING = """
genrule(
    name = "{name}_missing",
    outs = ["{name}_missing.cc"],
    cmd = "echo 'the system library {name} is missing.' >&2; " +
          "echo 'Install the Debian package {package} and run: bazel sync --configure' >&2; " +
          "exit 1",
)

cc_library(
    name = "{name}",
    srcs = ["{name}_missing.cc"],
)
"""

def _ask(ctx, kind, modules):
    """Returns pkg-config's answer as a list of words, or None when a module is missing."""
    if not modules:
        return []
    result = ctx.execute(["pkg-config", kind] + modules)
    return result.stdout.strip().split(" ") if result.return_code == 0 else None

def _unique(words):
    # Shared libraries need no order, so the first mention of each is enough.
    return {word: None for word in words if word}.keys()

def _library(ctx, name, modules, libraries, package):
    flags = _ask(ctx, "--cflags-only-other", modules)
    links = _ask(ctx, "--libs", modules)
    if flags == None or links == None:
        return _MISSING.format(name = name, package = package)
    links = [link for link in links if link.startswith("-l")] + ["-l" + library for library in libraries]
    return _LIBRARY.format(
        name = name,
        defines = repr([flag[2:] for flag in flags if flag.startswith("-D") and flag not in _WITHOUT_MEANING]),
        linkopts = repr(_unique(links)),
    )

def _system_libraries_impl(ctx):
    parts = ['package(default_visibility = ["//visibility:public"])\n']
    for name, (modules, libraries, package) in _MODULES.items():
        parts.append(_library(ctx, name, modules, libraries, package))
    ctx.file("BUILD.bazel", "".join(parts))

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    configure = True,
    # Bazel does not see a package come or change. The scripts pass a fingerprint of the packages, so that it asks anew;
    # who calls Bazel by hand says `bazel sync --configure`.
    environ = [
        "DUNLIN_PACKAGES",
        "PKG_CONFIG_PATH",
    ],
    local = True,
)
