"""Credentials that the server hands out for one of its storages: held in memory, and shown to nobody.

They stand in no file, ledger, log, message or environment variable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn, Protocol


class Secrets:
    """Named secrets ("access_key", "password"), to be taken out one by one where a connection is made."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str:
        """A secret; "" where there is none of this name."""
        return self._values.get(name, "")

    def give_to(self, keeper: Callable[[str], None]) -> None:
        """Give each of them to what keeps them out of the log, or need not do so any more; a key's parts too."""
        for value in self._values.values():
            keeper(value)
            for part in _parts(value):
                keeper(part)

    def __bool__(self) -> bool:
        return any(self._values.values())

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets stay in this process")


def _parts(secret: str) -> Iterator[str]:
    """What of a secret is one by itself: each line of a key, also of a service account's in JSON; a header's value."""
    try:
        held = json.loads(secret)
    except ValueError:
        held = None
    if isinstance(held, dict) and "private_key" not in held:
        yield from (value for value in held.values() if isinstance(value, str))
        return
    key = held["private_key"] if isinstance(held, dict) else secret
    if isinstance(key, str) and "\n" in key:
        yield from key.splitlines()


NO_SECRETS = Secrets({})


class Grant(Protocol):
    """What a source asks for the credentials of its place. May be asked by several threads."""

    def secrets(self, *, connecting: bool = False) -> Secrets:
        """As they are now, fetched anew before they end.

        connecting: another connection is made, because of a failure unless it is the first: then they are doubted too.
        Raises SourceUnavailable.
        """
