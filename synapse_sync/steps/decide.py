"""One unit's row as its files make of it now: formed, completed, held, versioned or dissolved.

A key has at most one *base*, the newest version for which something was sent, and at most one *pending* version after
it, which may still change. Decisions are pure (completeness.judge, versions.compare); this module records them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_sync.grouping.assemble import Draft
from synapse_sync.grouping.completeness import Verdict, judge
from synapse_sync.grouping.versions import Difference, Present, compare
from synapse_sync.ledger import Row, Transaction
from synapse_sync.states import Code, UnitState
from synapse_sync.steps.rows import shown_path
from synapse_sync.steps.work import Work

BEYOND_COMPLETE = frozenset(
    {UnitState.COMPLETE, UnitState.DESCRIBED, UnitState.READY, UnitState.DUPLICATE, UnitState.HELD}
)
CODES = {"complete": Code.COMPLETED, "incomplete": Code.INCOMPLETE, "held": Code.HELD, "forming": Code.FORMED}


@dataclass(frozen=True)
class Bucket:
    """What one bucket holds: its files by id, all versions of its units, and what each is made of by spec."""

    name: str
    files: Mapping[int, Row]
    units: Sequence[Row]
    compositions: Mapping[int, Mapping[str, Row]]

    def versions(self, key: str) -> tuple[Row | None, Row | None]:
        """The base and the pending version of a key."""
        rows = [unit for unit in self.units if unit["key"] == key]
        sent = [unit for unit in rows if unit["sent"]]
        pending = [unit for unit in rows if not unit["sent"]]
        return sent[-1] if sent else None, pending[-1] if pending else None


class Decider:
    """Records the decisions of one batch in its transaction."""

    def __init__(self, work: Work, transaction: Transaction, stamp: Mapping[str, Any]) -> None:
        self._work = work
        self._transaction = transaction
        self._stamp = stamp

    def decide(self, bucket: Bucket, drafts: Sequence[Draft], *, patient: bool) -> None:
        """Bring every unit of a bucket to what its files make of it."""
        for draft in drafts:
            base, pending = bucket.versions(draft.key)
            if base is None:
                self._form(bucket, draft, pending, 1, self._verdict(draft, pending, bucket, patient))
            else:
                self._after_sending(bucket, draft, base, pending, patient)
        keys = {draft.key for draft in drafts}
        for unit in bucket.units:
            if unit["key"] in keys:
                continue
            if unit["sent"]:
                self._transaction.run("keep_unit", id=unit["id"], decide_at=None)
            else:
                self._dissolve(unit)

    def _verdict(self, draft: Draft, unit: Row | None, bucket: Bucket, patient: bool) -> Verdict:
        feed = self._work.feed
        now = self._stamp["now"]
        same = unit is not None and _same_files(draft, bucket, unit["id"])
        return judge(
            draft,
            changed_at=unit["changed_at"] if unit is not None and same else now,
            now=now,
            wait_optional=feed.wait_optional,
            incomplete_after=feed.incomplete_after,
            patient=patient,
        )

    def _after_sending(self, bucket: Bucket, draft: Draft, base: Row, pending: Row | None, patient: bool) -> None:
        """A unit that was sent stays as it is; files that differ follow on_change and late_files."""
        difference = self._difference(bucket, draft, base)
        policy = {"changed": self._work.feed.on_change, "late": self._work.feed.late_files}.get(
            difference.kind, "ignore"
        )
        if pending is not None and pending["approved"] and policy == "hold":
            policy = "new_unit"
        awaited = base["state"] != UnitState.REGISTERED
        # While its answer is awaited it is not due: it is decided again as soon as it is registered.
        self._transaction.run("keep_unit", id=base["id"], decide_at=self._stamp["now"] if awaited else None)
        if policy == "ignore" or awaited:
            self._stay(bucket, draft, base, difference)
            if pending is not None and (difference.kind == "unread" or awaited):
                self._transaction.run("keep_unit", id=pending["id"], decide_at=None)
            elif pending is not None:
                self._dissolve(pending)
            return
        verdict = self._verdict(draft, pending, bucket, patient)
        if policy == "hold" and not draft.problem:
            verdict = Verdict("held", _held_words(difference, draft, bucket, base), None)
        self._form(bucket, draft, pending, base["version"] + 1, verdict, base)

    def _difference(self, bucket: Bucket, draft: Draft, base: Row) -> Difference:
        sent = {spec: row["content"] for spec, row in bucket.compositions[base["id"]].items()}
        rows = {spec: bucket.files[file] for spec, file in draft.files.items()}
        difference = compare(sent, {spec: Present(row["content"], bool(row["current"])) for spec, row in rows.items()})
        known = {row["file"] for row in bucket.compositions[base["id"]].values()} | draft.left_out.keys()
        if difference.kind == "same" and draft.problem and not known.issuperset(draft.members):
            return Difference("late")
        return difference

    def _stay(self, bucket: Bucket, draft: Draft, base: Row, difference: Difference) -> None:
        """Files join the unit that was sent; those that it went without are left out.

        One that stands where another was sent is read before anything is concluded.
        """
        composition = bucket.compositions[base["id"]]
        sent = {row["file"] for row in composition.values()}
        unread = {
            file for spec, file in draft.files.items() if spec in composition and not bucket.files[file]["current"]
        }
        for file in draft.members:
            late = difference.kind == "late" and file not in sent and base["state"] == UnitState.REGISTERED
            if late or file in draft.left_out:
                words = draft.left_out.get(file, 'it came after its unit was registered (late_files = "ignore")')
                self._transaction.run("leave_out", id=file, reason=words, **self._stamp)
            elif file in unread:
                self._transaction.run("read_for_unit", id=file, unit=base["id"], **self._stamp)
            else:
                self._join(bucket, file, base["id"])

    def _form(
        self, bucket: Bucket, draft: Draft, unit: Row | None, version: int, verdict: Verdict, base: Row | None = None
    ) -> None:
        """Make or bring up to date the version that may still change."""
        if unit is None:
            unit = self._transaction.one(
                "add_unit", feed=self._work.id, key=draft.key, version=version, bucket=bucket.name,
                now=self._stamp["now"], destination=self._work.destination.name, collection=self._work.collection.id,
            )  # fmt: skip
        same = _same_files(draft, bucket, unit["id"])
        self._give_files(bucket, draft, unit["id"], verdict, base)
        if verdict.state == unit["state"] and verdict.reason == unit["reason"] and same:
            self._transaction.run("keep_unit", id=unit["id"], decide_at=verdict.decide_again_at)
            return
        unread = unit["state"] in ("ready", "duplicate", "held") and not self._all_current(bucket, draft)
        stands = unit["state"] in BEYOND_COMPLETE and unit["completed_at"] is not None and not unread
        if verdict.state == "complete" and same and stands:
            self._transaction.run("keep_unit", id=unit["id"], decide_at=None)
            return
        if not same:
            self._write_composition(bucket, draft, unit["id"])
        self._transaction.run(
            "decide_unit", id=unit["id"], became=verdict.state, reason=verdict.reason, code=CODES[verdict.state],
            changed_at=unit["changed_at"] if same else self._stamp["now"],
            decide_at=verdict.decide_again_at, **self._stamp,
        )  # fmt: skip

    def _give_files(self, bucket: Bucket, draft: Draft, unit: int, verdict: Verdict, base: Row | None) -> None:
        """Files join the unit; those of the base that are as they were sent stay with it."""
        kept = {row["file"]: row["content"] for row in bucket.compositions[base["id"]].values()} if base else {}
        for file in draft.members:
            row = bucket.files[file]
            if file in draft.left_out and verdict.state == "complete":
                self._transaction.run("leave_out", id=file, reason=draft.left_out[file], **self._stamp)
            elif base is not None and file in kept and kept[file] == row["content"]:
                self._join(bucket, file, base["id"])
            else:
                self._join(bucket, file, unit)

    def _join(self, bucket: Bucket, file: int, unit: int) -> None:
        row = bucket.files[file]
        if row["unit"] != unit or row["state"] not in ("grouped", "checksummed"):
            self._transaction.run("join_unit", id=file, unit=unit, **self._stamp)

    def _write_composition(self, bucket: Bucket, draft: Draft, unit: int) -> None:
        if bucket.compositions[unit]:
            self._transaction.run("clear_unit_files", unit=unit)
        for spec, file in draft.files.items():
            self._transaction.run("add_unit_file", unit=unit, spec=spec, file=file, path=shown_path(bucket.files[file]))

    def _all_current(self, bucket: Bucket, draft: Draft) -> bool:
        return all(bucket.files[file]["current"] for file in draft.files.values())

    def _dissolve(self, unit: Row) -> None:
        self._transaction.run("release_files", unit=unit["id"])
        self._transaction.run("clear_unit_files", unit=unit["id"])
        self._transaction.run("forget_intents", unit=unit["id"])
        self._transaction.run("dissolve_unit", id=unit["id"])


def _same_files(draft: Draft, bucket: Bucket, unit: int) -> bool:
    """Whether the unit is made of these files, under the names that they have now."""
    composition = {spec: (row["file"], row["path"]) for spec, row in bucket.compositions[unit].items()}
    return composition == {spec: (file, shown_path(bucket.files[file])) for spec, file in draft.files.items()}


def _held_words(difference: Difference, draft: Draft, bucket: Bucket, base: Row) -> str:
    """Why a person is asked, naming each file."""
    named = ", ".join(f"{spec} ({shown_path(bucket.files[draft.files[spec]])})" for spec in difference.specs)
    option, verb = ("on_change", "changed") if difference.kind == "changed" else ("late_files", "arrived")
    return (
        f"{named} {verb} after the unit was registered as {base['server_id']}; "
        f'`retry` registers it as a new unit, {option} = "new_unit" or "ignore" decides for all'
    )
