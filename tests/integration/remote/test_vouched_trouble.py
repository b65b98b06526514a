"""What is vouched for in all its cases: a wrong word harms nothing, or is found by `verify --deep`."""

from __future__ import annotations

import hashlib
import json
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from synapse_sync.devserver.store import Database
from synapse_sync.sources import remote_reading
from synapse_sync.sources.s3 import client
from synapse_sync.steps import vouching

from ..conftest import IMAGE, LABEL, Installation, until
from .interference import Asked, Proxy
from .places import Bucket
from .vouched import V2, Begin, Liar, content, md5, vouched_rows


@pytest.fixture
def s3_port(_servers: Callable[[str], int]) -> int:
    """The real one alone: a second service would only do the same again, as none of this is about the service."""
    return _servers("seaweedfs")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.setattr(vouching, "ENOUGH", 4)


def test_units_whose_files_are_all_there_are_registered_without_a_byte_once_the_source_is_believed(
    begin: Begin, bucket: Bucket, proxy: Proxy
) -> None:
    for number in range(10):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    proxy.asked.clear()
    for number in range(10, 20):
        bucket.put(f"{number:02}.png", content(number))
    done = site.sync()
    assert done.exit_code == 0
    assert len(site.units()) == 20
    assert proxy.reads() == []
    assert done.counts["vouched_files"] == 10
    assert site.registered()[-1]["image_1"] in {hashlib.sha1(content(n)).hexdigest() for n in range(20)}


@pytest.mark.parametrize(
    ("checksum", "head", "why"), [("sha1", V2, "read_unknown_by_md5"), ("md5", 'api = "v1"\n', "read_for_sha1")]
)
def test_where_an_md5_says_nothing_to_the_server_everything_is_read_and_the_run_says_why(
    begin: Begin, bucket: Bucket, proxy: Proxy, checksum: str, head: str, why: str
) -> None:
    for number in range(12):
        bucket.put(f"{number:02}.png", content(number))
    site = begin(checksum, [content(number) for number in range(6)], head)
    done = site.sync()
    assert done.exit_code == 0
    assert len(proxy.reads()) == 12
    assert done.counts[why] >= 8
    assert done.counts["sent_files"] == 6


def test_objects_in_parts_and_empty_ones_vouch_for_nothing(begin: Begin, bucket: Bucket, proxy: Proxy) -> None:
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="in/parts.png")["UploadId"]
    place = {"Bucket": bucket.name, "Key": "in/parts.png", "UploadId": upload}
    part = bucket.client.upload_part(**place, PartNumber=1, Body=content(50))
    bucket.client.complete_multipart_upload(
        **place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    site = begin("md5", [content(number) for number in range(6)] + [content(50)])
    site.sync()
    bucket.put("empty.png", b"")
    done = site.sync()
    assert len(site.units()) == 7
    assert done.counts.get("vouched_files", 0) == 0
    assert site.states()["empty"] != "registered"
    run = site.run("runs", "--json").json[-1]
    assert run["counts"]["read_not_vouched_for"] == 1


def test_after_the_first_wrong_word_nothing_more_is_taken_and_what_is_not_sent_yet_is_read(
    begin: Begin, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(monkeypatch)
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    bucket.put("10.png", b"none that the server has")
    liar.said[md5(b"none that the server has")] = "0" * 32
    done = site.sync()
    assert done.exit_code == 1
    assert "wrong MD5" in done.stdout
    proxy.asked.clear()
    bucket.put("11.png", content(11))
    assert site.sync().counts["read_not_believed"] == 1
    assert len(proxy.reads()) == 1
    assert len(site.units()) == 8


def test_an_etag_that_stays_while_the_object_changes_proves_nothing(
    begin: Begin, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(monkeypatch)
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(6)])
    site.sync()
    liar.said[md5(b"other")] = md5(content(1))
    bucket.put("01.png", b"other")
    site.sync()
    assert site.states()["01"] == "registered"
    assert "changed" in json.dumps(site.run("units", "show", "01", "--json").json) or site.reason("01") is not None


def test_equal_contents_are_one_whether_they_were_read_or_vouched_for(
    begin: Begin, bucket: Bucket, proxy: Proxy
) -> None:
    for number in range(8):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    bucket.put("10.png", content(10))
    site.sync()
    assert vouched_rows(site)
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="in/again.png")["UploadId"]
    place = {"Bucket": bucket.name, "Key": "in/again.png", "UploadId": upload}
    part = bucket.client.upload_part(**place, PartNumber=1, Body=content(10))
    bucket.client.complete_multipart_upload(
        **place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    bucket.put("twice.png", content(10))
    assert site.sync().exit_code == 0
    assert site.states()["again"] == "duplicate"
    assert site.states()["twice"] == "duplicate"
    assert md5(content(10)) not in vouched_rows(site)
    assert site.rows(f"SELECT count(*) FROM contents WHERE md5 = '{md5(content(10))}'") == [(1,)]


def test_what_the_server_turns_out_to_lack_is_read_and_sent(begin: Begin, bucket: Bucket, proxy: Proxy) -> None:
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)], specs=(IMAGE, LABEL))
    for number in range(6):
        bucket.put(f"{number:02}.json", b"{}%d" % number)
    site.sync()
    proxy.rule = lambda _asked: None
    bucket.put("10.png", content(10))
    bucket.put("10.json", b"a label")

    def lose(_asked: Asked) -> None:
        for statement in (
            "DELETE FROM units WHERE id IN (SELECT unit FROM unit_files WHERE data_file IN "
            "(SELECT id FROM data_files WHERE checksum = ?))",
            "DELETE FROM data_files WHERE checksum = ?",
        ):
            site.in_backend(lambda db, statement=statement: db.execute(statement, (md5(content(10)),)))

    proxy.rule = lambda asked: lose(asked) if "10.json" in asked.path and asked.method == "GET" else None
    assert site.sync().exit_code == 0
    assert len(site.units()) == 7
    assert hashlib.sha1(content(10)).hexdigest() in {unit["image_1"] for unit in site.registered()}


def trusted_site(begin: Begin, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Six objects proved the bucket right; of two more, taken on its word, one is not what it says."""
    liar = Liar(monkeypatch)
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    bucket.put("10.png", content(10))
    bucket.put("11.png", b"other")
    liar.said[md5(b"other")] = md5(content(11))
    assert site.sync().counts["vouched_files"] == 2
    return site


def test_verify_deep_reads_what_was_taken_on_trust_and_holds_what_is_wrong(
    begin: Begin, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = trusted_site(begin, bucket, monkeypatch)
    assert site.run("verify", "--json").exit_code == 0
    looked = site.run("verify", "--deep", "--json")
    assert looked.exit_code == 1
    assert looked.json["deep"]["read"] == 4  # two of the first six need not be read either
    (wrong,) = looked.json["deep"]["wrong"]
    assert (wrong["path"], wrong["why"]) == (
        "11.png", f"its source vouched for the MD5 {md5(content(11))}, it is {md5(b'other')}",
    )  # fmt: skip
    assert site.states()["11"] == "held"
    assert "forget --registered" in site.reason("11")
    assert vouched_rows(site) == [md5(content(11))]
    assert site.sync().exit_code == 1
    assert site.states()["11"] == "held"
    site.run("forget", "--registered", "scans:11")
    assert site.sync().exit_code == 0
    assert hashlib.sha1(b"other").hexdigest() in {unit["image_1"] for unit in site.registered()}
    again = site.run("verify", "--deep", "--json")
    assert (again.exit_code, again.json["deep"]["read"]) == (0, 0)


def test_a_person_may_leave_what_is_wrong_as_it_is(
    begin: Begin, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = trusted_site(begin, bucket, monkeypatch)
    assert "1 wrong" in site.type("verify", "--deep").stdout
    site.run("retry", "scans:11")
    assert site.sync().exit_code == 0
    assert site.states()["11"] == "registered"
    assert len(site.units()) == 8


def test_the_daemon_records_what_verify_deep_found(
    begin: Begin, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    bucket.put("10.png", content(10))
    site.sync()
    daemon = site.process("run")
    try:
        until(lambda: site.run("status", "--json").json["daemon"], "the daemon answers")
        looked = site.run("verify", "--deep", "--json")
        assert (looked.exit_code, looked.json["deep"]) == (0, {"read": 3, "wrong": [], "unread": []})
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0
        daemon.communicate()
    assert vouched_rows(site) == []


def test_plan_asks_and_why_tells(begin: Begin, bucket: Bucket, proxy: Proxy) -> None:
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20)])
    site.sync()
    for number in range(10, 14):
        bucket.put(f"{number:02}.png", content(number))
    proxy.asked.clear()
    planned = site.run("plan", "--checksum", "--json").json["feeds"][0]
    assert planned["totals"]["to_register"] == 4
    assert planned["totals"]["bytes_to_send"] == 0
    assert proxy.reads() == []
    site.sync()
    said = site.type("why", f"{bucket.url}/10.png").stdout
    assert md5(content(10)) in said
    assert "vouche" in said


def test_a_unit_that_another_program_made_of_other_copies_is_recognised_once_it_is_read(
    begin: Begin, bucket: Bucket, proxy: Proxy
) -> None:
    """The server has the contents under MD5 and SHA-1, and the unit in the collection is made of the latter."""
    for number in range(6):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("mixed", [content(number) for number in range(20)])

    def sha1(number: int) -> str:
        return hashlib.sha1(content(number), usedforsecurity=False).hexdigest()

    def copy(db: Database) -> None:
        for number in range(20):
            db.execute(
                "INSERT INTO data_files (checksum, content, size, name, created) SELECT ?, content, size, name, "
                "created FROM data_files WHERE checksum = ?", (md5(content(number)), sha1(number)),
            )  # fmt: skip

    def move(db: Database) -> None:
        made = "SELECT unit FROM unit_files AS u JOIN data_files AS d ON d.id = u.data_file WHERE d.checksum = ?"
        db.execute(f"UPDATE units SET collection = ? WHERE id IN ({made})", (site.collection, sha1(10)))

    site.in_backend(copy)
    site.in_backend(move)
    bucket.put("10.png", content(10))
    done = site.sync()
    assert done.exit_code == 0
    assert done.counts["vouched_files"] == 3
    assert done.counts["reused"] == 1
    assert len(site.server.units(site.collection)) == 7


@pytest.mark.parametrize("after", [8, 20, 30])
def test_a_killed_process_registers_each_unit_once(begin: Begin, bucket: Bucket, proxy: Proxy, after: int) -> None:
    for number in range(40):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20, 40)])
    started = site.process("once")

    def rule(asked: Asked) -> None:
        if asked.number == after:
            started.send_signal(signal.SIGKILL)

    proxy.rule = rule
    started.communicate()
    proxy.rule = lambda _asked: None
    assert site.sync().exit_code == 0
    assert len(site.units()) == 40
    assert max(Counter(asked.path for asked in proxy.reads()).values()) <= 2
