"""When a ledger is taken for an older copy of the one that was last at work in its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from synapse_sync.ledger import Ledger, open_for_writing
from synapse_sync.ledger.older import Mark, may_be_older

LEFT = Mark(inode=7, number=40)


@pytest.mark.parametrize("mark", [LEFT, Mark(0, 0)])
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert Mark.read(mark.write()) == mark


@pytest.mark.parametrize("text", ["", "7", "7 x", "checked 1 2 3"])
def test_a_text_that_is_no_mark_is_that_of_no_ledger(text: str) -> None:
    assert may_be_older(Mark(7, 0), Mark.read(text))


def test_it_is_the_one_that_was_there_last() -> None:
    assert not may_be_older(LEFT, LEFT)


def test_a_process_may_be_killed_between_its_commit_and_the_mark() -> None:
    assert not may_be_older(Mark(7, 41), LEFT)


def test_it_is_an_older_copy_where_its_number_is_lower_or_where_it_is_another_file() -> None:
    assert may_be_older(Mark(7, 39), LEFT)
    assert may_be_older(Mark(8, 40), LEFT)
    assert may_be_older(Mark(8, 41), LEFT)


def write(ledger: Ledger, *, durable: bool) -> None:
    with ledger.write(durable=durable):
        pass


def test_durable_commits_are_numbered_in_the_file(path: Path) -> None:
    with open_for_writing(path, create=True) as ledger:
        begun = ledger.number
        write(ledger, durable=True)
        write(ledger, durable=False)
        with pytest.raises(KeyError), ledger.write(durable=True):
            raise KeyError
        assert ledger.number == begun + 1
    with open_for_writing(path, create=False) as ledger:
        assert ledger.number == begun + 1, "opening it is none"


def test_an_older_copy_is_numbered_above_all_that_was_there_before(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with open_for_writing(path, create=True) as ledger:
        ledger.copy_to(copy)
        for _ in range(5):
            write(ledger, durable=True)
        last = ledger.number
    shutil.copyfile(copy, path)

    with open_for_writing(path, create=False) as ledger:
        assert ledger.number == last + 1
