"""What leaves in a log: no secret, no second line, the fields and the error's class."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Config, resolve
from synapse_sync.errors import CredentialsError, FeedPaused
from synapse_sync.logs.entries import Entry, entry_of, hide, redacted

TOKEN = "syn_0123456789abcdefghijklmnop"


def entry(message: str, *args: object, **extra: Any) -> Entry:
    record = logging.getLogger("synapse_sync.steps").makeRecord(
        "synapse_sync.steps", logging.WARNING, "x.py", 1, message, args, None, extra=extra
    )
    return entry_of(record)


def raised(error: Exception) -> logging.LogRecord:
    """What logging.exception makes of an error."""
    info = (type(error), error, None)
    return logging.getLogger().makeRecord("x", logging.ERROR, "x.py", 1, "%s", (error,), info)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"refused: {TOKEN}", TOKEN),
        (f"Authorization: Token {TOKEN[4:]}", TOKEN[4:]),
        ("{'Authorization': 'Bearer abc.def.ghi-jkl_mno'}", "abc.def.ghi"),
        ("SYNAPSE-ACCESS-TOKEN: Token 5e1f0c", "5e1f0c"),
        ("PUT https://s3/b/k?X-Amz-Signature=a0b1&X-Amz-Credential=AK%2F1 failed", "a0b1"),
        ("PUT https://s3/b/k?X-Amz-Signature=a0b1&X-Amz-Credential=AK%2F1 failed", "AK%2F1"),
        ("https://storage/k?GoogleAccessId=me&Signature=Zm9v", "Zm9v"),
        ("https://x.blob/k?sv=1&sig=Zm9v%3D&se=9", "Zm9v"),
        ("sftp://scan:pa55w0rd@nas/share", "pa55w0rd"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)


def test_the_rest_of_the_message_stays() -> None:
    text = "PUT https://s3/b/k?partNumber=3&X-Amz-Signature=a0b1: connection reset (tokens of kind=sig, 3 se=)"
    assert redacted(text) == text.replace("a0b1", "…")


def test_words_about_a_token_are_no_token() -> None:
    with pytest.raises(CredentialsError) as raised:
        resolve(Config(), {"HOME": "/nowhere"})
    assert redacted(str(raised.value)) == str(raised.value)


def test_a_secret_of_any_shape_can_be_hidden() -> None:
    hide("tr0ub4dor&3")
    assert redacted("it was tr0ub4dor&3!") == "it was …!"


def test_secrets_are_taken_out_of_fields_and_tracebacks_too() -> None:
    record = raised(ValueError(f"bad header {TOKEN}"))
    record.path = f"a/{TOKEN}.png"
    found = entry_of(record)
    assert TOKEN not in repr(found)
    assert found.fields["error_class"] == "ValueError"
    assert any("bad header syn_…" in line for line in found.trace)


def test_an_error_of_ours_has_its_class_and_no_traceback() -> None:
    found = entry_of(raised(FeedPaused("two layouts fit", hint="say which")))
    assert (found.message, found.fields, found.trace) == (
        "two layouts fit (say which)", {"error_class": "FeedPaused"}, ()
    )  # fmt: skip


def test_the_fields_as_text() -> None:
    found = entry("unreadable", feed="scans", unit_key="p1", path=b"p1/\xff.png", error_class="FileUnreadable")
    assert found.fields == {
        "feed": "scans", "unit_key": "p1", "path": "p1/%FF.png", "error_class": "FileUnreadable"
    }  # fmt: skip
    assert entry("unreadable", path=Path("/srv/a b")).fields == {"path": "/srv/a b"}


def test_arguments_that_do_not_fit_lose_nothing() -> None:
    assert "of %d" in entry("%d of %d", 3).message


@given(st.text(), st.text())
def test_a_name_never_begins_a_line_of_its_own(message: str, path: str) -> None:
    found = entry("%s", message, path=path)
    for text in (found.message, *found.fields.values()):
        assert text.isprintable()
        text.encode()
