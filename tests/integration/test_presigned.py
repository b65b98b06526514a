"""Presigned uploads through whole runs: what is kept of them meanwhile, and that nothing of it stays."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from .conftest import DIRECTORY, Installation

learn = import_module("synapse_sync.steps.learn")  # the package has a step of this name
API = pytest.mark.parametrize("api", ["v1", "v2"])
ISSUE = {"v1": "POST data_files/presigned_upload/upload/", "v2": "POST v2/data-collections/{id}/upload-urls/"}
CONFIRM = {
    "v1": "POST data_files/presigned_upload/confirm_upload/",
    "v2": "POST v2/data-collections/{id}/finalize-upload/",
}
LARGE = {"p1/image.png": b"large" * 100_000, "p1/label.json": b"a label"}
SIZE = sum(map(len, LARGE.values()))


def kept(site: Installation) -> list[tuple[object, ...]]:
    return site.rows("SELECT route, offset, parts LIKE '%X-Amz-Signature%' FROM uploads")


@API
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "cut_body"])
def test_a_lost_confirmation_costs_no_bytes_and_no_url_stays_in_the_ledger(
    site: Installation, api: str, fault: str
) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    site.write(LARGE)
    site.server.fault(CONFIRM[api], fault, times=2)

    assert site.sync().exit_code == 0

    assert site.received() <= SIZE + len(LARGE["p1/label.json"]), "small contents keep no place"
    assert len(site.registered()) == 1
    assert kept(site) == []


@API
def test_an_upload_that_one_run_left_is_confirmed_by_the_next(site: Installation, impatient: None, api: str) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    site.write(LARGE)
    site.server.fault(CONFIRM[api], "status", code=503, times=None)
    assert site.sync().exit_code == 1
    assert kept(site) == [("presigned", len(LARGE["p1/image.png"]), 1)]
    assert "X-Amz" not in site.type("ledger", "export").stdout
    site.server.clear_faults()
    site.run("retry", "--all")
    site.server.reset_stats()

    assert site.sync().exit_code == 0

    assert site.received() <= len(LARGE["p1/label.json"])
    assert len(site.registered()) == 1
    assert kept(site) == []


@API
def test_what_goes_wrong_at_the_storage_is_told_without_the_url(site: Installation, impatient: None, api: str) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    site.write(LARGE)
    site.server.fault("PUT object/", "html", times=None)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "by a proxy" in outcome.stdout
    told = outcome.stdout + site.type("status").stdout + site.type("why", str(site.share / "p1/image.png")).stdout
    assert "X-Amz" not in told
    assert site.server.options.token not in told


@API
def test_a_server_that_issued_no_urls_is_asked_again_after_a_day(
    lonely_site: Installation, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """Its storage may be another by then."""
    site = lonely_site
    site.server.options = replace(site.server.options, provider="azure")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    for n in range(2):
        site.write({f"p{n}/image.png": f"image {n}", f"p{n}/label.json": f"label {n}"})
        assert site.sync().exit_code == 0
    asked = site.requests(ISSUE["v1"]) + site.requests(ISSUE["v2"])
    assert asked == (1 if api == "v1" else 2), "once, of each API"
    assert site.requests(CONFIRM[api]) == 0
    site.server.options = replace(site.server.options, provider="amazon_s3")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    site.write({"p3/image.png": "image 3", "p3/label.json": "label 3"})
    assert site.sync().exit_code == 0
    assert site.requests(CONFIRM[api]) == 0

    monkeypatch.setattr(learn, "BELIEVED", 0.0)
    site.write({"p4/image.png": "image 4", "p4/label.json": "label 4"})
    assert site.sync().exit_code == 0

    assert site.requests(CONFIRM[api]) > 0
    assert len(site.registered()) == 4
