"""Fuzz targets: a test in an ordinary build, a fuzzer under --config=fuzz."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_target(name, deps, mutations = 20000, **kwargs):
    """A program that holds every input to the properties in NAME_fuzz.cc.

    In an ordinary build it replays what is kept in corpus/NAME and mutations of it. Under --config=fuzz it is linked
    with libFuzzer, and tests/fuzz/run runs it.

    Args:
      name: what is fuzzed; the target is NAME_fuzz.
      deps: what NAME_fuzz.cc needs beside fuzz_target.h.
      mutations: how many an ordinary run makes.
      **kwargs: passed on to cc_test.
    """
    cc_test(
        name = name + "_fuzz",
        size = "small",
        srcs = [name + "_fuzz.cc"],
        args = select({
            # What is kept, and no fuzzing.
            ":libfuzzer": ["-runs=0"],
            "//conditions:default": ["--mutations=%d" % mutations],
        }) + [native.package_name() + "/corpus/" + name],
        data = native.glob(
            ["corpus/%s/*" % name],
            allow_empty = False,
        ),
        linkopts = select({
            ":libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        deps = deps + [":fuzz_target"] + select({
            ":libfuzzer": [],
            "//conditions:default": [":driver"],
        }),
        **kwargs
    )
