"""The layout "pattern": rules say which spec a file is for, an expression or a template which unit it belongs to.

    rules      [(pattern, spec), …]: the first pattern that matches decides; without rules folders and extensions do
    key        a regular expression that is searched in the path
    unit_key   a template over the key's named groups and the path ("{site}-{patient}", "{dir2}/{stem}")

Without unit_key the key's groups make the unit key, joined by "/", or its whole match where it has none. Without key
and unit_key files of one stem in one folder belong together, as by "stem"; type folders are then those that the rules
name. Patterns are gitignore's, but without regard to case. A key that a person wrote may join files of several folders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from synapse_sync.expressions import Expression
from synapse_sync.gitignore import compiled, matchable
from synapse_sync.grouping.matching import Match, Matcher
from synapse_sync.grouping.names import nfc
from synapse_sync.grouping.places import Choice, Place, fields_of, metadata_place, without_type_folder
from synapse_sync.grouping.type_folders import TypeFolders
from synapse_sync.records import Spec
from synapse_sync.templates import Template

_REMEMBERED = 4096  # directories, and places: more than a batch of files has
_WILD = frozenset("*?[")


class PatternLayout:
    """A layout in the words of the feed's config. Implements places.Layout."""

    def __init__(self, specs: Sequence[Spec], choice: Choice) -> None:
        self._matcher = Matcher(specs)
        self._rules = [
            (pattern, compiled([matchable(pattern.casefold())]).patterns[0], spec) for pattern, spec in choice.rules
        ]
        self._expression = Expression(choice.key) if choice.key else None
        self._template = Template(choice.unit_key) if choice.unit_key else None
        self._named_by = _named_in(choice) if choice.rules else TypeFolders(specs).named_by
        self._directory = lru_cache(maxsize=_REMEMBERED)(self._read_directory)
        self._placed = lru_cache(maxsize=_REMEMBERED)(self._place)

    def place(self, asset: str, path: str, kinds: Sequence[str] = ()) -> Place:
        """See places.Layout. Each file is asked for twice within a batch, and an expression takes its time."""
        return self._placed(asset, path, tuple(kinds))

    def _place(self, asset: str, path: str, kinds: tuple[str, ...]) -> Place:
        normal = nfc(path)
        directory, _, name = normal.rpartition("/")
        if aside := metadata_place(self._matcher, asset, directory, name):
            return aside
        stem, extension = self._matcher.split(name, kinds)
        specs, evidence, reason = self._match(asset, normal, directory, extension)
        if not specs:
            return Place("", "", (), "unmatched", reason)
        key, reason = self._key(normal, directory, stem)
        if reason:
            return Place("", "", (), "unmatched", reason)
        return Place(key.casefold(), key, specs, "", "", evidence)

    def fields(self, path: str) -> dict[str, str]:
        """See places.Layout; the key's named groups too."""
        fields = fields_of(self._matcher, path)
        found = self._expression.find(nfc(path)) if self._expression else None
        return fields | found.named if found else fields

    def _match(self, asset: str, path: str, directory: str, extension: str) -> Match:
        if not self._rules or asset:
            return self._matcher.match(asset, extension, self._directory(directory)[1], ())
        folded = matchable(path.casefold())
        for pattern, rule, spec in self._rules:
            if rule.include and rule.match_file(folded):
                return self._matcher.by_rule(spec, extension, pattern)
        return self._matcher.by_no_rule(tuple(pattern for pattern, _, _ in self._rules))

    def _key(self, path: str, directory: str, stem: str) -> tuple[str, str]:
        """The unit key, or why there is none."""
        if self._expression is None and self._template is None:
            return self._directory(directory)[0] + stem, ""
        found = self._expression.find(path) if self._expression else None
        if self._expression and found is None:
            return "", "the expression `key` finds nothing in its path"
        if self._template is None:
            assert found is not None
            key = "/".join(found.parts) if found.parts else found.whole
        else:
            try:
                key = self._template.fill(self.fields(path))
            except KeyError as missing:
                return "", f'its path has no {missing.args[0]} for unit_key = "{self._template}"'
        return (key, "") if key else ("", "its unit key would be empty")

    def _read_directory(self, directory: str) -> tuple[str, tuple[str, ...]]:
        return without_type_folder(directory, self._named_by)


def _named_in(choice: Choice) -> Callable[[str], tuple[str, ...]]:
    """What tells whether a folder is one that a rule names in full."""
    named = {folder for pattern, _ in choice.rules for folder in _folders_of(pattern)}
    return lambda folder: (folder,) if folder.casefold() in named else ()


def _folders_of(pattern: str) -> list[str]:
    """The folders that a pattern names in full, case apart: "**/img/*.png" names img."""
    parts = nfc(pattern).casefold().split("/")[:-1]
    return [part for part in parts if part and not _WILD.intersection(part)]
