"""What a server says in SFTP: whatever it is, it is an answer, a refusal or a connection that is lost; never an end."""

from __future__ import annotations

import stat
import struct
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry, Refused
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.sftp.session import (
    ATTRS,
    DATA,
    EOF,
    HANDLE,
    NAME,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    STATUS,
    VERSION,
    Session,
)  # fmt: skip

GREETING = struct.pack(">IBI", 5, VERSION, 3)


class Said:
    """A channel on which everything was said before; whoever reads on after its end finds it closed."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def sendall(self, data: bytes) -> None: ...

    def recv(self, amount: int) -> bytes:
        piece, self.said = self.said[:amount], self.said[amount:]
        return piece


def session(*answers: tuple[int, int, bytes]) -> Session:
    """A session that will get these answers: kind, number, content."""
    packets = [struct.pack(">IBI", len(data) + 5, kind, number) + data for kind, number, data in answers]
    return Session(cast("Any", Said(GREETING + b"".join(packets))))


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def attributes(size: int, mode: int, mtime: int) -> bytes:
    return struct.pack(">IQIII", 1 | 4 | 8, size, mode, 0, mtime)


def status(code: int) -> bytes:
    return struct.pack(">I", code) + text(b"said") + text(b"")


def test_entries_come_with_what_is_said_of_them_and_their_names_are_bytes() -> None:
    names = (
        struct.pack(">I", 3)
        + b"".join([text(b"a\xff"), text(b"long"), attributes(5, stat.S_IFREG | 0o644, 7)])
        + b"".join([text(b"d"), text(b"long"), attributes(4096, stat.S_IFDIR | 0o755, 7)])
        + b"".join([text(b"u"), text(b"long"), struct.pack(">I", 0)])
    )
    found, end = session((NAME, 1, names), (STATUS, 2, status(EOF))).entries(b"handle", 2)
    file = Entry(b"a\xff", "file", Observation(5, 7_000_000_000, 0, ""))
    assert found == [file, Entry(b"d", "folder"), Entry(b"u", "unsaid")]
    assert end


def test_reads_are_put_together_in_their_order_whatever_order_the_answers_have() -> None:
    talk = session((DATA, 2, text(b"b" * 10)), (DATA, 1, text(b"a" * 32768)))
    assert talk.read(b"handle", 0, 32778) == b"a" * 32768 + b"b" * 10


def test_nothing_is_skipped_where_a_server_gives_less_than_was_asked_for() -> None:
    talk = session((DATA, 1, text(b"a" * 4096)), (DATA, 2, text(b"b" * 4096)), (DATA, 3, text(b"c" * 4096)))
    assert talk.read(b"handle", 0, 65536) == b"a" * 4096
    assert talk.read(b"handle", 4096, 4096) == b"c" * 4096


@pytest.mark.parametrize("code", [0, 1, NO_SUCH_FILE, PERMISSION_DENIED, 4, 99])
def test_a_status_where_something_was_asked_for_is_a_refusal(code: int) -> None:
    with pytest.raises(Refused) as refused:
        session((STATUS, 1, status(code))).open_folder(b"/a")
    assert (refused.value.gone, refused.value.denied) == (code == NO_SUCH_FILE, code == PERMISSION_DENIED)


@pytest.mark.parametrize(
    "answer", [(HANDLE, 7, text(b"h")), (DATA, 1, text(b"h")), (HANDLE, 1, b"\0\0\0\x09short"), (ATTRS, 1, b"")]
)
def test_what_is_no_answer_to_the_question_is_a_connection_that_is_lost(answer: tuple[int, int, bytes]) -> None:
    with pytest.raises(Lost):
        session(answer).open_folder(b"/a")


def test_a_connection_that_broke_off_once_is_not_used_again() -> None:
    talk = session((DATA, 9, b""), (HANDLE, 2, text(b"h")))
    for _ in range(2):
        with pytest.raises(Lost):
            talk.open_folder(b"/a")
    talk.close(b"h")


@given(st.binary(max_size=200), st.sampled_from(["entries", "read", "look", "open", "open_folder", "real_path"]))
def test_whatever_comes_ends_in_an_answer_a_refusal_or_a_loss(said: bytes, what: str) -> None:
    ask = {
        "entries": lambda talk: talk.entries(b"h", 2),
        "read": lambda talk: talk.read(b"h", 0, 100),
        "look": lambda talk: talk.look(b"/a", follow=True),
        "open": lambda talk: talk.open(b"/a", follow=False),
        "open_folder": lambda talk: talk.open_folder(b"/a"),
        "real_path": lambda talk: talk.real_path(b"/a"),
    }[what]
    with suppress(Lost, Refused):
        ask(Session(cast("Any", Said(GREETING + said))))


@given(st.integers(1, 3), st.binary(max_size=120))
def test_whatever_a_well_numbered_answer_holds_is_no_other_failure(count: int, content: bytes) -> None:
    for kind in (NAME, ATTRS, HANDLE, DATA, STATUS):
        answers = [(kind, number, content) for number in range(1, count + 1)]
        with suppress(Lost, Refused):
            session(*answers).entries(b"h", count)
