"""Prints a source file with one thing changed: a bug planted for the simulator to find.

    mutate.py FILE FIND REPLACE [FIND REPLACE ...]

Each FIND has to occur exactly once, so that a mutation never silently becomes none when the source changes.
"""

import sys


def main():
    path, *edits = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        source = file.read()
    for find, replace in zip(edits[::2], edits[1::2]):
        count = source.count(find)
        if count != 1:
            sys.exit("%s: %d occurrences of %r instead of one: bring the mutation up to date" % (path, count, find))
        source = source.replace(find, replace)
    sys.stdout.write(source)


if __name__ == "__main__":
    main()
