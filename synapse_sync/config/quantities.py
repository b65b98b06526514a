"""Durations, sizes and rates as a person types them: "30s", "50MiB", "20MB/s".

Text enters; seconds (float), bytes or bytes per second (int) leave, and the way back for printing. A bare number other
than 0 is refused: nobody can tell whether 30 means seconds or minutes. Units are case-sensitive (KB is 1000 bytes, KiB
1024), because "20Mb" usually means bits. Errors are ValueErrors whose words show what is valid.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS = {"d": Decimal(86400), "h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_BYTES = {"TiB": 2**40, "TB": 10**12, "GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6, "KiB": 2**10, "KB": 10**3}
_LONGEST = 36500 * 86400  # a hundred years: longer waits overflow the system's timers
_DURATION = r"[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)"
_SIZE = r"[0-9]+(\.[0-9]+)? ?(B|kB|[KMGT]B|[KMGT]iB)"
RATE = f"{_SIZE}/s"
"""The pattern of what parse_rate reads, 0 aside."""


def parse_duration(value: object) -> float:
    """Seconds from "500ms", "10s", "5m", "6h", "1d" or 0. Raises ValueError."""
    if _is_zero(value):
        return 0.0
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise ValueError(
            f'{_shown(value)} is not a duration; write a number and a unit: "500ms", "10s", "5m", "6h", "1d"'
        )
    number, unit = _split(value)
    seconds = number * _SECONDS[unit]
    if seconds > _LONGEST:
        raise ValueError(f"{_shown(value)} is too long; the longest duration is 36500d")
    return float(seconds)


def format_duration(seconds: float) -> str:
    """The shortest text that parse_duration reads back as exactly these seconds."""
    exact = Decimal(repr(seconds))
    for unit, factor in _SECONDS.items():
        if exact and exact % factor == 0:
            return f"{exact / factor:f}".removesuffix(".0") + unit
    return f"{exact:f}s" if exact else "0"


def parse_size(value: object) -> int:
    """Bytes from "9KB", "50MiB", "1.5GB", "100B" or 0. Raises ValueError."""
    if _is_zero(value):
        return 0
    if not isinstance(value, str) or not re.fullmatch(_SIZE, value):
        raise ValueError(f'{_shown(value)} is not a size; write a number and a unit: "9KB", "50MiB", "200MB", "2GiB"')
    number, unit = _split(value)
    size = number * _BYTES.get(unit.replace("k", "K"), 1)
    if size != int(size):
        raise ValueError(f"{_shown(value)} is not a whole number of bytes")
    return int(size)


def format_size(size: int) -> str:
    """The shortest text that parse_size reads back as exactly these bytes."""
    exact = [f"{size // factor}{unit}" for unit, factor in _BYTES.items() if size and size % factor == 0]
    return min([*exact, f"{size}B"], key=len) if size else "0"


def parse_rate(value: object) -> int:
    """Bytes per second from "20MB/s", "500KB/s" or 0. Raises ValueError."""
    if _is_zero(value):
        return 0
    if not isinstance(value, str) or not re.fullmatch(RATE, value):
        raise ValueError(f'{_shown(value)} is not a rate; write a size per second: "20MB/s", "500KB/s"')
    return parse_size(value.removesuffix("/s"))


def format_rate(rate: int) -> str:
    """The shortest text that parse_rate reads back as exactly this rate."""
    return f"{format_size(rate)}/s" if rate else "0"


def as_written(text: str) -> Any:
    """A default as the file would have it; validation turns it into its number."""
    return text


def _is_zero(value: object) -> bool:
    return value == "0" or (value == 0 and isinstance(value, int | float) and not isinstance(value, bool))


def _split(text: str) -> tuple[Decimal, str]:
    number = re.match(r"[0-9.]+", text)
    assert number is not None
    return Decimal(number[0]), text[number.end() :].strip()


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _interval(seconds: float) -> float:
    if seconds < 0.1:
        raise ValueError('must be at least "100ms"')
    return seconds


def _json_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(0|{pattern})$", "examples": [example]})


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    _json_schema(_DURATION, "5m"),
]
"""Seconds; text in the file."""

Interval = Annotated[Duration, AfterValidator(_interval)]
"""Seconds between two things, at least 0.1: 0 would never rest."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    _json_schema(_SIZE, "50MiB"),
]
"""Bytes; text in the file."""
