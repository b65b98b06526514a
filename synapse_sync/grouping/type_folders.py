"""Which specs a folder's name speaks of: the *type folders* of patterns 2 and 4 (`images/`, `labels/`, `mask/`).

A name speaks of a spec, case apart, in the first of these ways that finds any:

1. it is the spec's name: `image_1`;
2. it is the spec's name without its index, in singular or plural: `image`, `images`;
3. it is another word for that (below): `img`;
4. it is the spec's file type or another word for it: `images` for a spec `front_1` of type "image";
5. it is one of the spec's extensions: `png`.

What it finds is evidence only for files whose extension the spec takes; that, and the short list, is what makes the
other words safe. Left out on purpose are words that name places as often as types (`data`, `raw`, `photos`, `files`),
so that folders which merely hold things are not taken for type folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from synapse_sync.grouping.names import nfc
from synapse_sync.records import Spec

OTHER_WORDS = {
    "image": ("img",),  # the upload workflow's own pattern 4; Supervisely
    "label": ("annotation", "ann"),  # COCO, Pascal VOC; Supervisely
    "mask": ("segmentation", "seg"),
    "pcd": ("pointcloud", "point_cloud", "lidar", "velodyne"),  # nuScenes; KITTI
}
"""Widely used folder names, by the spec's name without index or by its file type. Each fits plural and singular."""

TELLING_FILE_TYPES = frozenset({"image", "video", "audio", "pcd"})
"""File types (protocol section 5) that are the usual name of a folder; "data" and "text" name anything."""

_INDEX = re.compile(r"_\d+$")  # specs are named {key}_{index} (protocol section 2)


def forms(word: str) -> set[str]:
    """The word with its English singular and plural; they need not be real words, only the usual spellings."""
    if len(word) > 3 and word.endswith("ies"):
        singular = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        singular = word[:-2]
    elif len(word) > 2 and word.endswith("s") and not word.endswith("ss"):
        singular = word[:-1]
    else:
        singular = word
    plural = singular[:-1] + "ies" if singular.endswith("y") else singular + "s"
    return {word, singular, plural, singular + "es"}


class TypeFolders:
    """Looks up names of folders (and, in a unit's own folder, stems of files) that speak of specs."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._words: dict[str, tuple[str, ...]] = {}
        for words_of in (_extensions, _file_type_words, _other_words, _base):  # the later replaces the earlier
            self._words |= _speaking(specs, words_of)
        self._words |= {nfc(spec.name).casefold(): (spec.name,) for spec in specs}

    def named_by(self, name: str) -> tuple[str, ...]:
        """The specs that this name (NFC) speaks of, in the collection's order; () for most names."""
        return self._words.get(name.casefold(), ())


def _speaking(specs: Sequence[Spec], words_of: Callable[[Spec], Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """For each of the specs' words, in singular and plural, the specs that it speaks of."""
    found: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        for word in {form for one in words_of(spec) for form in forms(one)}:
            found[word] = (*found.get(word, ()), spec.name)
    return found


def _base(spec: Spec) -> tuple[str, ...]:
    return (_INDEX.sub("", nfc(spec.name).casefold()),)


def _other_words(spec: Spec) -> tuple[str, ...]:
    return tuple(word for form in forms(*_base(spec)) for word in OTHER_WORDS.get(form, ()))


def _file_type_words(spec: Spec) -> tuple[str, ...]:
    kind = spec.file_type.casefold()
    return (kind, *OTHER_WORDS.get(kind, ())) if kind in TELLING_FILE_TYPES else ()


def _extensions(spec: Spec) -> list[str]:
    return [extension.removeprefix(".") for extension in spec.extensions]
