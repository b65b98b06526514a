"""Which files and folders a feed takes: the junk that nobody wants, then the feed's own patterns.

Patterns are gitignore's, relative to the source's root, and the last one that matches decides. The list begins with
the defaults (junk.py), goes on with `exclude`, and a pattern there that starts with "!" takes back what an earlier one
excluded, a default too. Where `include` is given, a file must match it as well. A path is matched as it is shown
(shown.py), so that what `why` prints can be copied into a pattern. Both are brought to Unicode's NFC first: a Mac
writes 스캔 decomposed, a keyboard doesn't. "#" starts no comment here: "#recycle" is a folder's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pathspec import GitIgnoreSpec

from synapse_sync.errors import ConfigError
from synapse_sync.gitignore import compiled, matchable
from synapse_sync.shown import joined, shown
from synapse_sync.sources.junk import JUNK, junk

_REMEMBERED = 4096  # folders whose decision is kept; a walk asks again and again for the folders above
_NOT_A_COMMENT = {"#": "\\#"}  # how gitignore writes a leading "#" that belongs to the name


class Filters:
    """The decisions for one source. Raises ConfigError for a pattern that can match nothing.

    Without patterns of the feed's own a file costs 0.5 µs (measured). May be used by several threads.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        problems: list[str] = []
        self._include = _compiled("include", include, problems)
        self._exclude = _compiled("exclude", exclude, problems)
        if problems:
            raise ConfigError(problems[0], problems=tuple(problems), hint="patterns are written as in .gitignore")
        self._exclude_as_written = tuple(exclude)
        self._with_default: dict[str, GitIgnoreSpec] = {}
        self._plain = not include and not exclude
        self._entered: dict[bytes, bool] = {}

    def keeps_file(self, directory: bytes, name: bytes) -> bool:
        """Whether this file of this directory is taken; never so below a folder that is not entered."""
        if not self.enters(directory):
            return False
        if self._plain:
            return not junk(name)
        return not self._refused(joined(directory, name), is_dir=False)

    def enters(self, directory: bytes) -> bool:
        """Whether this folder and all above it are entered; the root, b"", always is."""
        entered = self._entered.get(directory)
        if entered is None:
            entered = not any(self._refused(folder, is_dir=True) for folder in _from_the_top(directory))
            if len(self._entered) >= _REMEMBERED:
                self._entered.clear()
            self._entered[directory] = entered
        return entered

    def explain(self, path: bytes, is_dir: bool) -> str:
        """The rule that excludes this path, or a folder above it, in words; "" where it is taken."""
        for step in _from_the_top(path):
            refused = self._refused(step, is_dir=is_dir or step != path)
            if refused:
                return refused if step == path else f"its folder {shown(step)}: {refused}"
        return ""

    def _refused(self, path: bytes, *, is_dir: bool) -> str:
        """The rule that excludes this very path, in words; "" for none. The folders above it are not looked at."""
        default = junk(path[path.rfind(b"/") + 1 :])
        if self._plain and not default:
            return ""
        text = matchable(shown(path)) + ("/" if is_dir else "")
        verdict = self._rules(default).check_file(text)
        if verdict.include and verdict.index is not None:
            rule = verdict.index - bool(default)
            if rule < 0:
                return f'excluded by default as "{default}" ({JUNK[default]}); "!{default}" in exclude takes it back'
            return f'excluded by "{self._exclude_as_written[rule]}" in exclude'
        if not is_dir and self._include.patterns and not self._include.match_file(text):
            return "matches no pattern in include"
        return ""

    def _rules(self, default: str) -> GitIgnoreSpec:
        """The feed's excludes, after the one default that this name matches; others can't change the outcome."""
        if not default:
            return self._exclude
        if default not in self._with_default:
            self._with_default[default] = compiled([_any_case(default)]) + self._exclude
        return self._with_default[default]


def _compiled(option: str, patterns: Sequence[str], problems: list[str]) -> GitIgnoreSpec:
    """The patterns of one option; what can match nothing is added to `problems` in words."""
    together = compiled([])
    for pattern in patterns:
        try:
            one = compiled([matchable("\\" + pattern if pattern.startswith("#") else pattern)])
        except (ValueError, re.error):
            one = compiled([])
        if any(rule.include is not None for rule in one.patterns):
            together += one
        else:
            problems.append(f'{option}: "{pattern}" matches nothing')
    return together


def _any_case(default: str) -> str:
    """A default pattern as gitignore writes it for upper and lower case."""
    return "".join(f"[{char}{char.upper()}]" if char.isalpha() else _NOT_A_COMMENT.get(char, char) for char in default)


def _from_the_top(path: bytes) -> Iterator[bytes]:
    """b"a/b/c" gives b"a", b"a/b", b"a/b/c"; b"" gives nothing."""
    end = path.find(b"/")
    while end != -1:
        yield path[:end]
        end = path.find(b"/", end + 1)
    if path:
        yield path
