"""What to log in with: a user, private keys, a password; none of them stands in the config."""

from __future__ import annotations

import getpass
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_sync.config import Host, Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Secrets
from synapse_sync.sources.secrets import password_of

if TYPE_CHECKING:
    from paramiko import PKey

NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Keys in ~/.ssh that are tried, as ssh does."""


def user_of(host: Host, access: Remote) -> str:
    """Whom to log in as. Raises SourceUnavailable where nobody says so."""
    try:
        return host.user or access.user or getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise SourceUnavailable("nobody says whom to log in as", hint="write user in [feeds.remote]") from None


@contextmanager
def private_keys(access: Remote, granted: Secrets, *, alone: bool) -> Iterator[Iterable[PKey]]:
    """The keys to try, one after the other: that which the config names alone, else that which is granted, else the
    agent's and those in ~/.ssh.

    alone: a password is given, so no keys are looked for. Raises SourceUnavailable where the named one can't be had.
    """
    if access.key_file is not None:
        yield [_named(access.key_file, password_of(access.key_passphrase_env))]
    elif text := granted.get("private_key"):
        yield [_handed_out(text, granted.get("private_key_passphrase"))]
    elif alone:
        yield ()
    else:
        from paramiko import Agent

        agent = Agent()
        try:
            yield [*agent.get_keys(), *_usual()]
        finally:
            agent.close()


def _named(path: Path, passphrase: str) -> PKey:
    try:
        return _loaded(path, passphrase)
    except OSError as error:
        raise SourceUnavailable(
            f"the key {path} can't be read: {error.strerror}", hint="see that it is there, readable for who runs this"
        ) from error
    except TypeError as error:
        hint = "name the variable that holds its passphrase with key_passphrase_env"
        if passphrase:
            hint = "it has no passphrase: remove key_passphrase_env"
        raise SourceUnavailable(f"the key {path} is kept by a passphrase, or has none", hint=hint) from error
    except Exception as error:
        raise SourceUnavailable(
            f"the key {path} can't be used: it is no private key that is known here, or the passphrase is another",
            hint="see it with ssh-keygen -y; name the variable that holds its passphrase with key_passphrase_env",
        ) from error


def _handed_out(text: str, passphrase: str) -> PKey:
    """A key that the server hands out; what is wrong with it is told without it."""
    from paramiko import ECDSAKey, Ed25519Key, RSAKey, SSHException

    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), passphrase or None)
        except (SSHException, ValueError, TypeError):
            continue  # it is of another kind
    raise SourceUnavailable(
        "the private key that the server has for it is none that is known here, or its passphrase is another",
        hint="have it corrected in Synapse, or name a key of your own with key_file in [feeds.remote]",
    )


def _usual() -> Iterator[PKey]:
    """Those in ~/.ssh that need no passphrase."""
    for name in NAMES:
        path = Path(os.path.expanduser("~/.ssh")) / name
        try:
            yield _loaded(path, "")
        except Exception:  # noqa: BLE001, S112 - missing, foreign or with a passphrase: others may do
            continue


def _loaded(path: Path, passphrase: str) -> PKey:
    from paramiko import PKey

    return PKey.from_path(str(path), passphrase.encode() or None)  # type: ignore[arg-type]  # it takes bytes alone
