"""When a unit is complete, waits, gives up waiting, or needs a person."""

from __future__ import annotations

from dataclasses import replace

from synapse_sync.grouping.assemble import Draft
from synapse_sync.grouping.completeness import Verdict, judge

BOTH = {"image_1": 1, "label_1": 2}


def draft(
    files: dict[str, int], missing: tuple[str, ...] = (), optional: tuple[str, ...] = (), problem: str = ""
) -> Draft:
    return Draft(
        "a", files, missing, optional, problem, tuple(sorted(files.values())), {}, {"label_1": "a.json is empty"}
    )


def judged(unit: Draft, after: float, *, patient: bool = True) -> Verdict:
    """The verdict so many seconds after the unit's last change, waiting 300 s for optional files, 1000 s in all."""
    return judge(unit, changed_at=50.0, now=50.0 + after, wait_optional=300, incomplete_after=1000, patient=patient)


def test_a_unit_with_all_its_specs_is_complete_at_once() -> None:
    assert judged(draft(BOTH), after=0) == Verdict("complete", "", None)


def test_optional_files_are_waited_for_and_then_done_without() -> None:
    unit = draft(BOTH, optional=("dicom_1",))
    assert judged(unit, after=299.9) == Verdict("forming", "waits for dicom_1 (optional)", 350.0)
    assert judged(unit, after=300) == Verdict("complete", "goes without dicom_1 (optional)", None)


def test_nobody_waits_for_optional_files_in_a_single_run() -> None:
    unit = draft(BOTH, optional=("dicom_1",))
    assert judged(unit, after=0, patient=False) == Verdict("complete", "goes without dicom_1 (optional)", None)


def test_an_empty_optional_file_gets_the_time_to_be_filled_whoever_waits() -> None:
    unit = replace(draft(BOTH, optional=("label_1",)), unfilled=("label_1",))
    for patient in (True, False):
        waits = Verdict("forming", "waits for label_1 (a.json is empty)", 1050.0)
        assert judged(unit, after=999, patient=patient) == waits
        assert judged(unit, after=1000, patient=patient).state == "complete"


def test_a_missing_required_file_is_waited_for_and_then_reported_with_the_reason() -> None:
    unit = draft({"image_1": 1}, missing=("label_1",), optional=("dicom_1",))
    assert judged(unit, after=999) == Verdict("forming", "waits for label_1 (a.json is empty)", 1050.0)
    assert judged(unit, after=999, patient=False).state == "forming"
    assert judged(unit, after=1000) == Verdict("incomplete", "lacks label_1 (a.json is empty)", None)


def test_a_unit_without_any_file_is_never_complete() -> None:
    """Where all specs are optional, an empty file alone makes no unit to register."""
    unit = draft({}, optional=("label_1",))
    assert judged(unit, after=500) == Verdict(
        "forming", "waits for a file for any of label_1 (a.json is empty)", 1050.0
    )
    assert judged(unit, after=500, patient=False).state == "forming"


def test_a_problem_is_held_at_once_whatever_else_is_missing() -> None:
    unit = draft({"image_1": 1}, missing=("label_1",), problem="2 files for label_1: a.json and b.json")
    assert judged(unit, after=0) == Verdict("held", "2 files for label_1: a.json and b.json", None)
    assert judged(unit, after=5000).state == "held"


def test_a_clock_that_was_set_back_only_waits_longer() -> None:
    assert judged(draft(BOTH, optional=("dicom_1",)), after=-1000).decide_again_at == 350.0
