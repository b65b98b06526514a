"""The workload without faults: it takes every route that it is there for, and the oracle is content."""

from __future__ import annotations

import pytest

from .hurry import LARGE, PIECE
from .oracle import judge, judge_rest
from .workload import UNITS, Site, sha1

PIECES = -(-LARGE // PIECE)
CONTENTS = len({content for files in UNITS.values() for content in files.values()})

UPLOADS = {
    "v1-whole": {
        "POST data_files/": CONTENTS,
        "PUT chunked_upload/": 1,
        "PUT chunked_upload/{id}/": PIECES - 1,
        "POST chunked_upload/{id}/": 1,
    },
    "v1-presigned": {"PUT object/": CONTENTS - 1, "PUT object/part/": PIECES},
    "v2-presigned": {"PUT object/": CONTENTS - 1, "PUT object/part/": PIECES},
}


def test_all_is_well_and_every_route_was_taken(site: Site) -> None:
    assert site.sync().exit_code == 0

    judge(site)
    judge_rest(site)
    asked = UPLOADS[site.way.name]
    assert {route: site.requests(route) for route in asked} == asked
    assert all(site.requests(route) for route in (site.way.confirm, site.way.register, site.way.tasks))


@pytest.mark.parametrize(
    "deed",
    ["a unit twice", "a file of a unit is another", "a unit is deleted", "a task twice", "bytes twice", "a wrong byte"],
)
def test_the_oracle_sees_what_is_wrong(site: Site, deed: str) -> None:
    site.sync()
    site.in_backend(DEEDS[deed])
    if deed == "a wrong byte":
        (stored,) = (site.server.options.data / "contents").glob(f"*/{sha1(UNITS['p1']['image_1'])}")
        there = stored.read_bytes()
        stored.write_bytes(bytes([there[0] ^ 1]) + there[1:])

    with pytest.raises(AssertionError, match=SEEN[deed]):
        judge(site)


AGAIN = "INSERT INTO events (kind, detail) SELECT kind, detail FROM events WHERE kind = '{kind}' LIMIT 1"
DEEDS = {
    "a unit twice": lambda db: db.execute(AGAIN.format(kind="unit")),
    "a file of a unit is another": lambda db: db.execute(
        "INSERT INTO events (kind, detail) SELECT kind, replace(detail, 'p1/image.png', 'p2/image.png') FROM events"
        " WHERE kind = 'unit' LIMIT 1"
    ),
    "a unit is deleted": lambda db: db.execute("DELETE FROM units WHERE id = 1"),
    "a task twice": lambda db: db.execute(
        "INSERT INTO tasks (project, unit, meta, created) SELECT project, unit, meta, created FROM tasks LIMIT 1"
    ),
    "bytes twice": lambda db: db.execute(
        "INSERT INTO events (kind, detail) SELECT 'data_file_again', detail FROM events"
        " WHERE kind = 'data_file' LIMIT 1"
    ),
    "a wrong byte": lambda db: None,
}
SEEN = {
    "a unit twice": "1 × too many",
    "a file of a unit is another": "1 × too many",
    "a unit is deleted": "unit_deleted",
    "a task twice": "has 2 tasks",
    "bytes twice": "sent again",
    "a wrong byte": "has the bytes of",
}
