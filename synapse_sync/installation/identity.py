"""The user that the service will be, and what only that user can find out by trying."""

from __future__ import annotations

import json
import os
import pwd
import subprocess

from synapse_sync.installation.access import Identity
from synapse_sync.installation.place import Place

DYNAMIC = 61184
"""First number that DynamicUser= gives (systemd.exec(5)): the kernel treats all of them alike."""
_LONGEST = 60.0  # seconds; a network folder that hangs must not hang the installation


def identity(place: Place) -> Identity:
    """Who the service runs as: this user; or the machine's user of its name where there is one, else a new one."""
    if place.user:
        return Identity(os.getuid(), frozenset((os.getgid(), *os.getgroups())))
    try:
        known = pwd.getpwnam(place.account)
    except KeyError:
        return Identity(None)
    return Identity(known.pw_uid, frozenset(os.getgrouplist(known.pw_name, known.pw_gid)))


def tried(interpreter: str, paths: list[str], who: Identity) -> dict[str, str]:
    """What this identity can't read, in the system's words; under the interpreter's path: why it does not even start.

    Takes root to become somebody else; for anybody else it is this process' own user that tries.
    """
    user = DYNAMIC if who.user is None else who.user
    become = user if os.geteuid() == 0 else None
    command = [interpreter, "-m", "synapse_sync.installation.probe", *paths]
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": os.defpath},
            timeout=_LONGEST,
            check=False,
            user=become,
            group=become,
            extra_groups=sorted(who.groups) if become is not None else None,
        )
    except OSError as error:
        return {interpreter: error.strerror or "can't be started"}
    except subprocess.TimeoutExpired:
        return dict.fromkeys(paths, f"gives no answer for {_LONGEST:.0f} s")
    if result.returncode != 0:
        said = result.stderr.strip().splitlines()
        return {interpreter: said[-1] if said else f"ended with {result.returncode}"}
    found: dict[str, str] = json.loads(result.stdout)
    return found
