"""Finding the line of a key in a TOML text."""

from __future__ import annotations

import pytest

from synapse_sync.config.places import Place, line_of, lines_of, written

TEXT = '''\
# comment with [brackets] and = signs
title = "top"

[server]
url = """
[not.a.table]
key = 1
"""
"quoted key" = 1

[[feeds]]
name = "one"
include = [
    "*.png",  # a comment ]
    "[a-z]*",
]
grouping.by = "stem"
[feeds.assets."spec 1"]
path = "/a"

[[feeds]]
assets = {image_1 = {path = "/b"}, label_1 = {path = "/c"}}
[feeds.grouping]
rules = [{pattern = "a", spec = "b"}]
[[feeds.grouping.more]]
x = 1
[[feeds.grouping.more]]
x = 2
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("title",), 2),
        (("server",), 4),
        (("server", "url"), 5),
        (("server", "quoted key"), 9),
        (("feeds",), 11),
        (("feeds", 0), 11),
        (("feeds", 0, "name"), 12),
        (("feeds", 0, "include"), 13),
        (("feeds", 0, "include", 1), 13),
        (("feeds", 0, "grouping", "by"), 17),
        (("feeds", 0, "assets", "spec 1", "path"), 19),
        (("feeds", 1), 21),
        (("feeds", 1, "assets", "label_1", "path"), 22),
        (("feeds", 1, "grouping"), 23),
        (("feeds", 1, "grouping", "rules", 0, "spec"), 24),
        (("feeds", 1, "grouping", "more", 1, "x"), 28),
    ],
)
def test_every_key_is_found_on_the_line_where_it_is_written(place: Place, line: int) -> None:
    assert lines_of(TEXT)[place] == line


def test_a_key_that_is_not_there_is_looked_for_in_the_table_around_it() -> None:
    lines = lines_of(TEXT)
    assert line_of(lines, ("feeds", 1, "grouping", "by")) == 23
    assert line_of(lines, ("feeds", 1, "name")) == 21
    assert line_of(lines, ("ledger", "path")) is None


def test_a_place_is_written_as_a_person_reads_it() -> None:
    assert written(("feeds", 0, "assets", "spec 1", "path")) == 'feeds[0].assets."spec 1".path'
    assert written(("server", "url")) == "server.url"
