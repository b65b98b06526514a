"""Large files go up in chunks, and go on where they stopped after whatever ended the process."""

from __future__ import annotations

import os
import signal

from .conftest import DIRECTORY, Installation, stored, until

MIB = 1 << 20
CHUNK_ROUTE = "PUT chunked_upload/{id}/"
CHUNKED = '[upload]\nroute = "chunked"\nchunk_size = "8MiB"'
ALL_IN_CHUNKS = '[upload]\nroute = "chunked"\nchunk_size = "1MiB"'


def large(site: Installation, size: int, upload: str) -> bytes:
    """A pair with an image of this size; returns its content."""
    site.configure(extra=DIRECTORY, head=upload)
    content = os.urandom(MIB) * (size // MIB)
    site.write({"p1/image.png": content, "p1/label.json": "a label"})
    return content


def test_a_file_goes_up_in_chunks(site: Installation) -> None:
    content = large(site, 5 * MIB, ALL_IN_CHUNKS)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [{"image_1": stored(content), "label_1": stored("a label")}]
    assert site.requests(CHUNK_ROUTE) == 4, "after the first, which makes the upload"
    assert site.received() == outcome.counts["sent_bytes"] == 5 * MIB + len("a label")
    assert site.rows("SELECT count(*) FROM uploads") == [(0,)]


def test_after_a_kill_an_upload_goes_on_behind_the_last_chunk_that_the_server_has(site: Installation) -> None:
    content = large(site, 60 * MIB, CHUNKED)
    site.server.fault(CHUNK_ROUTE, "delay", times=None, after=3, seconds=600)
    victim = site.process("once")
    until(lambda: site.requests(CHUNK_ROUTE) == 4, "the fifth chunk is on its way")
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert site.rows("SELECT offset FROM uploads") == [(32 * MIB,)]
    assert site.registered() == []
    site.server.clear_faults()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [{"image_1": stored(content), "label_1": stored("a label")}]
    assert outcome.counts["sent_bytes"] == 60 * MIB - 32 * MIB
    assert site.received() == 60 * MIB + len("a label"), "nothing that the server had was sent again"


def test_ctrl_c_parks_a_large_file_after_the_chunk_that_is_on_its_way(site: Installation) -> None:
    content = large(site, 60 * MIB, CHUNKED)
    site.server.fault(CHUNK_ROUTE, "delay", times=None, seconds=0.5)
    interrupted = site.process("once")
    until(lambda: site.requests(CHUNK_ROUTE) >= 2, "some chunks are there")
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, "nothing is lost" in said) == (130, True), said
    assert site.rows("SELECT offset < 60 * 1024 * 1024 FROM uploads") == [(1,)]
    assert site.rows("SELECT max(attempts), max(reason) FROM contents") == [(0, "")], "to be ended is no failure"
    assert site.run("status", "--json").json["feeds"][0]["attention"] == []
    site.server.clear_faults()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [{"image_1": stored(content), "label_1": stored("a label")}]
    assert site.received() == 60 * MIB + len("a label")


def test_a_chunk_whose_answer_was_lost_is_not_sent_again_if_it_arrived(site: Installation) -> None:
    content = large(site, 5 * MIB, ALL_IN_CHUNKS)
    site.server.fault(CHUNK_ROUTE, "drop_after", after=2)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [{"image_1": stored(content), "label_1": stored("a label")}]
    assert site.received() == 5 * MIB + len("a label")
