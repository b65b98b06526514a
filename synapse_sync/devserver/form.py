"""A multipart/form-data body, parsed while it arrives: text in memory, the file's bytes straight to their place."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from synapse_sync.devserver.contents import Arriving, Contents
from synapse_sync.devserver.envelope import Refused
from synapse_sync.devserver.faults import firing

_LONGEST_FIELD = 1 << 20


@dataclass(slots=True)
class Form:
    """What a form held: text fields by name and, if a part named "file" had a file name, that file."""

    fields: dict[str, str] = field(default_factory=dict)
    file: Arriving | None = None
    filename: str = ""

    def drop(self) -> None:
        """Forget the file's bytes unless they have been kept."""
        if self.file is not None:
            self.file.drop()


class _Parts:
    """Callbacks of the parser: sorts what it finds into a Form."""

    def __init__(self, contents: Contents, *, corrupt: bool) -> None:
        self.form = Form()
        self._contents = contents
        self._corrupt = corrupt
        self._header = self._value = b""
        self._disposition = b""
        self._text = bytearray()
        self._name = ""
        self._in_file = False
        self.complete = False

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    def _begin(self) -> None:
        self._header = self._value = self._disposition = b""
        self._text.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = self._name == "file" and b"filename" in options and self.form.file is None
        if self._in_file:
            # Browsers and urllib3 escape nothing but quotes and line ends in a file name (HTML living standard).
            self.form.filename = options[b"filename"].decode("utf-8", "replace").replace("%22", '"')
            self.form.file = self._contents.arriving(corrupt=self._corrupt)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file and self.form.file is not None:
            self.form.file.write(memoryview(data)[start:end])
        elif len(self._text) + end - start <= _LONGEST_FIELD:
            self._text += data[start:end]

    def _end(self) -> None:
        if not self._in_file:
            self.form.fields[self._name] = self._text.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.complete = True


async def read_form(request: Request, contents: Contents) -> Form:
    """The request's form; memory does not depend on the file's size. Raises Refused 400 for a malformed or cut body."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Refused(400, "Multipart form parse error - Invalid boundary in multipart: None")
    parts = _Parts(contents, corrupt=firing(request.scope, "corrupt") is not None)
    parser = parts.parser(options[b"boundary"])
    try:
        async for chunk in request.stream():
            parser.write(chunk)
    except MultipartParseError as error:
        parts.form.drop()
        raise Refused(400, f"Multipart form parse error - {error}") from None
    except ClientDisconnect:
        parts.form.drop()
        raise
    if not parts.complete:
        parts.form.drop()
        raise Refused(400, "Multipart form parse error - the body ends early")
    return parts.form
