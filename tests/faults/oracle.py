"""What must be true once a workload has come to rest, whatever happened before: read from the server's own account.

The server's log of events is only ever added to: what it tells can't be made good afterwards. Our ledger is asked last,
and only whether it agrees.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_sync.devserver import DevServer
from tests.integration.account import problems_of

from .workload import NAMES, Site, sha1

RUNS = 6
"""After the last fault everything must be done in so many runs."""

UNTOUCHED = {"unit_deleted", "task_deleted", "meta"}
"""What never happens on the server, as nobody asks for it."""


def come_to_rest(site: Site) -> None:
    """Run until all is well; what waits for its next attempt, or for a person's word, goes now."""
    said = []
    for _ in range(RUNS):
        site.run("retry", "--all")
        outcome = site.sync()
        if outcome.exit_code == 0 and not outstanding(site):
            return
        said.append(outcome.stdout if outcome.error is None else str(outcome.error))
    raise AssertionError(f"no rest after {RUNS} runs without faults:\n{said[-1]}")


def outstanding(site: Site) -> dict[str, str]:
    """Units of the ledger on which work is left."""
    states = site.states()
    return {key: states.get(key, "unknown") for key in site.expected if states.get(key) != "registered"}


class Allowed(NamedTuple):
    """What no client can prevent. bytes_twice: they may have been received again; copies: how often a request was
    delivered; ids: whether the ledger must know which of the server's units is which.
    """

    bytes_twice: bool = False
    copies: int = 1
    ids: bool = True


def judge(site: Site, allowed: Allowed = Allowed()) -> None:
    """Raise AssertionError with all that is wrong."""
    events = site.server.events()
    wrong = [
        *wrong_units(events, site, allowed.copies),
        *wrong_bytes(events, site.server),
        *wrong_tasks(events, site, allowed.copies),
        *(f"{event['kind']}: {event['detail']}" for event in events if event["kind"] in UNTOUCHED),
        *([] if allowed.bytes_twice else sent_again(events, site)),
        *(disagreements(events, site) if allowed.ids and allowed.copies == 1 else []),
        *left_over(site),
        *problems_of(site.ledger),
    ]
    assert not wrong, "\n".join(wrong)


def judge_rest(site: Site) -> None:
    """Nothing is left to be done: one more run changes nothing, here or there."""
    ledger, events, received = site.ledger_text(), site.server.events(), site.received()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == ledger, "a run that finds nothing new writes nothing"
    assert site.server.events() == events
    assert site.received() == received


Event = Mapping[str, Any]


def details(events: Iterable[Event], *kinds: str) -> list[Mapping[str, Any]]:
    """What the events of these kinds tell."""
    return [event["detail"] for event in events if event["kind"] in kinds]


def contents_of(events: Iterable[Event]) -> dict[str, str]:
    """Checksum to SHA-1 of every data file that the server has."""
    return {file["checksum"]: file["sha1"] for file in details(events, "data_file", "data_file_again")}


def wrong_units(events: list[Event], site: Site, copies: int) -> list[str]:
    """Units that are missing, that are there twice, or that nobody wanted; by their contents."""
    contents = contents_of(events)
    made = Counter(
        frozenset((spec, contents[file["checksum"]], file["path"]) for spec, file in unit["files"].items())
        for unit in details(events, "unit")
        if unit["collection"] == site.collection
    )
    wanted = Counter(
        frozenset((spec, sha1(data), f"{key}/{NAMES[spec]}") for spec, data in files.items())
        for key, files in site.expected.items()
    )
    most = Counter({unit: count * copies for unit, count in wanted.items()})
    missing = [f"{count} × missing: {sorted(unit)}" for unit, count in (wanted - made).items()]
    surplus = [f"{count} × too many: {sorted(unit)}" for unit, count in (made - most).items()]
    groups = {unit["meta"]["data_unit_key"]: unit["groups"] for unit in site.server.units(site.collection)}
    ungrouped = [f"{key} is in {groups.get(key)}" for key in site.expected if groups.get(key) != ["faults", key]]
    return missing + surplus + ungrouped


def wrong_bytes(events: list[Event], server: DevServer) -> list[str]:
    """Data files whose bytes are not those of their checksum."""
    problems = []
    for checksum, content in contents_of(events).items():
        stored = Path(server.options.data, "contents", content[:2], content).read_bytes()
        digests = {hashlib.new(name, stored, usedforsecurity=False).hexdigest() for name in ("md5", "sha1")}
        if not {checksum, content} <= digests:
            problems.append(f"data file {checksum} has the bytes of {sorted(digests)}")
    return problems


def wrong_tasks(events: list[Event], site: Site, copies: int) -> list[str]:
    """Each unit has its task in the project, and one only; of a unit that was made twice, one of the two."""
    made = Counter(task["unit"] for task in details(events, "task") if task["project"] == site.project)
    units = [unit["unit"] for unit in details(events, "unit")]
    if copies > 1:
        return [f"unit {unit} has {made[unit]} tasks" for unit in made if made[unit] > copies]
    return [f"unit {unit} has {made[unit]} tasks" for unit in {*units, *made} if made[unit] != 1]


def sent_again(events: Iterable[Event], site: Site) -> list[str]:
    """Contents that were received although the server had confirmed them; what was spoilt on its way is none."""
    ours = {sha1(data): f"{key}/{spec}" for key, files in site.expected.items() for spec, data in files.items()}
    again = {file["sha1"] for file in details(events, "data_file_again")}
    return [f"sent again: {name}" for content, name in ours.items() if content in again]


def disagreements(events: list[Event], site: Site) -> list[str]:
    """Where our ledger tells another story than the server."""
    units = {unit["id"]: unit["meta"]["data_unit_key"] for unit in site.server.units(site.collection)}
    ours = dict(site.rows("SELECT server_id, key FROM units WHERE state = 'registered'"))
    checksums: dict[str, set[str]] = defaultdict(set)
    for file in details(events, "data_file", "data_file_again"):
        checksums[file["sha1"]].add(file["checksum"])
    stray = [
        f"the ledger has content {content} as {checksum}"
        for content, checksum in site.rows("SELECT sha1, checksum FROM contents WHERE state = 'present'")
        if checksum not in checksums[content]
    ]
    return [*([f"server {units}, ledger {ours}"] if units != ours else []), *stray]


def left_over(site: Site) -> list[str]:
    """What stands in the ledger only while something is under way."""
    intents = site.rows("SELECT 'intent ' || id FROM intents WHERE resolved_at IS NULL")
    uploads = site.rows("SELECT 'upload of content ' || content FROM uploads")
    return [f"left: {row[0]}" for row in (*intents, *uploads)]
