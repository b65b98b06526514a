"""Which SSH server is the right one: its key is known, or it is refused, in words that say what to write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_sync.config import Remote
from synapse_sync.errors import SourceUnavailable

if TYPE_CHECKING:
    from paramiko import PKey

PORT = 22
PLACES = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
"""Where OpenSSH keeps the keys that it knows."""

_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostKeys:
    """The keys that one server may have: a pinned one, or those in known_hosts. Reads the files at once.

    Raises SourceUnavailable where a file that the config names can't be read.
    """

    def __init__(self, name: str, port: int, access: Remote) -> None:
        self._pinned = access.host_key
        self._named = access.known_hosts is not None
        self._files = [str(access.known_hosts)] if self._named else [os.path.expanduser(path) for path in PLACES]
        self._place = name if port == PORT else f"[{name}]:{port}"
        self._keys: dict[str, PKey] = {}
        self._revoked: set[str] = set()
        for path in () if self._pinned else self._files:
            for line in self._lines(path):
                self._learn(line)

    def _lines(self, path: str) -> list[str]:
        try:
            return Path(path).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            if not self._named:
                return []
            hint = f"write it: ssh-keyscan {self._place}, once you have seen that its key is the right one"
            raise SourceUnavailable(f"{path}, which known_hosts names, is not there", hint=hint) from None
        except OSError as error:
            hint = "allow the user that runs this to read it"
            raise SourceUnavailable(f"{path} can't be read: {error.strerror}", hint=hint) from error

    def _learn(self, line: str) -> None:
        """One line of known_hosts (sshd(8)). paramiko's own reader fails at the whole file where one is not plain."""
        from paramiko.hostkeys import HostKeyEntry, HostKeys, InvalidHostKey

        mark, _, rest = line.strip().partition(" ")
        if mark == "@revoked":
            self._revoked.add((rest.split() + [""] * 3)[2])
        if not mark or mark[0] in "#@":
            return
        try:
            entry = HostKeyEntry.from_line(line.strip())
        except InvalidHostKey:
            return
        for name in entry.hostnames or () if entry else ():
            hashed = HostKeys.hash_host(self._place, name) if name.startswith("|1|") else self._place
            if entry and entry.key is not None and name == hashed:
                self._keys[entry.key.get_name()] = entry.key

    def preferred(self, types: tuple[str, ...]) -> list[str]:
        """The types of keys to ask for: those that are known come first."""
        known = [name for kind in self._keys for name in (_RSA if kind == "ssh-rsa" else (kind,)) if name in types]
        return [*known, *(name for name in types if name not in known)]

    def check(self, key: PKey) -> None:
        """Raises SourceUnavailable where this is not the key of the right server."""
        shown = f"{key.get_name()} {key.fingerprint}"
        if self._pinned:
            if key.fingerprint != self._pinned:
                raise SourceUnavailable(
                    f"its host key is {shown}, and not the one that host_key names, {self._pinned}",
                    hint=self._changed(key, "host_key in [feeds.remote]"),
                )
            return
        if key.get_base64() in self._revoked:
            raise SourceUnavailable(f"its host key, {shown}, was revoked in {self._shown()}", hint="ask who runs it")
        if not self._keys:
            raise SourceUnavailable(f"its host key is not known: {shown}", hint=self._new(key))
        if self._keys.get(key.get_name()) != key:
            others = ", ".join(f"{known.get_name()} {known.fingerprint}" for known in self._keys.values())
            raise SourceUnavailable(
                f"its host key has changed: it is {shown}, and {self._shown()} has {others}",
                hint=self._changed(key, f"the line of {self._place}"),
            )

    def _new(self, key: PKey) -> str:
        return (
            "if it is what the server itself shows (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub there), write "
            f'host_key = "{key.fingerprint}" in [feeds.remote], or this line in {self._files[0]}: {self._line(key)}'
        )

    def _changed(self, key: PKey, what: str) -> str:
        return (
            f"another machine may answer in its place: ask who runs it. If it was set up anew, replace {what} by "
            + (f'host_key = "{key.fingerprint}"' if self._pinned else self._line(key))
        )

    def _line(self, key: PKey) -> str:
        return f"{self._place} {key.get_name()} {key.get_base64()}"

    def _shown(self) -> str:
        return " or ".join(self._files)
