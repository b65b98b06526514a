"""Collections that have units already, of another program or of a ledger that was lost: none of them is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from synapse_sync.devserver import DevServer, Options
from synapse_sync.steps import adopt, backoff

from .conftest import DIRECTORY, STEM, Installation, stored

V1, V2 = 'api = "v1"', 'api = "v2"'
APIS = pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
FILES = {f"p{n:02}/{name}": f"{name} {n}" for n in range(12) for name in ("image.png", "label.json")}
NAMES = {"image_1": "image.png", "label_1": "label.json"}
ONE = {"p00/image.png": "image.png 0", "p00/label.json": "label.json 0"}
REGISTERED = {"image_1": stored("image.png 0"), "label_1": stored("label.json 0")}

SWITCHES: dict[str, dict[str, Any]] = {
    "usual": {},
    "by MD5": {"checksum": "md5"},
    "by SHA-1": {"checksum": "sha1"},
    "no filters": {"v1_filters": False},
    "oldest first": {"v1_order": "oldest"},
    "no times": {"v1_created": False},
    "results": {"v1_reply": "results"},
    "small pages": {"page_limit": 10},
    "small questions": {"verify_limit": 100},
    "no question": {"verify": False},
    "bare v2": {"envelope": False},
    "files only": {"v1_listing": "files"},
    "no presigning": {"provider": "azure"},
    "v2 does not know v1's": {"v2_knows_v1": False},
    "everything": {
        "checksum": "sha1", "v1_filters": False, "v1_order": "oldest", "v1_created": False, "v1_reply": "results",
        "page_limit": 10, "verify": False, "envelope": False, "v1_listing": "files", "v2_knows_v1": False,
    },
}  # fmt: skip
EVERY_SWITCH = pytest.mark.parametrize("options", SWITCHES.values(), ids=SWITCHES)


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes an installation whose backend has these options."""
    with ExitStack() as ends:
        yield lambda **options: Installation(
            tmp_path, ends.enter_context(DevServer(Options(data=tmp_path / "backend", **options)))
        )


class Sdk:
    """What another program does to the collection: the official way of uploading and registering, through v1."""

    def __init__(self, site: Installation) -> None:
        self._url = site.server.url
        self._collection = site.collection
        self._headers = {"Synapse-Access-Token": f"Token {site.server.options.token}"}

    def send(self, content: str, *, presigned: bool = False) -> str:
        """Upload a content; returns what the server calls it."""
        if not presigned:
            return str(self._post("data_files/", files={"file": ("a", content)})["checksum"])
        size = len(content)
        (place,) = self._post("data_files/presigned_upload/upload/", json={"files": [{"filename": "a", "size": size}]})[
            "files"
        ]
        requests.put(place["presigned_url"], content.encode(), timeout=10).raise_for_status()
        file = {"file_key": place["file_key"], "checksum": stored(content), "size": size}
        (result,) = self._post("data_files/presigned_upload/confirm_upload/", json={"files": [file]})["results"]
        return str(result["checksum"])

    def register(self, unit: str, checksums: dict[str, str], **meta: object) -> None:
        """Make a unit: absolute paths, and meta that says nothing of us."""
        files = {
            spec: {"checksum": checksum, "path": f"/mnt/nas/{unit}/{NAMES.get(spec, spec)}"}
            for spec, checksum in checksums.items()
        }
        meta = {"origin_file_stem": unit, "origin_file_extension": ".png", "created_at": "2026-01-01T00:00:00", **meta}
        self._post("data_units/", json=[{"data_collection": self._collection, "files": files, "meta": meta}])

    def upload(self, files: dict[str, str]) -> None:
        """Upload and register all units of FILES."""
        for unit in sorted({path.partition("/")[0] for path in files}):
            contents = {spec: files[f"{unit}/{name}"] for spec, name in NAMES.items()}
            self.register(unit, {spec: self.send(content) for spec, content in contents.items()})

    def _post(self, path: str, **body: Any) -> Any:
        answer = requests.post(f"{self._url}/{path}", headers=self._headers, timeout=10, **body)
        answer.raise_for_status()
        return answer.json()


def lose_ledger(site: Installation) -> None:
    """Somebody deletes it, or its disk is gone."""
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    site.server.reset_stats()


def units_of(site: Installation) -> list[dict[str, Any]]:
    return site.server.units(site.collection)


# --- Units of another program


@APIS
@EVERY_SWITCH
def test_units_of_another_program_are_taken_over_and_not_a_byte_is_sent(
    site_of: Callable[..., Installation], api: str, options: dict[str, Any]
) -> None:
    site = site_of(**options)
    site.configure(extra=DIRECTORY, head=api)
    Sdk(site).upload(FILES)
    before = units_of(site)
    site.write({**FILES, "new/image.png": "new", "new/label.json": "label of it"})
    site.server.reset_stats()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert (outcome.counts["reused"], outcome.counts["registered"]) == (12, 1)
    assert [unit for unit in units_of(site) if unit in before] == before
    assert len(units_of(site)) == 13
    assert set(site.states().values()) == {"registered"}
    assert site.received() == len("new") + len("label of it")
    assert site.sync().exit_code == 0
    assert len(units_of(site)) == 13


@pytest.mark.parametrize("listing", ["meta", "bare"])
def test_where_v1_does_not_show_what_they_are_made_of_the_feed_waits_for_a_persons_word(
    site_of: Callable[..., Installation], listing: str
) -> None:
    site = site_of(v1_listing=listing)
    site.configure(extra=DIRECTORY, head=V1)
    Sdk(site).upload(FILES)
    site.write(FILES)

    for _ in range(2):
        outcome = site.sync()
        assert outcome.exit_code == 1
        paused = outcome.feed["paused"]
        assert f"data collection {site.collection} has 12 units that this ledger does not know" in paused
        assert 'existing = "ignore"' in paused
        assert len(units_of(site)) == 12

    site.configure(extra=DIRECTORY, head=V1, feed='existing = "ignore"')
    assert site.sync().exit_code == 0
    assert len(units_of(site)) == 24
    assert set(site.states().values()) == {"registered"}


@pytest.mark.parametrize("listing", ["meta", "bare"])
def test_v2_recognises_them_whatever_v1_shows(site_of: Callable[..., Installation], listing: str) -> None:
    site = site_of(v1_listing=listing)
    site.configure(extra=DIRECTORY, head=V2)
    Sdk(site).upload(ONE)
    site.write(ONE)

    assert site.sync().exit_code == 0

    assert len(units_of(site)) == 1


@pytest.mark.parametrize("refusal", [{"code": 404, "body": {"detail": "Not found."}}, {"code": 403, "body": {}}])
def test_v2_goes_on_where_v1_shows_no_units_at_all(site: Installation, refusal: dict[str, Any]) -> None:
    """It is asked once a run, and only where there is something to register."""
    site.configure(extra=DIRECTORY, head=V2 + "\n[upload]\nbatch_size = 1")
    Sdk(site).upload(ONE)
    site.write(FILES)
    site.server.fault("GET data_units/", "status", times=None, **refusal)
    site.server.reset_stats()

    assert site.sync().exit_code == 0

    assert site.requests("GET data_units/") == 1
    assert len(units_of(site)) == 12
    assert site.sync().exit_code == 0
    assert site.requests("GET data_units/") == 1


def test_what_v1_did_not_show_to_v2_is_not_taken_for_seen_by_v1(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V2)
    Sdk(site).upload(ONE)
    site.write({"new/image.png": "new", "new/label.json": "label of it"})
    site.server.fault("GET data_units/", "status", code=404, body={"detail": "Not found."}, times=None)
    assert site.sync().exit_code == 0
    site.server.clear_faults()
    site.write(ONE)
    site.configure(extra=DIRECTORY, head=V1)

    assert site.sync().exit_code == 0

    assert len(units_of(site)) == 2


@APIS
def test_a_collection_is_looked_through_once_for_each_ledger(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api)
    Sdk(site).upload(FILES)
    for n in range(3):
        site.write({f"new{n}/image.png": f"new {n}", f"new{n}/label.json": f"label of {n}"})
        assert site.sync().exit_code == 0

    assert site.requests("GET data_units/") == 1
    assert len(units_of(site)) == 15


def found_long_ago(site: Installation, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """The collection was looked through more than a day ago, and has had ONE by then."""
    site.configure(extra=DIRECTORY, head=api)
    Sdk(site).upload(FILES)
    site.write({"new/image.png": "new", "new/label.json": "label of it"})
    assert site.sync().exit_code == 0
    monkeypatch.setattr(adopt, "LONG", -1.0)
    site.write(ONE)


@APIS
def test_a_unit_that_was_found_and_then_deleted_is_made(
    site: Installation, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    found_long_ago(site, monkeypatch, api)
    first = units_of(site)[0]["id"]
    site.in_backend(lambda db: db.execute("DELETE FROM units WHERE id = ?", (first,)))

    assert site.sync().exit_code == 0

    assert site.registered().count(REGISTERED) == 1
    assert len(units_of(site)) == 13


@APIS
@pytest.mark.parametrize("route", ["usual", "not there"])
def test_a_unit_that_was_found_long_ago_is_taken_over_all_the_same(
    site: Installation, monkeypatch: pytest.MonkeyPatch, api: str, route: str
) -> None:
    """What does not show one unit alone may have it: then the collection tells."""
    found_long_ago(site, monkeypatch, api)
    if route == "not there":
        for one in ("GET data_units/{id}/", "GET v2/data-units/{id}/"):
            site.server.fault(one, "status", code=404, body={"detail": "Not found."}, times=None)
    before = units_of(site)

    assert site.sync().exit_code == 0

    assert units_of(site) == before
    assert site.requests("GET data_units/") == (1 if route == "usual" else 2)


@APIS
def test_units_are_made_without_regard_to_others_where_a_person_wants_that(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, feed='existing = "ignore"')
    Sdk(site).upload(ONE)
    site.write(ONE)

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED] * (2 if api == V1 else 1), "v2 keeps one of each by itself"
    assert site.requests("GET data_units/") == 0


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "partial"])
@pytest.mark.parametrize("listing", ["full", "meta"])
def test_on_v1_a_lost_answer_is_not_that_of_an_equal_unit_of_others_which_are_ignored(
    site_of: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch, fault: str, listing: str
) -> None:
    """Its meta has no sync key of ours."""
    monkeypatch.setattr(backoff, "AT_WORK", 0.0)
    site = site_of(v1_listing=listing)
    site.configure(extra=DIRECTORY, head=V1, feed='existing = "ignore"')
    Sdk(site).upload(FILES)
    others = {unit["id"] for unit in units_of(site)}
    site.write(FILES)
    parameters = {"count": 5, "code": 400} if fault == "partial" else {}
    site.server.fault("POST data_units/", fault, **parameters)

    assert site.sync().exit_code == 0

    assert len(units_of(site)) == 24
    ours = {row[0] for row in site.rows("SELECT server_id FROM units")}
    assert len(ours) == 12
    assert not ours & others


def test_a_unit_of_ours_is_found_by_its_files_where_its_meta_had_no_place_for_a_sync_key(
    site_of: Callable[..., Installation],
) -> None:
    site = site_of()
    site.configure(
        extra=DIRECTORY,
        head=V1,
        feed='existing = "ignore"',
        schema={"properties": {"data_unit_key": {}}, "additionalProperties": False},
    )
    site.write(ONE)
    site.server.fault("POST data_units/", "drop_after")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]


@APIS
@pytest.mark.parametrize("again", [False, True], ids=["one address", "two addresses"])
@pytest.mark.parametrize("presigned", ["", "image_1", "label_1", "image_1 label_1"])
def test_a_unit_is_recognised_whichever_way_its_files_went_up(
    site: Installation, api: str, presigned: str, again: bool
) -> None:
    """The way decides the algorithm, and a server may have the same bytes under both (protocol §3)."""
    site.configure(extra=DIRECTORY, head=api)
    sdk = Sdk(site)
    contents = {spec: ONE[f"p00/{name}"] for spec, name in NAMES.items()}
    sdk.register("p00", {spec: sdk.send(content, presigned=spec in presigned) for spec, content in contents.items()})
    if again:
        for spec, content in contents.items():
            sdk.send(content, presigned=spec not in presigned)
    site.write(ONE)

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert set(site.states().values()) == {"registered"}


@pytest.mark.parametrize("change", ["one file more", "one file less", "another file"])
def test_a_unit_that_has_some_of_the_files_is_another_unit(site: Installation, change: str) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    sdk = Sdk(site)
    sums = {spec: sdk.send(ONE[f"p00/{name}"]) for spec, name in NAMES.items()}
    other = sdk.send("something else")
    if change == "one file less":
        site.change_collection(specs=[{"name": "image_1", "file_type": "image", "is_required": True}])
        sdk.register("p00", {"image_1": sums["image_1"]})
        site.change_collection(
            specs=[{"name": spec, "file_type": kind, "extensions": [f".{name.partition('.')[2]}"], "is_required": True}
                   for (spec, name), kind in zip(NAMES.items(), ("image", "document"), strict=True)]
        )  # fmt: skip
    else:
        sdk.register("p00", {**sums, **({"dicom_1": other} if change == "one file more" else {"label_1": other})})
    site.write(ONE)

    assert site.sync().exit_code == 0

    assert REGISTERED in site.registered()
    assert len(units_of(site)) == 2


# --- A ledger that was lost


@APIS
@EVERY_SWITCH
def test_a_lost_ledger_costs_neither_bytes_nor_units(
    site_of: Callable[..., Installation], api: str, options: dict[str, Any]
) -> None:
    site = site_of(**options)
    site.configure(extra=DIRECTORY, head=api)
    site.write(FILES)
    site.sync()
    before = units_of(site)
    assert len(before) == 12
    lose_ledger(site)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["reused"] == 12
    assert units_of(site) == before
    assert site.received() == 0
    assert set(site.states().values()) == {"registered"}


def test_on_v1_our_units_are_recognised_by_their_sync_key_alone(site_of: Callable[..., Installation]) -> None:
    site = site_of(v1_listing="meta")
    site.configure(extra=DIRECTORY, head=V1)
    site.write(FILES)
    site.sync()
    lose_ledger(site)

    assert site.sync().exit_code == 0

    assert len(units_of(site)) == 12


def test_on_v1_a_lost_ledger_of_which_nothing_shows_pauses_the_feed(site_of: Callable[..., Installation]) -> None:
    site = site_of(v1_listing="bare")
    site.configure(extra=DIRECTORY, head=V1)
    site.write(ONE)
    site.sync()
    lose_ledger(site)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "has 1 units that this ledger does not know" in outcome.feed["paused"]
    assert site.registered() == [REGISTERED]


@APIS
@pytest.mark.parametrize("known", [True, False], ids=["v2 knows v1's", "v2 does not know v1's"])
def test_units_are_recognised_whichever_api_the_next_ledger_goes_through(
    site_of: Callable[..., Installation], api: str, known: bool
) -> None:
    site = site_of(v2_knows_v1=known)
    site.configure(extra=DIRECTORY, head=V2 if api == V1 else V1)
    site.write(ONE)
    site.sync()
    lose_ledger(site)
    site.configure(extra=DIRECTORY, head=api)

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]


@APIS
def test_a_lost_ledger_makes_no_second_task(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write(FILES)
    site.sync()
    assert len(site.server.tasks(site.project)) == 12
    lose_ledger(site)

    assert site.sync().exit_code == 0

    assert len(site.server.tasks(site.project)) == 12
    assert set(site.states().values()) == {"registered"}


@APIS
def test_units_of_another_program_get_the_task_that_they_lack(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    Sdk(site).upload(FILES)
    site.write(FILES)

    assert site.sync().exit_code == 0

    assert sorted(task["data_unit"] for task in site.server.tasks(site.project)) == sorted(
        unit["id"] for unit in units_of(site)
    )
    assert len(units_of(site)) == 12


# --- The same units under other names


def renamed(site: Installation) -> str:
    config = (site.folder / "config.toml").read_text()
    (site.folder / "config.toml").write_text(config.replace('name = "scans"', 'name = "pictures"'))
    return DIRECTORY


def moved(site: Installation) -> str:
    for folder in sorted(site.share.glob("p*")):
        folder.rename(site.share / f"moved-{folder.name}")
    return DIRECTORY


def regrouped(site: Installation) -> str:
    for path in sorted(site.share.glob("p*/*")):
        path.rename(site.share / f"{path.parent.name}{path.suffix}")
    return STEM


@APIS
@pytest.mark.parametrize("ledger", ["kept", "lost"])
@pytest.mark.parametrize("change", [renamed, moved, regrouped])
def test_the_same_files_under_other_names_are_the_same_units(
    site: Installation, api: str, ledger: str, change: Callable[[Installation], str]
) -> None:
    site.configure(extra=DIRECTORY, head=api)
    site.write(FILES)
    site.sync()
    before = units_of(site)
    grouping = change(site)
    if grouping != DIRECTORY:
        site.configure(extra=grouping, head=api)
    if ledger == "lost":
        lose_ledger(site)

    assert site.sync().exit_code == 0

    assert units_of(site) == before
    assert set(site.states().values()) <= {"registered", "duplicate"}


TWINS = {f"{unit}/{name}": f"{name} of both" for unit in ("p1", "p2") for name in ("image.png", "label.json")}


@pytest.mark.parametrize("listing", ["full", "files", "meta"])
def test_where_every_key_is_registered_a_lost_ledger_finds_each_key_once(
    site_of: Callable[..., Installation], listing: str
) -> None:
    site = site_of(v1_listing=listing)
    site.configure(extra=DIRECTORY, head=V1, feed='duplicates = "register"')
    site.write(TWINS)
    site.sync()
    before = units_of(site)
    assert len(before) == 2
    lose_ledger(site)
    site.write({f"p3/{name}": f"{name} of both" for name in NAMES.values()})

    assert site.sync().exit_code == 0

    assert units_of(site)[:2] == before
    assert len(units_of(site)) == 3
    ours = {row[0]: row[1] for row in site.rows("SELECT key, server_id FROM units")}
    if listing != "files":  # where keys are not shown, any one of them will do
        assert {key: ours[key] for key in ("p1", "p2")} == {
            unit["meta"]["data_unit_key"]: unit["id"] for unit in before
        }


def test_where_every_key_is_registered_only_equal_keys_are_taken_over(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, feed='duplicates = "register"')
    sdk = Sdk(site)
    sums = {spec: sdk.send(ONE[f"p00/{name}"]) for spec, name in NAMES.items()}
    for meta in ({}, {"data_unit_key": "another"}, {"data_unit_key": "p00"}):
        sdk.register("p00", sums, **meta)
    site.write({**ONE, **{path.replace("p00", "p01"): content for path, content in ONE.items()}})

    outcome = site.sync()

    assert (outcome.exit_code, outcome.counts["reused"], outcome.counts["registered"]) == (0, 1, 1)
    keys = [unit["meta"].get("data_unit_key") for unit in units_of(site)]
    assert keys == [None, "another", "p00", "p01"]


# --- Contents of others


@APIS
@pytest.mark.parametrize("provider", ["amazon_s3", "azure"])
@pytest.mark.parametrize("scope", ["tenant", "usable"])
@pytest.mark.parametrize("unknown", ["reject", "drop"])
def test_a_content_that_only_others_may_use_is_sent_and_goes(
    site_of: Callable[..., Installation],
    monkeypatch: pytest.MonkeyPatch,
    api: str,
    provider: str,
    scope: str,
    unknown: str,
) -> None:
    monkeypatch.setattr(backoff, "AT_WORK", 0.0)
    site = site_of(verify_scope=scope, provider=provider, v1_unknown=unknown)
    site.configure(extra=DIRECTORY, head=api)
    for algorithm in ("md5", "sha1"):
        site.server.add_foreign(b"image.png 0", algorithm)
    site.write({**ONE, "p01/image.png": "image.png 1", "p01/label.json": "label.json 1"})

    outcome = site.sync()

    assert outcome.exit_code == 0, outcome.stdout
    assert REGISTERED in site.registered()
    assert len(units_of(site)) == 2
    once = sum(map(len, ("image.png 0", "label.json 0", "image.png 1", "label.json 1")))
    untold = api == V1 and scope == "tenant" and unknown == "drop"  # which of the unit's contents it was
    assert site.received() == once + untold * len("label.json 0")


@pytest.mark.parametrize("kind", ["html", "status", "drop_before"])
def test_a_failed_attempt_does_not_bring_the_servers_wrong_word_back(
    site_of: Callable[..., Installation], impatient: None, kind: str
) -> None:
    """It said that it has the content, then that it hasn't: to ask it again would hold the unit."""
    site = site_of(verify_scope="tenant", provider="azure")
    site.configure(extra=DIRECTORY, head=V1)
    for algorithm in ("md5", "sha1"):
        site.server.add_foreign(b"image.png 0", algorithm)
    site.write(ONE)
    site.server.fault("POST data_files/", kind, after=1)
    assert site.sync().exit_code == 1
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]


def test_on_v1_a_collection_that_cannot_be_looked_through_pauses_the_feed(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(ONE)
    site.server.fault("GET data_units/", "status", code=404, body={"detail": "Not found."}, times=None)

    assert site.sync().exit_code == 1

    assert "can't be seen" in site.run("status", "--json").json["feeds"][0]["paused"]
    assert site.registered() == []
    site.configure(extra=DIRECTORY, head=V1, feed='existing = "ignore"')
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
