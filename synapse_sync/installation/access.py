"""Who may read what: the mode bits and POSIX ACLs on the way to a path, held against a user who is not there yet.

The service's user is made when it starts, so nothing can be tried as that user before. Reads what stat() and the ACLs
say, changes nothing; the decision itself (may) is pure. What other rules a file system has (a server's own, a FUSE
mount of one user) shows only when something really reads: probe.py does.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

READ, ENTER = 4, 1
_ACL = "system.posix_acl_access"
_USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 2, 4, 8, 16, 32  # tags of its entries, linux/posix_acl.h


@dataclass(frozen=True)
class Identity:
    """A user (None: one that owns nothing here) with all groups that it is in."""

    user: int | None
    groups: frozenset[int] = frozenset()

    def with_groups(self, groups: set[int]) -> Identity:
        """The same user with more groups."""
        return Identity(self.user, self.groups | groups)


@dataclass(frozen=True)
class Rights:
    """What one file or folder grants, as bits of READ and ENTER, with the ACL's mask taken into account.

    groups: (group, bits); a group may stand there twice, as the file's own and as one of the ACL's.
    """

    owner: int
    group: int
    owner_may: int
    others_may: int
    groups: tuple[tuple[int, int], ...]
    users: dict[int, int] = field(default_factory=dict)


class Obstacle(NamedTuple):
    """The first thing on the way to a path that an identity may not enter or read."""

    path: str
    rights: Rights
    mode: int

    def __str__(self) -> str:
        owners = f"{user_name(self.rights.owner)}:{group_name(self.rights.group)}"
        acl = " with an ACL" if self.rights.users or len(self.rights.groups) > 1 else ""
        return f"{self.path} is {stat.S_IMODE(self.mode):04o} {owners}{acl}"


def may(rights: Rights, who: Identity, need: int) -> bool:
    """Whether the kernel lets them, acl(5): the owner's, else the user's, else any group's, else the others' rights."""
    if who.user == 0:
        return True
    if who.user == rights.owner:
        return rights.owner_may & need == need
    if who.user in rights.users:
        return rights.users[who.user] & need == need
    theirs = [granted for group, granted in rights.groups if group in who.groups]
    if theirs:
        return any(granted & need == need for granted in theirs)
    return rights.others_may & need == need


def helpful(rights: Rights, need: int) -> list[int]:
    """Groups that would be let in, the file's own first; never root's: a service that is in it is nearly root."""
    found = {group for group, granted in rights.groups if granted & need == need and group != 0}
    return sorted(found, key=lambda group: (group != rights.group, group))


def obstacle(path: str, who: Identity) -> Obstacle | None:
    """The first obstacle on the way to reading a path, symbolic links included. Raises OSError where it isn't there."""
    for step, need in _way(path):
        found = os.stat(step)
        rights = rights_of(step, found)
        if not may(rights, who, need):
            return Obstacle(step, rights, found.st_mode)
    return None


def groups_needed(path: str, who: Identity) -> set[int]:
    """Groups that take away the obstacles on the way to a path, as far as groups can. Raises OSError."""
    chosen: set[int] = set()
    for step, need in _way(path):
        rights = rights_of(step, os.stat(step))
        if not may(rights, who.with_groups(chosen), need):
            chosen |= set(helpful(rights, need)[:1])
    return chosen


def rights_of(path: str, found: os.stat_result) -> Rights:
    """The rights that a file or folder grants."""
    mode = found.st_mode
    rights = Rights(found.st_uid, found.st_gid, mode >> 6 & 7, mode & 7, ((found.st_gid, mode >> 3 & 7),))
    if mode & 0o070:  # else Linux does not look at the ACL at all (acl_permission_check in fs/namei.c)
        with suppress(OSError):  # no ACL, or a file system without them
            return _with_acl(rights, os.getxattr(path, _ACL))
    return rights


def _with_acl(plain: Rights, acl: bytes) -> Rights:
    entries = list(struct.iter_unpack("<HHI", acl[4:]))
    mask = next((granted for tag, granted, _ in entries if tag == _MASK), 7)
    groups: list[tuple[int, int]] = []
    users: dict[int, int] = {}
    others = plain.others_may
    for tag, granted, number in entries:
        if tag in (_GROUP_OBJ, _GROUP):
            groups.append((plain.group if tag == _GROUP_OBJ else number, granted & mask))
        elif tag == _USER:
            users[number] = granted & mask
        elif tag == _OTHER:
            others = granted
    return Rights(plain.owner, plain.group, plain.owner_may, others, tuple(groups), users)


def _way(path: str) -> Iterator[tuple[str, int]]:
    """Each folder on the way with what is needed of it, and at the end the path itself."""
    seen: set[str] = set()
    for way in (os.path.abspath(path), os.path.realpath(path)):
        folder = os.path.dirname(way)
        parents = [folder]
        while folder != "/":
            folder = os.path.dirname(folder)
            parents.append(folder)
        for parent in reversed(parents):
            if parent not in seen:
                seen.add(parent)
                yield parent, ENTER
    real = os.path.realpath(path)
    yield real, READ | ENTER if os.path.isdir(real) else READ


def user_name(number: int) -> str:
    """A user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """A group's name, or its number where it has none: SupplementaryGroups= takes both."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
