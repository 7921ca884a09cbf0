"""Tests that the simulator finds bugs that were planted."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def _quoted(text):
    return "'" + text.replace("'", "'\\''").replace("$", "$$") + "'"

def mutant_test(name, source, edits):
    """A test that passes if the simulator finds what is wrong with a changed source file.

    The changed file stands beside the libraries that hold the original. Its symbols come first, so that the original is
    never drawn from its archive.

    Args:
      name: what the changed program does wrong.
      source: the label of the file to change.
      edits: pairs of a text that occurs once in the file and what to put in its place.
    """
    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [source],
        outs = ["mutants/" + name + ".cc"],
        cmd = "/usr/bin/python3 -B $(location mutate.py) $(location {}) {} > $@".format(
            source,
            " ".join([_quoted(text) for edit in edits for text in edit]),
        ),
        tools = ["mutate.py"],
    )
    cc_test(
        name = name,
        size = "medium",
        srcs = [
            "mutant_test.cc",
            "mutants/" + name + ".cc",
        ],
        # A bug that was planted says nothing about ours, so that sanitizers need not look at it.
        tags = ["mutant"],
        deps = [
            ":world",
            "@system//:absl",
            "@system//:gtest_main",
        ],
    )
