"""Tells which C++ sources can be read as one: most of a source's reading is that of the headers that all of them share.

Two sources get along in one translation unit if no name at namespace scope is theirs both; the anonymous namespaces of
a unit are one. Names are told by how our sources are formatted, where what begins a line is at namespace scope. That is
a guess on the safe side, and no more: who reads a group has to be ready for one that does not compile.
"""

import re

SOURCES_MAX = 16

_TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST|RC_GTEST_PROP)\((\w+), (\w+)[,)]")
_INSTANTIATION = re.compile(r"^INSTANTIATE_TEST_SUITE_P\((\w*), (\w+)")
_TYPE = re.compile(r"^(?:template <.*> )?(?:class|struct|union|enum(?: class)?) (\w+)")
_ALIAS = re.compile(r"^(?:using (\w+) =|namespace (\w+) =)")
# A function, a constructor or a variable: the last name before its parameters, value, braces, bounds or end.
_DECLARATION = re.compile(r"^(?=[\w\[])(?!namespace\b|using\b)[\w:<>,&*~ \[\]]*?([\w:~]+)(?:\(|\{|\[| =|;| final)")


def names_at_namespace_scope(text):
    """Returns the names that a source brings to namespace scope, and perhaps some that it only uses there."""
    names = set()
    for line in text.splitlines():
        for pattern in (_TEST, _INSTANTIATION, _TYPE, _ALIAS, _DECLARATION):
            found = pattern.match(line)
            if found:
                names.add("_".join(part for part in found.groups() if part))
                break
    return names


def grouped(sources):
    """Puts sources, given as {path: text}, into lists of paths that get along; those of one folder come together."""
    groups = []
    for path in sorted(sources):
        names = names_at_namespace_scope(sources[path])
        for group, taken in groups:
            if len(group) < SOURCES_MAX and not names & taken:
                group.append(path)
                taken |= names
                break
        else:
            groups.append(([path], names))
    return [group for group, _ in groups]
