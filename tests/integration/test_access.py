"""What the mode bits and ACLs are taken to mean is what the kernel does, for files, folders and the way to them."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

from synapse_sync.installation.access import Identity, groups_needed, obstacle

USERS, GROUPS = (0, 2001, 2002), (0, 3001, 3002, 3003)
WHO = [Identity(2001, frozenset({3001})), Identity(2003, frozenset({3001, 3003})), Identity(2003, frozenset({2003}))]
TRY = "import json, os, sys; json.dump([os.access(path, os.R_OK | (os.X_OK if path.endswith('/') else 0)) for path in "


def acl(dice: random.Random, mode: int) -> bytes:
    """An ACL that fits the mode, with a user and a group of its own; tags in the order that the kernel wants."""
    entries = [
        (1, mode >> 6 & 7, 0xFFFFFFFF),
        (2, dice.randrange(8), dice.choice(USERS[1:])),
        (4, dice.randrange(8), 0xFFFFFFFF),
        (8, dice.randrange(8), dice.choice(GROUPS[1:])),
        (16, dice.randrange(8), 0xFFFFFFFF),
        (32, mode & 7, 0xFFFFFFFF),
    ]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def tree(folder: Path, dice: random.Random) -> list[str]:
    """A hundred folders with a file each, of any owner and mode; folders end with a slash."""
    paths = []
    for number in range(100):
        below = folder / str(number)
        below.mkdir()
        (below / "file").touch()
        for path in (below / "file", below):
            mode = dice.choice([0o000, 0o700, 0o750, 0o755, 0o770, 0o705, 0o711, 0o077, dice.randrange(0o1000)])
            os.chown(path, dice.choice(USERS), dice.choice(GROUPS))
            path.chmod(mode)
            if dice.random() < 0.3:
                os.setxattr(path, "system.posix_acl_access", acl(dice, mode))
        paths += [f"{below}/", f"{below}/file"]
    return paths


def kernel_says(paths: list[str], who: Identity) -> list[bool]:
    assert who.user is not None
    result = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", f"{TRY}json.loads(sys.argv[1])], sys.stdout)", json.dumps(paths)],
        capture_output=True, text=True, check=True, user=who.user, group=2009, extra_groups=sorted(who.groups),
    )  # fmt: skip
    answer: list[bool] = json.loads(result.stdout)
    return answer


@pytest.fixture
def share() -> Path:
    """A folder to which every user finds a way, which pytest's own is not."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: who may read what, which takes root to try as other users")
    return Path("/dev/shm")


def test_the_kernel_agrees(share: Path, request: pytest.FixtureRequest) -> None:
    folder = share / f"synapse-sync-{os.getpid()}"
    folder.mkdir(mode=0o755)
    request.addfinalizer(lambda: subprocess.run(["rm", "-r", str(folder)], check=True))
    seed = random.randrange(1000)
    paths = tree(folder, random.Random(seed))
    for who in WHO:
        found = [obstacle(path, who) for path in paths]
        expected = kernel_says(paths, who)
        wrong = [str(found[at] or path) for at, path in enumerate(paths) if (found[at] is None) != expected[at]]
        assert wrong == [], f"seed {seed}, {who}"
        for path, before in zip(paths, found, strict=True):
            helped = who.with_groups(groups_needed(path, who))
            assert before is None or obstacle(path, helped) is None or not (helped.groups - who.groups) or (
                kernel_says([path], helped) == [False]
            )  # fmt: skip
