"""What is taken and what is left out: junk by default, then the feed's own patterns, as gitignore reads them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from synapse_sync.errors import ConfigError
from synapse_sync.sources.filters import Filters
from synapse_sync.sources.junk import JUNK, junk


def keeps(filters: Filters, path: str) -> bool:
    directory, _, name = path.rpartition("/")
    return filters.keeps_file(directory.encode(), name.encode())


def named(pattern: str) -> str:
    """A name that matches."""
    return pattern.replace("*", "x").replace("?", "7")


@pytest.mark.parametrize("pattern", JUNK)
def test_each_default_is_left_out_as_file_and_folder_in_any_case(pattern: str) -> None:
    for name in (named(pattern), named(pattern).upper()):
        assert junk(name.encode()) == pattern
        assert not keeps(Filters(), f"a/{name}")
        assert not keeps(Filters(), f"a/{name}/image.png")
        assert not Filters().enters(f"a/{name}/b".encode())


@pytest.mark.parametrize("pattern", JUNK)
def test_each_default_can_be_taken_back(pattern: str) -> None:
    name = named(pattern).upper()
    assert keeps(Filters(exclude=[f"!{name}"]), f"a/{name}")
    assert keeps(Filters(exclude=[f"!{name}"]), f"a/{name}/image.png")


@pytest.mark.parametrize(
    "path",
    [
        "image.png",
        "partial/a.part1.rar",
        "tmp/x",
        "snapshot/a",
        "git/a",
        "a.tmpx",
        "recycle/a",
        "desktop.ini.dcm",
        "~a",
        ".image.png",
        "image.png.Xa3f2Q",
        ".image.png.Xa3f2QQ",
        ".image.png.a-b-c-",
    ],
)
def test_names_that_only_resemble_junk_are_taken(path: str) -> None:
    assert keeps(Filters(), path)


@pytest.mark.parametrize(
    ("include", "exclude", "taken", "left_out"),
    [
        ([], ["*.tif"], ["a.png", "tif"], ["a.tif", "d/e/a.tif"]),
        ([], ["/raw"], ["a/raw", "a/raw/b.png"], ["raw", "raw/b.png"]),
        ([], ["raw/"], ["raw"], ["raw/b.png", "a/raw/b.png"]),
        ([], ["raw/*", "!raw/keep.png"], ["raw/keep.png"], ["raw/other.png"]),
        ([], ["raw", "!raw/keep.png"], [], ["raw/keep.png"]),
        ([], ["**/old/**", "a/*/c.png"], ["a/c.png", "old"], ["x/old/y.png", "a/b/c.png"]),
        ([], ["*.png", "!a?.png"], ["a1.png"], ["b1.png"]),
        (["*.png", "*.json"], [], ["a.png", "d/a.json"], ["a.tif", "d/a.tif"]),
        (["scans/**"], ["*.tif"], ["scans/d/a.png"], ["a.png", "scans/a.tif"]),
        (["*.png"], ["!*.tmp"], ["a.png"], ["a.tmp"]),
        (["*", "!*.tif"], [], ["a.png"], ["a.tif"]),
        ([], ["#recycled", "!#recycle"], ["#recycle/a.png"], ["#recycled"]),
        ([], ["\\!a.png"], ["a.png"], ["!a.png"]),
    ],
)
def test_patterns_are_read_as_gitignore_reads_them(
    include: list[str], exclude: list[str], taken: list[str], left_out: list[str]
) -> None:
    filters = Filters(include, exclude)
    assert {path: keeps(filters, path) for path in taken + left_out} == {
        **dict.fromkeys(taken, True),
        **dict.fromkeys(left_out, False),
    }


def test_a_folder_taken_back_does_not_take_back_the_junk_in_it() -> None:
    filters = Filters(exclude=["!.git/"])
    assert keeps(filters, ".git/config")
    assert not keeps(filters, ".git/config.tmp")
    assert keeps(Filters(exclude=["!.git/**", "!.git"]), ".git/config.tmp")


_names = st.sampled_from(["a", "b.png", "c.tmp", "@eaDir", ".git", "d.part", "._e", "raw"])
_patterns = st.sampled_from(
    ["a", "/a", "*.png", "raw/", "*.tmp", "**/raw", "a/*", ".git", "@eadir", "._*", "raw/**", "*"]
)


@given(st.lists(_names, min_size=1, max_size=4), st.lists(st.tuples(st.sampled_from(["", "!"]), _patterns), max_size=4))
def test_leaving_unmatched_defaults_out_of_the_comparison_changes_nothing(
    parts: list[str], rules: list[tuple[str, str]]
) -> None:
    """The shortcut decides as one gitignore list of all defaults and excludes, asked for each folder from the top."""
    exclude = [sign + pattern for sign, pattern in rules]
    any_case = ["".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in pattern) for pattern in JUNK]
    everything = GitIgnoreSpec.from_lines([c.replace("#", "\\#") for c in any_case] + exclude, backend="simple")
    steps = ["/".join(parts[: n + 1]) + "/" for n in range(len(parts) - 1)] + ["/".join(parts)]
    assert keeps(Filters(exclude=exclude), "/".join(parts)) == (not any(everything.match_file(step) for step in steps))


def test_names_that_are_not_utf8_or_hold_a_line_break_are_matched_like_others() -> None:
    filters = Filters(exclude=["*.tif", "caf%E9.*"])
    assert filters.keeps_file(b"caf\xe9 2", b"\xff.png")
    assert not filters.keeps_file(b"caf\xe9 2", b"\xff.tif")
    assert not filters.keeps_file(b"", b"caf\xe9.png"), "a name can be written as it is shown"
    assert not filters.keeps_file(b"two\nlines", b"a.tif")
    assert filters.keeps_file(b"", b"a.tif\n"), "the name does not end in .tif"


def test_a_decomposed_korean_name_matches_the_pattern_that_a_keyboard_writes() -> None:
    filters = Filters(exclude=["원본/"])
    assert not filters.enters(unicodedata.normalize("NFD", "원본").encode())
    assert not Filters(exclude=[unicodedata.normalize("NFD", "원본")]).enters("원본".encode())


def test_more_folders_than_are_remembered_are_decided_as_well() -> None:
    filters = Filters(exclude=["odd-*"])
    for number in range(5000):
        assert filters.enters(b"even-%d/x" % number)
        assert not filters.enters(b"odd-%d/x" % number)
    assert len(filters._entered) <= 4096


@pytest.mark.parametrize(
    ("path", "is_dir", "words"),
    [
        ("a/image.png", False, ""),
        ("a/._image.png", False, 'excluded by default as "._*" (macOS: AppleDouble, the attributes of a file); '
                                 '"!._*" in exclude takes it back'),
        ("a/@eaDir/b/c.png", False, 'its folder a/@eaDir: excluded by default as "@eadir" (Synology: thumbnails, index '
                                    'and stream data of each folder); "!@eadir" in exclude takes it back'),
        ("raw/b.png", False, 'its folder raw: excluded by "raw/" in exclude'),
        ("#x/b.tmp", True, 'its folder #x: excluded by "#x" in exclude'),
        ("b.txt", False, "matches no pattern in include"),
        ("b", True, ""),
    ],
)  # fmt: skip
def test_the_rule_that_leaves_a_path_out_is_named(path: str, is_dir: bool, words: str) -> None:
    filters = Filters(["*.png", "*.tmp"], ["raw/", "#x", "!*.tmp"])
    assert filters.explain(path.encode(), is_dir) == words
    if not is_dir:
        assert keeps(filters, path) == (words == "")


def test_patterns_that_can_match_nothing_are_all_named_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Filters(["", "*.png"], ["/", "*.tif", "[b-a].png"])
    assert raised.value.problems == (
        'include: "" matches nothing',
        'exclude: "/" matches nothing',
        'exclude: "[b-a].png" matches nothing',
    )
