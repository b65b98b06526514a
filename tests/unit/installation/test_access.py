"""Who may read what: pure decisions over mode bits and ACLs, as in acl(5)."""

from __future__ import annotations

import pytest

from synapse_sync.installation.access import ENTER, READ, Identity, Rights, helpful, may

SCANNER, RADIOLOGY, OTHERS = 1000, 2000, 3000
STRANGER = Identity(None)


def rights(mode: int, *, users: dict[int, int] | None = None, groups: dict[int, int] | None = None) -> Rights:
    return Rights(
        SCANNER, RADIOLOGY, mode >> 6 & 7, mode & 7, ((RADIOLOGY, mode >> 3 & 7), *(groups or {}).items()), users or {}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "who", "allowed"),
    [
        (0o755, STRANGER, True),
        (0o770, STRANGER, False),
        (0o770, Identity(None, frozenset({RADIOLOGY})), True),
        (0o770, Identity(SCANNER), True),
        (0o707, Identity(None, frozenset({RADIOLOGY})), False),  # the group's bits count, not the others'
        (0o077, Identity(SCANNER, frozenset({RADIOLOGY})), False),  # the owner's bits count, not the group's
        (0o711, STRANGER, False),  # may enter, may not list
        (0o000, Identity(0), True),
    ],
)
def test_mode_bits(mode: int, who: Identity, allowed: bool) -> None:
    assert may(rights(mode), who, READ | ENTER) is allowed


def test_any_group_of_an_acl_that_grants_is_enough() -> None:
    found = rights(0o700, groups={OTHERS: 5})
    assert may(found, Identity(None, frozenset({RADIOLOGY, OTHERS})), READ | ENTER)
    assert not may(found, Identity(None, frozenset({RADIOLOGY})), READ | ENTER)


def test_a_user_of_an_acl_has_what_it_says_and_no_more() -> None:
    found = rights(0o755, users={SCANNER + 1: 0})
    assert not may(found, Identity(SCANNER + 1), READ)


def test_the_own_group_helps_first_and_roots_never() -> None:
    assert helpful(rights(0o750, groups={1: 5}), READ | ENTER) == [RADIOLOGY, 1]
    assert helpful(Rights(0, 0, 7, 0, ((0, 5),)), READ) == []
