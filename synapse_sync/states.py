"""The states of files, contents and units, the moves between them, and the codes that history rows carry. Data only.

file:    seen → settled → grouped → checksummed        aside: unmatched · metadata · superseded · gone · held
content: unknown ⇄ present
unit:    forming → complete → described → ready → registering → registered     aside: incomplete · duplicate · held
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal


class FileState(StrEnum):
    """Where one file stands."""

    SEEN = "seen"  # listed; may still be changing
    SETTLED = "settled"  # unchanged for the feed's settle time; waits to be placed
    GROUPED = "grouped"  # belongs to a unit; its content is not read yet
    CHECKSUMMED = "checksummed"  # its content is known
    UNMATCHED = "unmatched"  # no spec takes it
    METADATA = "metadata"  # a sidecar or table, read for its values
    SUPERSEDED = "superseded"  # its unit went without it, or another file took its place
    GONE = "gone"  # no longer there
    HELD = "held"  # waits for a person


class ContentState(StrEnum):
    """Whether the server is known to have a content."""

    UNKNOWN = "unknown"
    PRESENT = "present"


class UnitState(StrEnum):
    """Where one unit stands."""

    FORMING = "forming"  # a file is missing, or optional ones are waited for
    COMPLETE = "complete"  # its files are fixed
    DESCRIBED = "described"  # its meta is merged and valid
    READY = "ready"  # every content is known and no other unit has the same fingerprint
    REGISTERING = "registering"  # the intent is recorded; the request may be out
    REGISTERED = "registered"  # the server confirmed it, and its task where the feed has a project
    INCOMPLETE = "incomplete"  # forming for longer than incomplete_after
    DUPLICATE = "duplicate"  # another unit with the same fingerprint goes instead
    HELD = "held"  # waits for a person


Account = Literal["registered", "in progress", "aside"]

ACCOUNTS: Mapping[Account, frozenset[str]] = {
    "registered": frozenset({UnitState.REGISTERED}),
    "in progress": frozenset(
        {
            FileState.SEEN,
            FileState.SETTLED,
            FileState.GROUPED,
            FileState.CHECKSUMMED,
            UnitState.FORMING,
            UnitState.COMPLETE,
            UnitState.DESCRIBED,
            UnitState.READY,
            UnitState.REGISTERING,
        }
    ),
    "aside": frozenset(
        {
            FileState.UNMATCHED,
            FileState.METADATA,
            FileState.SUPERSEDED,
            FileState.GONE,
            FileState.HELD,
            UnitState.INCOMPLETE,
            UnitState.DUPLICATE,
            UnitState.HELD,
        }
    ),
}
"""A file's account is that of its unit's state where it has a unit, else of its own: each file has exactly one."""

UNDECIDED_UNITS = (
    UnitState.FORMING,
    UnitState.COMPLETE,
    UnitState.DESCRIBED,
    UnitState.READY,
    UnitState.INCOMPLETE,
    UnitState.DUPLICATE,
    UnitState.HELD,
)
"""States in which nothing has been sent to the server for the unit: its composition may still change."""

FILE_MOVES: Mapping[str, frozenset[str]] = {
    # a changed observation leads back to seen from everywhere; a completed listing without the file to gone
    "seen": frozenset({"settled", "gone"}),
    "settled": frozenset({"grouped", "checksummed", "unmatched", "metadata", "superseded", "held", "seen", "gone"}),
    "grouped": frozenset({"checksummed", "settled", "superseded", "seen", "gone"}),
    "checksummed": frozenset({"settled", "superseded", "grouped", "seen", "gone"}),
    "unmatched": frozenset({"settled", "seen", "gone"}),
    "metadata": frozenset({"settled", "seen", "gone"}),
    "superseded": frozenset({"settled", "grouped", "checksummed", "seen", "gone"}),
    "gone": frozenset({"seen"}),
    "held": frozenset({"settled", "seen", "gone"}),
}

UNIT_MOVES: Mapping[str, frozenset[str]] = {
    "forming": frozenset({"complete", "incomplete", "held"}),
    "complete": frozenset({"described", "forming", "incomplete", "held"}),
    "described": frozenset({"ready", "duplicate", "held", "complete", "forming", "incomplete"}),
    "ready": frozenset(
        {"registering", "registered", "held", "complete", "forming", "incomplete", "described", "duplicate"}
    ),
    "registering": frozenset({"registered", "held", "ready", "forming"}),
    # its metadata changed; the server has it no longer; its source vouched for what is not so
    "registered": frozenset({"registered", "forming", "held"}),
    "incomplete": frozenset({"forming", "complete", "held"}),
    "duplicate": frozenset({"described", "complete", "forming", "incomplete", "held"}),
    # a person's retry: decided anew, or gone on with where the server has it or may have it
    "held": frozenset({"forming", "complete", "incomplete", "described", "ready", "registering"}),
}


class Code(StrEnum):
    """Why a history row was written; the row's detail has the particulars."""

    CHANGED = "changed"  # size, times or inode differ from what was observed
    RETURNED = "returned"  # a gone file is there again
    RENAMED = "renamed"  # the same file under another name
    GONE = "gone"  # a complete listing did not have it
    EXCLUDED = "excluded"  # the filters no longer keep it
    SETTLED = "settled"
    PLACED = "placed"  # its unit is known
    REREAD = "reread"  # a registered unit's file changed: its content is read again before anything is concluded
    UNMATCHED = "unmatched"
    METADATA = "metadata"
    LEFT_OUT = "left_out"  # its unit goes without it
    READ = "read"  # checksums known
    VOUCHED = "vouched"  # its source vouches for its content, which the server has: it need not be read
    UNVOUCHED = "unvouched"  # it is read all the same
    SAME_CONTENT = "same_content"  # read again: the content is what it was
    NEW_CONTENT = "new_content"  # read again: the content is another
    REOPENED = "reopened"  # settings, specs or a person's retry: decided anew
    FORMED = "formed"  # a unit with its first files
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    DESCRIBED = "described"
    READY = "ready"
    DUPLICATE = "duplicate"
    HELD = "held"
    INTENT = "intent"  # recorded before the request goes out
    CREATED = "created"  # the server made it
    REUSED = "reused"  # the server had it already
    REJECTED = "rejected"  # the server refused it
    UNKNOWN = "unknown"  # the answer was lost
    LACKING = "lacking"  # the server says that it lacks a content
    TASK = "task"  # its task exists in the project
    PRESENT = "present"  # the server has the content, and had it before we sent it
    SENT = "sent"  # the server confirmed the content that we sent
    FAILED = "failed"  # an attempt failed; not_before says when the next is due
    META_CHANGED = "meta_changed"  # a registered unit's metadata differs from what was sent
    META_UPDATED = "meta_updated"  # the server has it
    MISSING = "missing"  # the server no longer has it: it is made again
    FORGOTTEN = "forgotten"  # a person wanted it to be new
    DISSOLVED = "dissolved"  # a unit whose files all went elsewhere
