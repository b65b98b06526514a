"""The audit that the daemon makes now and then: it repairs nothing, and `status` says what it found."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.assembly import open_destination
from synapse_sync.auditing import DATED, Audit, scheduled_audit
from synapse_sync.config import load, resolve
from synapse_sync.errors import DestinationError
from synapse_sync.ledger import open_for_writing

from .conftest import DIRECTORY, PAIR, Installation
from .test_verify import APIS, delete_unit


def audited(site: Installation, now: float | None = None) -> list[Audit]:
    """One audit as the schedule has it."""
    config = load(Path(site.config))
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(site.ledger, create=False) as ledger,
    ):
        return scheduled_audit(config, ledger, destination, lambda: now or time.time())


def told(site: Installation) -> dict[str, Any]:
    """The only feed in `status --json`."""
    [feed] = site.run("status", "--json").json["feeds"]
    return feed  # type: ignore[no-any-return]


@pytest.fixture
def synced(site: Installation) -> Installation:
    """Two units that are registered."""
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    return site


def test_status_says_when_all_was_there(synced: Installation) -> None:
    assert told(synced)["last_audit"] is None

    audited(synced)

    assert told(synced)["last_audit"]["counts"] == {
        "listed": 2, "ours": 2, "missing": 0, "extra": 0, "different": 0, "lacking": 0
    }  # fmt: skip
    assert "all 2 units are there" in synced.type("status").stdout
    assert synced.type("status").exit_code == 0


@APIS
def test_what_is_missing_needs_attention_until_it_is_made_again(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    delete_unit(site, "p1")

    audited(site)
    audited(site)
    site.sync()

    assert len(site.registered()) == 1, "nothing is repaired"
    assert [(item["kind"], item["what"]) for item in told(site)["attention"]] == [
        ("audit", "1 of 2 units missing on the server")
    ]
    assert site.type("status").exit_code == 1
    site.run("verify", "--repair", "--yes")
    site.sync()
    assert told(site)["attention"] == []
    audited(site)
    assert told(site)["last_audit"]["counts"]["missing"] == 0


def test_it_writes_only_what_is_new(synced: Installation) -> None:
    now = time.time() + 10
    audited(synced, now)
    before = synced.ledger_text()

    audited(synced, now + 60)
    assert synced.ledger_text() == before

    audited(synced, now + DATED)
    assert synced.ledger_text() != before, "the date alone, once a day"
    delete_unit(synced, "p1")
    audited(synced, now + DATED + 1)
    [(counts,)] = synced.rows("SELECT counts FROM audits")
    assert json.loads(counts)["missing"] == 1


def test_an_audit_that_can_not_be_made_leaves_what_the_last_one_found(synced: Installation) -> None:
    audited(synced)
    before = synced.ledger_text()
    synced.server.fault("GET v2/data-units/", "html", times=None)
    synced.server.fault("GET data_units/", "html", times=None)

    with pytest.raises(DestinationError):
        audited(synced)
    assert synced.ledger_text() == before
