"""What present files mean for a unit that was sent."""

from __future__ import annotations

import pytest

from synapse_sync.grouping.versions import Difference, Present, compare

SENT = {"image_1": 1, "label_1": 2}


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ({"image_1": Present(1, True), "label_1": Present(2, True)}, Difference("same")),
        ({"image_1": Present(1, True)}, Difference("same")),
        ({}, Difference("same")),
        ({"image_1": Present(1, False), "label_1": Present(2, True)}, Difference("unread")),
        ({"image_1": Present(3, True), "label_1": Present(2, True)}, Difference("changed", ("image_1",))),
        ({"image_1": Present(3, True), "label_1": Present(4, True)}, Difference("changed", ("image_1", "label_1"))),
        ({"image_1": Present(1, True), "dicom_1": Present(None, False)}, Difference("late", ("dicom_1",))),
        ({"image_1": Present(3, True), "dicom_1": Present(None, False)}, Difference("changed", ("image_1",))),
        ({"image_1": Present(3, False), "dicom_1": Present(None, False)}, Difference("unread")),
    ],
    ids=[
        "everything as it was",
        "a deleted file is no difference",
        "no file left is no difference",
        "a touched file is read before anything is concluded",
        "changed content",
        "both changed",
        "a late file need not be read to be late",
        "changed content comes before late files",
        "unread comes before all",
    ],
)
def test_present_files_against_what_was_sent(present: dict[str, Present], expected: Difference) -> None:
    assert compare(SENT, present) == expected
