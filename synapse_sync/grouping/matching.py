"""Which specs one file may fill, by the best evidence that its place gives: asset, type folder, name, extension."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from synapse_sync.grouping.names import MULTI_PART_EXTENSIONS, split_extension, tails
from synapse_sync.records import Spec


class Evidence(IntEnum):
    """Why a file is thought to belong to a spec; the higher, the better. NONE only where there is no spec."""

    NONE = 0
    EXTENSION = 1
    FILE_NAME = 2  # by directory only: `patient_001/mask.png`; where files pair by stem, stems say which unit
    FOLDER = 3
    ASSET = 4
    RULE = 5


class Match(NamedTuple):
    """The candidate specs in the collection's order; where there are none, reason says why in words."""

    specs: tuple[str, ...]
    evidence: Evidence
    reason: str = ""


class Matcher:
    """The collection's specs compiled for lookups; one instance serves millions of files."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = tuple(specs)
        listed = {extension for spec in specs for extension in spec.extensions}
        self._known = MULTI_PART_EXTENSIONS | {extension for extension in listed if extension.count(".") > 1}
        self._listed = frozenset(listed)
        # Keyed by what few files differ in; bounded, because an extension may be any text ("a.1", "a.2", …).
        self.match = lru_cache(maxsize=4096)(self._match)

    def split(self, name: str, kinds: Sequence[str] = ()) -> tuple[str, str]:
        """The file name as (stem, lowercase extension); the longest extension known here wins.

        Of kinds, by the file's content, it is the first that a spec lists, and the whole name is the stem.
        """
        if kinds:
            return name, next((kind for kind in kinds if kind in self._listed), kinds[0])
        return split_extension(name, self._known)

    def lists(self, asset: str, extension: str) -> bool:
        """Whether a spec that can be meant here (in an asset: that one) lists this extension by name."""
        return any(extension in spec.extensions for spec in self._specs if asset in ("", spec.name))

    def _match(self, asset: str, extension: str, folder: tuple[str, ...], name: tuple[str, ...]) -> Match:
        """The specs for a file with this extension, whose folder and own name speak of these specs.

        A folder or name that speaks only of specs which don't take the extension is no evidence.
        """
        allowed = [spec.name for spec in self._specs if _takes(spec, extension)]
        if asset:
            if asset in allowed:
                return Match((asset,), Evidence.ASSET)
            return Match((), Evidence.NONE, self._refusal(asset, extension))
        for named, evidence in ((folder, Evidence.FOLDER), (name, Evidence.FILE_NAME)):
            specs = tuple(spec for spec in allowed if spec in named)
            if specs:
                return Match(specs, evidence)
        if not allowed:
            return Match((), Evidence.NONE, self._refusal("", extension))
        return Match(self._by_extension(extension, allowed), Evidence.EXTENSION)

    def by_rule(self, spec: str, extension: str, rule: str) -> Match:
        """The spec that a rule gives a file with this extension to, if it takes that."""
        if any(each.name == spec and _takes(each, extension) for each in self._specs):
            return Match((spec,), Evidence.RULE)
        return Match((), Evidence.NONE, f'the rule "{rule}" is for {spec}: {self._refusal(spec, extension)}')

    def by_no_rule(self, rules: Sequence[str]) -> Match:
        """A file that none of the feed's rules takes."""
        return Match((), Evidence.NONE, f"no rule takes it ({', '.join(rules)})")

    def _by_extension(self, extension: str, allowed: list[str]) -> tuple[str, ...]:
        """Those that list the longest ending of the extension; those that take anything only where nobody lists it."""
        longest = next((tail for tail in tails(extension) if tail in self._listed), None)
        if longest is None:
            return tuple(allowed)
        return tuple(spec.name for spec in self._specs if longest in spec.extensions)

    def _refusal(self, asset: str, extension: str) -> str:
        """Why no spec takes a file with this extension, naming what the specs take."""
        what = f"{extension} files" if extension else "files without an extension"
        if asset and asset not in {spec.name for spec in self._specs}:
            return f"the collection has no specification {asset}"
        takes = "; ".join(
            f"{spec.name} takes {', '.join(spec.extensions) or 'any'}"
            for spec in self._specs
            if asset in ("", spec.name)
        )
        who = asset if asset else "no specification"
        return f"{who} {'does not take' if asset else 'takes'} {what} ({takes})"


def _takes(spec: Spec, extension: str) -> bool:
    """Whether the spec lists the extension or an ending of it; no list is no restriction (protocol section 5)."""
    return not spec.extensions or any(tail in spec.extensions for tail in tails(extension))


def sequential_problem(specs: Sequence[Spec]) -> str:
    """Why a collection with these specs can't be served, "" where it can: one unit has one file per spec here."""
    names = [spec.name for spec in specs if spec.sequential]
    if not names:
        return ""
    return f"sequential specifications are not supported (one unit has one file per specification): {', '.join(names)}"
